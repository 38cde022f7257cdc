import { randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { describe, expect, it, onTestFinished } from "vitest";
import { ExportLogsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import type { GrpcExporterOptions } from "../../pipeline/export/grpc.ts";
import { startSink } from "../support/otlp-sink.ts";
import { grpcExporter } from "./exporting.ts";
import { answer, startHttp2 } from "./raw-server.ts";

function exporterFor(url: string, options: Partial<GrpcExporterOptions> = {}) {
  const exporter = grpcExporter(url, options);
  onTestFinished(exporter.close);
  return exporter;
}

async function sinkFor(...options: Parameters<typeof startSink>) {
  const sink = await startSink(...options);
  onTestFinished(sink.close);
  return sink;
}

/** A receiver that keeps what came over the wire, and accepts it. */
async function wire() {
  const requests: { body: Buffer; headers: Record<string, unknown> }[] = [];
  const server = await startHttp2((stream, body, headers) => {
    requests.push({ body, headers });
    answer(stream, new Uint8Array(), { "grpc-status": "0" });
  });
  onTestFinished(server.close);
  return { url: `http://127.0.0.1:${server.port}`, requests };
}

const metricsRequest = create(ExportMetricsServiceRequestSchema, {
  resourceMetrics: [
    {
      scopeMetrics: [
        {
          metrics: [
            {
              name: "temperature",
              data: {
                case: "gauge",
                value: {
                  dataPoints: [
                    { timeUnixNano: 1754851200000000001n, value: { case: "asInt", value: -(2n ** 63n) } },
                  ],
                },
              },
            },
          ],
        },
      ],
    },
    { schemaUrl: randomBytes(3000).toString("hex") },
  ],
});
const metricsBytes = toBinary(ExportMetricsServiceRequestSchema, metricsRequest);
const logsRequest = create(ExportLogsServiceRequestSchema, {
  resourceLogs: [
    {
      scopeLogs: [
        { logRecords: [{ observedTimeUnixNano: 5n, body: { value: { case: "stringValue", value: "x" } } }] },
      ],
    },
  ],
});
const logsBytes = toBinary(ExportLogsServiceRequestSchema, logsRequest);

describe("createGrpcExporter()", () => {
  it("delivers metrics and logs to their services, over one connection", async () => {
    const sink = await sinkFor();
    const exporter = exporterFor(sink.url);
    const outcomes = await Promise.all([
      exporter.export("metrics", metricsBytes, {}),
      exporter.export("logs", logsBytes, {}),
    ]);
    expect(outcomes).toEqual([{ kind: "accepted" }, { kind: "accepted" }]);
    expect(await exporter.export("metrics", metricsBytes, {})).toEqual({ kind: "accepted" });
    const of = (signal: string) => sink.requests.filter((received) => received.signal === signal);
    expect(of("metrics").map(({ request }) => request)).toEqual([metricsRequest, metricsRequest]);
    expect(of("logs").map(({ request }) => request)).toEqual([logsRequest]);
    expect(sink.connections.made).toBe(1);
  });

  it.each([
    ["metrics", metricsBytes],
    ["logs", logsBytes],
    ["metrics", new Uint8Array()],
    ["metrics", new Uint8Array([0x0a, 0x03, 0x98, 0x99, 0x01])],
  ] as const)("sends the %s request byte for byte", async (signal, bytes) => {
    const { url, requests } = await wire();
    expect(await exporterFor(url).export(signal, bytes, {})).toEqual({ kind: "accepted" });
    const body = requests[0]?.body ?? Buffer.alloc(0);
    expect(body.readUInt8(0)).toBe(0);
    expect(body.readUInt32BE(1)).toBe(bytes.length);
    expect(Buffer.compare(body.subarray(5), bytes)).toBe(0);
  });

  it("compresses with gzip when asked, and says so", async () => {
    const { url, requests } = await wire();
    await exporterFor(url, { compression: "gzip" }).export("metrics", metricsBytes, {});
    const { body, headers } = requests[0] ?? { body: Buffer.alloc(5), headers: {} };
    expect(headers["grpc-encoding"]).toBe("gzip");
    expect(body.readUInt8(0)).toBe(1);
    expect(Buffer.compare(gunzipSync(body.subarray(5)), metricsBytes)).toBe(0);
  });

  it("sends path, content type, time limit, user agent and headers as gRPC wants them", async () => {
    const { url, requests } = await wire();
    const headers = { "x-tenant": "plant-7", authorization: { current: () => ["Bearer new", "Bearer old"] } };
    await exporterFor(url, { headers, userAgent: "mqtt-otlp-gateway/1.2.3" }).export("logs", logsBytes, {});
    expect(requests[0]?.headers).toMatchObject({
      ":method": "POST",
      ":path": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
      "content-type": "application/grpc+proto",
      te: "trailers",
      "grpc-timeout": "5000m",
      "user-agent": "mqtt-otlp-gateway/1.2.3",
      "x-tenant": "plant-7",
      authorization: "Bearer new",
    });
    expect(requests[0]?.headers).not.toHaveProperty("grpc-encoding");
  });

  it("reads secrets again at each call", async () => {
    const sink = await sinkFor();
    let values: string[] | undefined = ["one"];
    const exporter = exporterFor(sink.url, { headers: { "x-key": { current: () => values } } });
    await exporter.export("logs", logsBytes, {});
    values = ["two"];
    await exporter.export("logs", logsBytes, {});
    values = undefined;
    expect(await exporter.export("logs", logsBytes, {})).toEqual({
      kind: "misconfigured",
      reason: "The secret of header x-key cannot be read: check its file or variable",
    });
    expect(sink.requests.map(({ headers }) => headers.get("x-key"))).toEqual(["one", "two"]);
  });

  it("never repeats a secret that the receiver repeats", async () => {
    const message = "token s3cr3t is bad, Bearer s3cr3t too";
    const sink = await sinkFor({ behaviour: { kind: "status", code: Code.Unauthenticated, message } });
    const exporter = exporterFor(sink.url, {
      headers: { authorization: { current: () => ["Bearer s3cr3t"] } },
    });
    const outcome = await exporter.export("logs", logsBytes, {});
    expect(outcome).toMatchObject({ kind: "misconfigured" });
    expect(JSON.stringify(outcome)).not.toContain("s3cr3t");
  });

  it("never repeats a secret in what a partial success says", async () => {
    const behaviour = { kind: "partial", rejectedItems: 1n, errorMessage: "no s3cr3t" } as const;
    const sink = await sinkFor({ behaviour });
    const exporter = exporterFor(sink.url, { headers: { "x-key": { current: () => ["s3cr3t"] } } });
    expect(await exporter.export("logs", logsBytes, {})).toMatchObject({ reason: "no [redacted]" });
    sink.behave({ ...behaviour, rejectedItems: 0n });
    expect(await exporter.export("logs", logsBytes, {})).toMatchObject({ warning: "no [redacted]" });
  });

  it("never repeats a part of a secret where a long message is cut", async () => {
    const message = `${"x".repeat(493)}s3cr3t-and-more`;
    const sink = await sinkFor({ behaviour: { kind: "status", code: Code.InvalidArgument, message } });
    const exporter = exporterFor(sink.url, { headers: { "x-key": { current: () => ["s3cr3t-and-more"] } } });
    const { reason } = (await exporter.export("logs", logsBytes, {})) as { reason: string };
    expect(reason).toContain("xxx");
    expect(reason).not.toContain("s3cr");
  });

  it.each(["two\nlines", "snow ☃"])(
    "answers with an outcome when a secret cannot be a header: %j",
    async (value) => {
      const sink = await sinkFor();
      const exporter = exporterFor(sink.url, { headers: { "x-key": { current: () => [value] } } });
      const outcome = await exporter.export("logs", logsBytes, {});
      expect(outcome).toEqual({
        kind: "misconfigured",
        reason: "The value of header x-key cannot be sent: only visible ASCII characters and spaces can be",
      });
    },
  );

  it.each(Object.values(Code).filter((code) => typeof code === "number"))(
    "classifies status %i from the wire as the receiver's own",
    async (code) => {
      const sink = await sinkFor({ behaviour: { kind: "status", code, message: "50 % ☃" } });
      const outcome = await exporterFor(sink.url).export("metrics", metricsBytes, {});
      expect(outcome).toMatchObject({
        reason: expect.stringMatching(/^The receiver answered [A-Z_]+ \(50 % ☃\)/),
      });
    },
  );

  it.each([Code.ResourceExhausted, Code.Unavailable])(
    "reads RetryInfo with status %i from the wire",
    async (code) => {
      const sink = await sinkFor({ behaviour: { kind: "status", code, retryDelayMs: 1500 } });
      const outcome = await exporterFor(sink.url).export("logs", logsBytes, {});
      expect(outcome).toMatchObject({ kind: "retryable", answered: true, retryDelayMs: 1500 });
    },
  );

  it("keeps the connection after a status, the receiver's own DEADLINE_EXCEEDED too", async () => {
    const sink = await sinkFor({ behaviour: { kind: "status", code: Code.DeadlineExceeded } });
    const exporter = exporterFor(sink.url);
    expect(await exporter.export("logs", logsBytes, {})).toMatchObject({ kind: "retryable", answered: true });
    await exporter.export("logs", logsBytes, {});
    expect(sink.connections.made).toBe(1);
  });

  it.each([
    ["metrics", metricsBytes],
    ["logs", logsBytes],
  ] as const)("reports partial success of %s", async (signal, bytes) => {
    const sink = await sinkFor({
      behaviour: { kind: "partial", rejectedItems: 3n, errorMessage: "too old" },
    });
    const exporter = exporterFor(sink.url);
    expect(await exporter.export(signal, bytes, {})).toEqual({
      kind: "partial",
      rejectedItems: 3,
      reason: "too old",
    });
    sink.behave({ kind: "partial", rejectedItems: 0n, errorMessage: "slow down" });
    expect(await exporter.export(signal, bytes, {})).toEqual({ kind: "accepted", warning: "slow down" });
  });

  it("accepts a success without a partial_success at all", async () => {
    const { url } = await wire();
    expect(await exporterFor(url).export("logs", logsBytes, {})).toEqual({ kind: "accepted" });
  });

  it("gives up at once when it is aborted", async () => {
    const sink = await sinkFor({ behaviour: { kind: "hang" } });
    const exporter = exporterFor(sink.url);
    const controller = new AbortController();
    const pending = exporter.export("logs", logsBytes, { signal: controller.signal });
    await sink.received(1);
    controller.abort();
    expect(await pending).toEqual({
      kind: "retryable",
      reason: "The call was given up by the gateway",
      answered: false,
    });
    expect(await exporter.export("logs", logsBytes, { signal: AbortSignal.abort() })).toMatchObject({
      kind: "retryable",
      answered: false,
    });
    expect(sink.requests).toHaveLength(1);
  });

  it("ends what is under way when it is closed, and refuses what comes later", async () => {
    const sink = await sinkFor({ behaviour: { kind: "hang" } });
    const exporter = exporterFor(sink.url);
    const pending = exporter.export("logs", logsBytes, {});
    await sink.received(1);
    await exporter.close();
    expect(await pending).toMatchObject({ kind: "retryable", answered: false });
    expect(await exporter.export("logs", logsBytes, {})).toMatchObject({
      kind: "retryable",
      answered: false,
    });
    expect(sink.connections.made).toBe(1);
  });
});
