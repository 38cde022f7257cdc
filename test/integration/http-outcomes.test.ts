import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it, onTestFinished } from "vitest";
import { ExportLogsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { silentLogger } from "../../pipeline/logger.ts";
import { accept, type OnRequest, startHttp } from "../export/http-server.ts";
import { ledgerFaults, type Status } from "../support/gateway-process.ts";
import { createRecorder, numbered } from "./recorder.ts";
import { temporaryFolder } from "./workbench.ts";

const timeoutMs = 2000;

/** The whole gateway in this process, with an OTLP/HTTP receiver that behaves so, and one message that was taken. */
async function setUp(behaviour: OnRequest) {
  const recorder = createRecorder();
  let onRequest = behaviour;
  let requests = 0;
  const receiver = await startHttp((request, body, response) => {
    requests += 1;
    onRequest(request, body, response);
  });
  onTestFinished(receiver.close);
  const config = loadConfig({
    files: [],
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
      OTEL_EXPORTER_OTLP_TIMEOUT: String(timeoutMs),
      GATEWAY_STORE_PATH: join(temporaryFolder(), "gateway.db"),
    },
    resolvePath: (_, path) => path,
  });
  const gateway = await openGateway(config, { logger: silentLogger, environment: {} });
  onTestFinished(() => gateway.close());
  const request = async (path: string, body?: string) =>
    gateway.fetch(
      new Request(
        `http://127.0.0.1${path}`,
        body === undefined ? {} : { method: "POST", body, headers: { "content-type": "application/json" } },
      ),
    );
  expect((await request("/webhooks/mqtt", numbered(1))).status).toBe(200);
  return {
    recorder,
    requests: () => requests,
    flush: async () => (await request("/timer/flush", '{"force":true}')).status,
    async lanes() {
      const status = (await (await request("/status")).json()) as Status;
      expect(ledgerFaults(status)).toEqual([]);
      return Object.values(Object.values(status.destinations)[0] ?? {});
    },
    async deadLetters() {
      const { items } = (await (await request("/dead-letters")).json()) as { items: { detail: string }[] };
      return items.map(({ detail }) => detail);
    },
    /** From now on the receiver takes everything. */
    mend() {
      onRequest = (request, body, response) => {
        const bytes = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
        const isMetrics = request.url === "/v1/metrics";
        recorder.add(
          isMetrics
            ? fromBinary(ExportMetricsServiceRequestSchema, bytes)
            : fromBinary(ExportLogsServiceRequestSchema, bytes),
        );
        accept(request, body, response);
      };
    },
  };
}

function answer(status: number, headers: Record<string, string> = {}, body = ""): OnRequest {
  return (_request, _body, response) => {
    response.writeHead(status, headers).end(body);
  };
}

const html = { "content-type": "text/html" };

const retried: [string, OnRequest, RegExp][] = [
  ...[429, 502, 503, 504].map((status): [string, OnRequest, RegExp] => [
    `HTTP ${status}`,
    answer(status),
    new RegExp(`HTTP ${status}`),
  ]),
  ...[200, 400, 500, 502, 503].map((status): [string, OnRequest, RegExp] => [
    `HTTP ${status} with a proxy's page`,
    answer(status, html, "<h1>Sign in</h1>"),
    /no OTLP receiver.*web page.*proxy/,
  ]),
  [
    "a port that wants TLS",
    answer(400, {}, "Client sent an HTTP request to an HTTPS server.\n"),
    /wants TLS: use https/,
  ],
  ["a reset before the answer", (request) => request.socket.resetAndDestroy(), /reset before an answer/],
  ["an end before the answer", (request) => request.socket.end(), /closed the connection before its answer/],
  [
    "an answer that is cut in half",
    (request) => request.socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"),
    /before its answer was complete/,
  ],
  ["something that is no HTTP", (request) => request.socket.end("220 ready\r\n"), /does not speak HTTP/],
  ["silence", () => {}, /No complete answer came within/],
  [
    "an answer that trickles",
    (_request, _body, response) => {
      const trickle = setInterval(() => response.write("\n"), timeoutMs / 20);
      response.once("close", () => clearInterval(trickle));
    },
    /No complete answer came within/,
  ],
];

describe("what is sent again over OTLP/HTTP", () => {
  it.each(retried)("%s: nothing is lost, and the cause is shown", async (_name, behaviour, reason) => {
    const { recorder, flush, lanes, mend } = await setUp(behaviour);
    expect(await flush()).toBe(503);
    for (const lane of await lanes()) {
      expect(lane).toMatchObject({
        pending: 1,
        delivered: 0,
        deadLettered: 0,
        retries: 1,
        health: "Degraded",
        reason: expect.stringMatching(reason),
      });
    }
    mend();
    expect(await flush()).toBe(200);
    for (const lane of await lanes()) {
      expect(lane).toMatchObject({ pending: 0, delivered: 1, health: "Available", reason: null });
    }
    expect([...recorder.gauges]).toEqual([1]);
    expect([...recorder.logs]).toEqual(["1"]);
  });

  it("Retry-After: the receiver's wish holds, also against somebody who forces", async () => {
    const { requests, flush, lanes, mend } = await setUp(answer(429, { "retry-after": "120" }));
    expect(await flush()).toBe(503);
    for (const { nextAttemptAt } of await lanes()) {
      expect(Date.parse(nextAttemptAt ?? "")).toBeGreaterThan(Date.now() + 90_000);
    }
    mend();
    const attempts = requests();
    expect(await flush()).toBe(503);
    expect(requests()).toBe(attempts);
  });
});

describe("what waits for somebody to mend the configuration over OTLP/HTTP", () => {
  it.each([
    ...[301, 302, 307, 308].map((status) => ({ status, headers: { location: "/login" } })),
    ...[401, 403, 404].map((status) => ({ status, headers: {} })),
    ...[302, 401, 403, 404].map((status) => ({ status, headers: html })),
  ])("HTTP $status $headers", async ({ status, headers }) => {
    const { recorder, flush, lanes, mend } = await setUp(answer(status, headers, "Go away"));
    expect(await flush()).toBe(503);
    for (const lane of await lanes()) {
      expect(lane).toMatchObject({
        pending: 1,
        deadLettered: 0,
        health: "Unavailable",
        reason: expect.stringContaining(`HTTP ${status}`),
      });
    }
    mend();
    expect(await flush()).toBe(200);
    expect([...recorder.gauges]).toEqual([1]);
    expect([...recorder.logs]).toEqual(["1"]);
  });
});

describe("what is refused for good over OTLP/HTTP", () => {
  it.each([400, 405, 408, 413, 415, 500, 501])("HTTP %i: a dead letter says why", async (status) => {
    const { requests, flush, lanes, deadLetters, mend } = await setUp(answer(status));
    await flush();
    for (const lane of await lanes()) {
      expect(lane).toMatchObject({ deadLettered: 1, pending: 0, delivered: 0 });
    }
    const details = await deadLetters();
    expect(details).toHaveLength(2);
    for (const detail of details) expect(detail).toContain(`HTTP ${status}`);
    mend();
    const attempts = requests();
    expect(await flush()).toBe(200);
    expect(requests()).toBe(attempts);
  });
});
