/**
 * What AWS Lambda hands over for an HTTP request, and what it takes as the answer. Sources: AWS, "Create AWS Lambda
 * proxy integrations for HTTP APIs" (payload formats 1.0 and 2.0), "Invoking Lambda function URLs".
 */
import { Buffer } from "node:buffer";

interface HttpBody {
  body?: string | null | undefined;
  isBase64Encoded?: boolean | undefined;
}

type Texts<Value> = Readonly<Record<string, Value | undefined>> | null | undefined;

/** API Gateway's REST APIs, and its HTTP APIs when they are told so. */
export interface LambdaEventV1 extends HttpBody {
  /** Of HTTP APIs alone. */
  version?: string | undefined;
  httpMethod: string;
  path: string;
  headers?: Texts<string>;
  multiValueHeaders?: Texts<readonly string[]>;
  queryStringParameters?: Texts<string>;
  multiValueQueryStringParameters?: Texts<readonly string[]>;
  requestContext?: { stage?: string | undefined } | null | undefined;
}

/** Function URLs, and API Gateway's HTTP APIs. */
export interface LambdaEventV2 extends HttpBody {
  rawPath: string;
  rawQueryString: string;
  headers: Texts<string>;
  requestContext: { stage?: string | undefined; http: { method: string } };
}

export interface LambdaResult {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
  isBase64Encoded: false;
}

export function isEventV1(event: object): event is LambdaEventV1 {
  return "httpMethod" in event && "path" in event;
}

export function isEventV2(event: object): event is LambdaEventV2 {
  return "rawPath" in event && "requestContext" in event;
}

/**
 * The request that an event is of. Its host is a placeholder, because nothing here depends on it.
 *
 * Errors: TypeError when it is not one that HTTP allows.
 */
export function requestOf(event: LambdaEventV1 | LambdaEventV2): Request {
  const { method, path, query } = isEventV1(event) ? targetOfV1(event) : targetOfV2(event);
  const headers = new Headers();
  for (const [name, value] of isEventV1(event) ? headersOfV1(event) : entriesOf(event.headers)) {
    headers.append(name, asBytes(value));
  }
  const url = new URL("https://gateway.invalid");
  url.pathname = path;
  url.search = query;
  if (method === "GET" || method === "HEAD") return new Request(url, { method, headers });
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  headers.set("Content-Length", String(body.byteLength));
  return new Request(url, { method, headers, body });
}

/** All that the gateway answers is text. */
export async function resultOf(response: Response): Promise<LambdaResult> {
  return {
    statusCode: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
    isBase64Encoded: false,
  };
}

function targetOfV1(event: LambdaEventV1) {
  const { httpMethod: method, multiValueQueryStringParameters: lists, version, requestContext } = event;
  const path = version === undefined ? event.path : withoutStage(event.path, requestContext?.stage);
  const pairs = lists ? pairsOf(lists) : entriesOf(event.queryStringParameters);
  return { method, path, query: new URLSearchParams(pairs).toString() };
}

function targetOfV2({ rawPath, rawQueryString: query, requestContext: { stage, http } }: LambdaEventV2) {
  return { method: http.method, path: withoutStage(rawPath, stage), query };
}

/** Paths of an HTTP API begin with its stage, when that has a name. */
function withoutStage(path: string, stage: string | undefined): string {
  const start = `/${stage ?? ""}`;
  return path.startsWith(`${start}/`) ? path.slice(start.length) : path;
}

/** The lists have what the plain headers have, and repeated ones too. */
function headersOfV1({ headers, multiValueHeaders }: LambdaEventV1): [string, string][] {
  return multiValueHeaders ? pairsOf(multiValueHeaders) : entriesOf(headers);
}

function pairsOf(lists: Texts<readonly string[]>): [string, string][] {
  return entriesOf(lists).flatMap(([name, values]) => values.map((value): [string, string] => [name, value]));
}

function entriesOf<Value>(texts: Texts<Value>): [string, Value][] {
  return Object.entries(texts ?? {}).filter((entry): entry is [string, Value] => entry[1] != null);
}

/** One character a byte, as HTTP servers give header values. */
function asBytes(value: string): string {
  return Buffer.from(value, "utf8").toString("latin1");
}
