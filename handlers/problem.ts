import type { Context, MiddlewareHandler } from "hono";

/** One fault of what was sent; `path` is dotted, "" is the whole. */
export interface Fault {
  path: string;
  message: string;
}

const titles = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  503: "Service Unavailable",
} as const;
export type ProblemStatus = keyof typeof titles;

export interface ProblemOptions {
  errors?: readonly Fault[] | undefined;
  headers?: Readonly<Record<string, string>> | undefined;
}

/** An error as the sender gets to see it. Source: RFC 9457. */
export function problem(status: ProblemStatus, detail: string, options: ProblemOptions = {}): Response {
  const { errors, headers } = options;
  const body = { type: "about:blank", title: titles[status], status, detail, errors };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}

/** The answer to every method that a route does not name. */
export function methodNotAllowed(allow: string): (c: Context) => Response {
  return (c) => problem(405, `Cannot ${c.req.method} here: wanted ${allow}`, { headers: { Allow: allow } });
}

/** What a validator found in query, parameters or body, as a problem. */
export function validationProblem(
  result:
    | { success: true }
    | { success: false; error: { issues: readonly { path: PropertyKey[]; message: string }[] } },
): Response | undefined {
  if (result.success) return undefined;
  const errors = result.error.issues.map(({ path, message }) => ({
    path: path.map(String).join("."),
    message,
  }));
  const [first] = errors;
  const detail = first ? [first.path, first.message].filter(Boolean).join(": ") : "Cannot read the request";
  return problem(400, detail, { errors });
}

export type Middleware = MiddlewareHandler;
