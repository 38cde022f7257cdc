import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { ExportLogsServiceResponseSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { ExportMetricsServiceResponseSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import type { ExportOutcome } from "../../pipeline/export/exporter.ts";
import { outcomeOfAnswer } from "../../pipeline/export/http-outcome.ts";
import type { Signal } from "../../pipeline/message.ts";
import { httpExporter } from "./exporting.ts";

const urls = { metrics: "http://collector.test/v1/metrics", logs: "http://collector.test/v1/logs" };
const receiver = setupServer();
beforeAll(() => receiver.listen({ onUnhandledRequest: "error" }));
afterEach(() => receiver.resetHandlers());
afterAll(() => receiver.close());

interface Answer {
  status: number;
  headers?: Record<string, string>;
  type?: string | undefined;
  body?: string | Uint8Array<ArrayBuffer>;
}

/** What an exporter makes of an answer to a request of that signal. */
async function outcomeOf({ status, headers, type, body }: Answer, signal: Signal = "metrics") {
  const contentType = type === undefined ? undefined : { "content-type": type };
  receiver.use(
    http.post(urls[signal], () => {
      const response = new HttpResponse(body ?? null, { status, headers: { ...headers, ...contentType } });
      if (type === undefined) response.headers.delete("content-type");
      return response;
    }),
  );
  const exporter = httpExporter("http://collector.test", {
    headers: { authorization: { current: () => ["Bearer s3cr3t"] } },
  });
  try {
    return await exporter.export(signal, new Uint8Array(), {});
  } finally {
    await exporter.close();
  }
}

const protobuf = "application/x-protobuf";
const json = "application/json";
const html = "text/html; charset=utf-8";

function encode<Desc extends DescMessage>(schema: Desc, message: MessageInitShape<Desc>) {
  return new Uint8Array(toBinary(schema, create(schema, message)));
}

function metricsAnswer(rejectedDataPoints: bigint, errorMessage = "") {
  const partialSuccess = { rejectedDataPoints, errorMessage };
  return encode(ExportMetricsServiceResponseSchema, { partialSuccess });
}

function logsAnswer(rejectedLogRecords: bigint, errorMessage = "") {
  return encode(ExportLogsServiceResponseSchema, { partialSuccess: { rejectedLogRecords, errorMessage } });
}

function errorBody(message: string) {
  return encode(StatusSchema, { code: 3, message });
}

const unreadable = expect.stringContaining("cannot be read");

describe("export() of a request that was taken", () => {
  it.each<[string, Signal, Answer, ExportOutcome]>([
    ["an empty answer", "metrics", { status: 200, type: protobuf }, { kind: "accepted" }],
    ["an empty answer without a type", "logs", { status: 200 }, { kind: "accepted" }],
    [
      "an empty partial success",
      "metrics",
      { status: 200, type: protobuf, body: metricsAnswer(0n) },
      { kind: "accepted" },
    ],
    ["202 instead of 200", "metrics", { status: 202, type: "text/plain" }, { kind: "accepted" }],
    ["204", "logs", { status: 204 }, { kind: "accepted" }],
    [
      "an answer in JSON",
      "metrics",
      { status: 200, type: json, body: '{"partialSuccess":{},"newer":1}' },
      { kind: "accepted" },
    ],
    [
      "rejected data points",
      "metrics",
      { status: 200, type: protobuf, body: metricsAnswer(3n, "too old") },
      { kind: "partial", rejectedItems: 3, reason: "too old" },
    ],
    [
      "rejected log records",
      "logs",
      { status: 200, type: protobuf, body: logsAnswer(2n) },
      { kind: "partial", rejectedItems: 2, reason: "The receiver gave no reason" },
    ],
    [
      "rejected data points in JSON",
      "metrics",
      { status: 200, type: json, body: '{"partialSuccess":{"rejectedDataPoints":"4","errorMessage":"no"}}' },
      { kind: "partial", rejectedItems: 4, reason: "no" },
    ],
    [
      "rejected log records in JSON",
      "logs",
      { status: 200, type: json, body: '{"partialSuccess":{"rejectedLogRecords":5}}' },
      { kind: "partial", rejectedItems: 5, reason: "The receiver gave no reason" },
    ],
    [
      "a message alone",
      "logs",
      { status: 200, type: protobuf, body: logsAnswer(0n, "use v2") },
      { kind: "accepted", warning: "use v2" },
    ],
    [
      "a credential in its message",
      "logs",
      { status: 200, type: protobuf, body: logsAnswer(0n, "s3cr3t is old") },
      { kind: "accepted", warning: "[redacted] is old" },
    ],
    [
      "a body that is no message",
      "metrics",
      { status: 200, type: protobuf, body: Buffer.from("ok") },
      { kind: "accepted", warning: unreadable },
    ],
    [
      "text",
      "metrics",
      { status: 200, type: "text/plain", body: "ok" },
      { kind: "accepted", warning: unreadable },
    ],
    [
      "broken JSON",
      "metrics",
      { status: 200, type: json, body: "{" },
      { kind: "accepted", warning: unreadable },
    ],
    [
      "an answer larger than any should be",
      "metrics",
      { status: 200, type: protobuf, body: new Uint8Array(4_194_305) },
      { kind: "accepted", warning: unreadable },
    ],
  ])("is accepted with %s", async (_name, signal, answer, outcome) => {
    expect(await outcomeOf(answer, signal)).toEqual(outcome);
  });
});

describe("export() of a request that was answered otherwise", () => {
  it.each([
    ...[401, 403].map((status) => ({ status, kind: "misconfigured", isCredentialRefused: true })),
    { status: 404, kind: "misconfigured" },
    ...[300, 301, 302, 303, 304, 307, 308].map((status) => ({ status, kind: "misconfigured" })),
    ...[429, 503].map((status) => ({ status, kind: "retryable", answered: true })),
    // A proxy says these two, who does not know whether the receiver took the request.
    ...[502, 504].map((status) => ({ status, kind: "retryable", answered: false })),
    { status: 413, kind: "refused", tooLarge: true },
    ...[400, 402, 405, 406, 408, 409, 411, 415, 422, 431, 451, 499].map((status) => ({
      status,
      kind: "refused",
      tooLarge: false,
    })),
    ...[500, 501, 505, 507, 511, 599].map((status) => ({ status, kind: "refused", tooLarge: false })),
  ])("HTTP $status is $kind", async ({ status, ...outcome }) => {
    const reason = expect.stringContaining(`HTTP ${status}`);
    expect(await outcomeOf({ status })).toEqual({ reason, ...outcome });
  });

  it.each([301, 302, 401, 403, 404, 413])("HTTP %i means the same with a web page", async (status) => {
    const { kind } = await outcomeOf({ status });
    const page = await outcomeOf({ status, type: html, body: "<h1>Go away</h1>" });
    expect(page).toMatchObject({ kind, reason: expect.not.stringContaining("<") });
  });

  it.each([200, 202, 400, 405, 429, 500, 502, 503, 504])(
    "HTTP %i with a web page is somebody else's and retryable",
    async (status) => {
      const answer = { status, type: "Text/HTML;charset=utf-8", body: "<h1>Sign in</h1>" };
      const reason = expect.stringMatching(
        new RegExp(`no OTLP receiver answered HTTP ${status} with a web page.*proxy`),
      );
      expect(await outcomeOf(answer)).toEqual({ kind: "retryable", reason, answered: false });
    },
  );

  it.each<[string, Answer, string]>([
    [
      "protobuf",
      { status: 400, type: protobuf, body: errorBody("no such field") },
      "HTTP 400 (no such field)",
    ],
    [
      "protobuf by its newer name",
      { status: 400, type: "application/protobuf", body: errorBody("no") },
      "HTTP 400 (no)",
    ],
    ["JSON", { status: 500, type: json, body: '{"code":13,"message":"disk full"}' }, "HTTP 500 (disk full)"],
    ["JSON of its own", { status: 400, type: json, body: '{"error":"bad"}' }, 'HTTP 400 ({"error":"bad"})'],
    [
      "JSON of a kind",
      { status: 400, type: "application/problem+json", body: '{"detail":"bad"}' },
      'HTTP 400 ({"detail":"bad"})',
    ],
    ["broken JSON", { status: 400, type: json, body: "{oops" }, "HTTP 400 ({oops)"],
    ["JSON null", { status: 400, type: json, body: "null" }, "HTTP 400 (null)"],
    ["text", { status: 503, type: "text/plain", body: "  try\n later\u0007 " }, "HTTP 503 (try later)"],
    ["text without a type", { status: 503, body: Buffer.from("later") }, "HTTP 503 (later)"],
    ["protobuf that cannot be read", { status: 500, type: protobuf, body: Buffer.from("oops") }, "HTTP 500"],
    ["something else", { status: 500, type: "image/png", body: Buffer.from("PNG") }, "HTTP 500"],
    ["nothing", { status: 500, type: protobuf }, "HTTP 500"],
    ["too much", { status: 500, type: "text/plain", body: "x".repeat(4_194_305) }, "HTTP 500"],
    [
      "a credential",
      { status: 400, type: "text/plain", body: "got Bearer s3cr3t" },
      "HTTP 400 (got [redacted])",
    ],
  ])("shows what the receiver said with %s", async (_name, answer, said) => {
    expect(await outcomeOf(answer)).toMatchObject({ reason: `The receiver answered ${said}` });
  });

  it("shortens what the receiver said, and leaves no part of a credential at the end", async () => {
    const body = `${"x".repeat(487)} Bearer s3cr3t ${"y".repeat(490)}`;
    const { reason } = (await outcomeOf({ status: 400, type: "text/plain", body })) as { reason: string };
    expect(reason.length).toBeLessThan(600);
    expect(reason).not.toContain("s3c");
    expect(reason).toContain("…");
  });

  it.each([
    [401, /another credential/],
    [403, /may not write logs/],
    [404, /nothing at \/v1\/logs.*logs pipeline/],
    [405, /^The receiver answered HTTP 405 to POST \/v1\/logs: is this the path of an OTLP receiver\?$/],
    [415, /415 to POST \/v1\/logs: it takes no protobuf.*gzip; check the path.*compression/],
    [504, /proxy/],
  ])("HTTP %i says what to do", async (status, advice) => {
    expect(await outcomeOf({ status }, "logs")).toMatchObject({ reason: expect.stringMatching(advice) });
  });

  it.each([
    ["Go", "text/plain", "Client sent an HTTP request to an HTTPS server.\n"],
    ["Go, without a type", undefined, "Client sent an HTTP request to an HTTPS server.\n"],
    ["nginx", html, "<center>The plain HTTP request was sent to HTTPS port</center>"],
    ["Apache", html, "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />"],
  ])("is retryable when a port of %s wants TLS, and says so", async (_name, type, text) => {
    const answer = { status: 400, type, body: Buffer.from(text) };
    const reason = "The port wants TLS: use https://, also from a proxy to the receiver";
    expect(await outcomeOf(answer)).toEqual({ kind: "retryable", reason, answered: false });
  });

  it.each([200, 415])("HTTP %i of a gRPC server is somebody else's, and says so", async (status) => {
    const outcome = await outcomeOf({
      status,
      type: "application/grpc+proto",
      headers: { "grpc-status": "12" },
    });
    const reason = expect.stringMatching(/speaks gRPC.*4318/);
    expect(outcome).toEqual({ kind: "retryable", reason, answered: false });
  });

  it("is refused as too large in the Collector's own words", async () => {
    const body = errorBody("http: request body too large");
    expect(await outcomeOf({ status: 400, type: protobuf, body })).toMatchObject({
      kind: "refused",
      tooLarge: true,
    });
  });

  it.each([
    ["https://login.test/oauth?state=abc#x", "(https://login.test/oauth)"],
    ["/v2/metrics", "(http://collector.test/v2/metrics)"],
    ["https://user:word@login.test/", "(https://login.test/)"],
    ["http://[", "elsewhere, and"],
  ])("says where a redirect to %s points, without what may be secret", async (location, words) => {
    const { reason } = (await outcomeOf({ status: 307, headers: { location } })) as { reason: string };
    expect(reason).toContain(words);
    expect(reason).not.toMatch(/state|word/);
  });

  it.each(["/receiver/s3cr3t/v1/logs", "/receiver/s3cr3t"])("does not show the secret in %s", (path) => {
    const url = `https://collector.test${path}`;
    const shown = path.replace("/receiver/s3cr3t", "/…");
    const headers = new Headers({ location: path, "content-type": "text/plain" });
    const body = Buffer.from(`Cannot POST ${path}`);
    for (const status of [307, 400, 404, 405, 415]) {
      const question = { signal: "logs", url, redact: (text: string) => text } as const;
      const { reason } = outcomeOfAnswer({ status, headers, body }, question) as { reason: string };
      expect(reason).not.toContain("s3cr3t");
      expect(reason).toContain(`Cannot POST ${shown}`);
    }
  });
});

describe("export() with Retry-After", () => {
  it.each([429, 502, 503, 504])("waits as long as the sender of HTTP %i wants", async (status) => {
    const outcome = await outcomeOf({ status, headers: { "retry-after": "7" } });
    expect(outcome).toMatchObject({ kind: "retryable", retryDelayMs: 7000 });
  });

  it("waits five minutes at most", async () => {
    const outcome = await outcomeOf({ status: 503, headers: { "retry-after": "86400" } });
    expect(outcome).toMatchObject({ retryDelayMs: 300_000 });
  });

  it("waits until a date", async () => {
    const headers = { date: "Sun, 06 Nov 1994 08:49:07 GMT", "retry-after": "Sun, 06 Nov 1994 08:49:37 GMT" };
    expect(await outcomeOf({ status: 429, headers })).toMatchObject({ retryDelayMs: 30_000 });
  });

  it("waits as its own back-off says when the value means nothing", async () => {
    const outcome = await outcomeOf({ status: 503, headers: { "retry-after": "soon" } });
    expect(outcome).toMatchObject({ kind: "retryable", retryDelayMs: undefined });
  });

  it("waits for what a proxy's page says", async () => {
    const outcome = await outcomeOf({ status: 503, type: html, headers: { "retry-after": "9" } });
    expect(outcome).toMatchObject({ kind: "retryable", answered: false, retryDelayMs: 9000 });
  });

  it("does not make what is refused retryable", async () => {
    const outcome = await outcomeOf({ status: 500, headers: { "retry-after": "9" } });
    expect(outcome).toMatchObject({ kind: "refused", tooLarge: false });
  });
});

describe("outcomeOfAnswer()", () => {
  const secret = "s3cr3t";
  const type = fc.constantFrom(undefined, protobuf, json, html, "text/plain", "image/png", "; ,,=");
  const noise = fc.oneof(
    fc.string(),
    fc.constantFrom('{"message":"', "{", "\n\u0004", "\u0012\u0010", "<h1>"),
  );

  it("makes something of every answer, and never repeats a secret", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 599 }),
        fc.constantFrom<Signal>("metrics", "logs"),
        type,
        fc.tuple(noise, noise),
        fc.webUrl(),
        (status, signal, contentType, [before, behind], location) => {
          const headers = new Headers({
            location: `${location}/${secret}`,
            "retry-after": before.trim() && "1",
          });
          if (contentType !== undefined) headers.set("content-type", contentType);
          const body = Buffer.from(before + secret + behind);
          const redact = (text: string) => text.replaceAll(secret, "[redacted]");
          const outcome = outcomeOfAnswer({ status, headers, body }, { signal, url: urls[signal], redact });
          expect(JSON.stringify(outcome)).not.toContain(secret);
          expect("reason" in outcome ? outcome.reason : "accepted").not.toBe("");
          expect(outcome.kind === "accepted" || outcome.kind === "partial").toBe(
            status < 300 && contentType !== html,
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});
