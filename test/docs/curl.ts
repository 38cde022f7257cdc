/** curl, as far as the documentation uses it. */
import { parseArgs } from "node:util";

export interface CurlRequest {
  request: Request;
  /** `-i`: status and headers are printed too. */
  showsHeaders: boolean;
}

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const options = {
  data: { ...text, short: "d" },
  "data-binary": text,
  header: { ...text, short: "H", multiple: true },
  include: { ...flag, short: "i" },
  request: { ...text, short: "X" },
  silent: { ...flag, short: "s" },
  url: text,
  user: { ...text, short: "u" },
} as const;

/** Errors: an option that is not known here, and no address or several. */
export function readCurl(args: readonly string[]): CurlRequest {
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [url, ...others] = [...positionals, ...(values.url === undefined ? [] : [values.url])];
  if (url === undefined || others.length > 0) throw new Error("Cannot run curl: wanted one address");
  const body = values["data-binary"] ?? values.data;
  if (body?.startsWith("@")) throw new Error(`Cannot run curl: met ${body}, wanted no file`);
  const headers = new Headers(values.header?.map((line) => line.split(/:(.*)/s, 2) as [string, string]));
  if (values.user !== undefined) headers.set("Authorization", `Basic ${btoa(values.user)}`);
  if (body !== undefined && !headers.has("Content-Type")) {
    headers.set("Content-Type", "application/x-www-form-urlencoded");
  }
  const method = values.request ?? (body === undefined ? "GET" : "POST");
  const request = new Request(url, { method, headers, ...(body === undefined ? {} : { body }) });
  return { request, showsHeaders: values.include === true };
}
