import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type GatewayProcess, gatewayConfiguration, post, startGateway } from "../support/gateway-process.ts";
import { collectorPath } from "./setup.ts";

/**
 * The whole way with real parts: the gateway as a process, a real OpenTelemetry Collector behind it, and a
 * listener that gets back as OTLP JSON what the Collector decoded.
 */
const folder = mkdtempSync(join(tmpdir(), "gateway-collector-"));
const received: Record<"metrics" | "logs", Record<string, unknown>[]> = { metrics: [], logs: [] };
let wake = () => {};
let listener: Server;
let collector: ChildProcess;
let gateway: GatewayProcess;

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Resolves with the text on the child's standard error up to the line that `pattern` matches. */
function untilLogged(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (chunk) => {
      text += chunk;
      if (pattern.test(text)) resolve(text);
    });
    child.once("exit", (status) => reject(new Error(`exited with ${status}: ${text}`)));
  });
}

beforeAll(async () => {
  listener = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const signal = request.url?.endsWith("/metrics") ? "metrics" : "logs";
    received[signal].push(JSON.parse(Buffer.concat(chunks).toString()));
    response.setHeader("content-type", "application/json").end("{}");
    wake();
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const listenerPort = (listener.address() as AddressInfo).port;
  const otlpPort = await freePort();
  const configuration = join(folder, "collector.yaml");
  writeFileSync(
    configuration,
    `
receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:${otlpPort}" } } } }
exporters: { otlphttp: { endpoint: "http://127.0.0.1:${listenerPort}", encoding: json, compression: none } }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    metrics: { receivers: [otlp], exporters: [otlphttp] }
    logs: { receivers: [otlp], exporters: [otlphttp] }
`,
  );
  collector = spawn(collectorPath, ["--config", configuration], { stdio: ["ignore", "ignore", "pipe"] });
  await untilLogged(collector, /Everything is ready/);

  const configPath = join(folder, "gateway.yaml");
  const storePath = join(folder, "gateway.db");
  writeFileSync(configPath, gatewayConfiguration({ otlpUrl: `http://127.0.0.1:${otlpPort}`, storePath }));
  gateway = await startGateway(configPath);
});

afterAll(async () => {
  await gateway?.end("SIGTERM");
  if (collector?.exitCode === null) {
    collector.kill("SIGTERM");
    await once(collector, "exit");
  }
  listener?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Post one message, and resolve with everything of `signal` that the listener got once `count` items are there. */
async function deliver(
  signal: "metrics" | "logs",
  payload: string,
  count: number,
): Promise<Record<string, unknown>[]> {
  received[signal].length = 0;
  const response = await post(
    gateway,
    `{"topic":"plant/line1","payload":${payload},"properties":{"userProperties":[["traceparent","00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]]}}`,
  );
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ accepted: 1 });
  for (;;) {
    const items = received[signal].flatMap((request) => itemsOf(signal, request));
    if (items.length >= count) return items;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}

type Json = Record<string, never>;

function itemsOf(signal: "metrics" | "logs", request: Record<string, unknown>): Record<string, unknown>[] {
  const json = request as { resourceMetrics?: Json[]; resourceLogs?: Json[] };
  if (signal === "metrics")
    return (json.resourceMetrics ?? []).flatMap((r: Record<string, Json[]>) =>
      (r.scopeMetrics ?? []).flatMap((s: Record<string, Json[]>) => s.metrics ?? []),
    );
  return (json.resourceLogs ?? []).flatMap((r: Record<string, Json[]>) =>
    (r.scopeLogs ?? []).flatMap((s: Record<string, Json[]>) => s.logRecords ?? []),
  );
}

describe("a real Collector", () => {
  it("gives back gauges with the same values, nanoseconds and attributes", async () => {
    const metrics = await deliver(
      "metrics",
      `{"metrics":[
        {"name":"high","type":"i64_gauge","value":9223372036854775807,"timestamp":1754851200000000001,"attributes":[{"key":"line","value":"1"}]},
        {"name":"low","type":"i64_gauge","value":-9007199254740993,"timestamp":1754851200000000001},
        {"name":"temperature","type":"f64_gauge","value":72.5,"timestamp":1754851200000000001}]}`,
      3,
    );
    const point = (name: string) => {
      const metric = metrics.find((candidate) => candidate.name === name) as
        | { gauge: { dataPoints: unknown[] } }
        | undefined;
      return metric?.gauge.dataPoints[0];
    };
    expect(point("high")).toEqual({
      attributes: [{ key: "line", value: { stringValue: "1" } }],
      timeUnixNano: "1754851200000000001",
      asInt: "9223372036854775807",
    });
    expect(point("low")).toEqual({ timeUnixNano: "1754851200000000001", asInt: "-9007199254740993" });
    expect(point("temperature")).toEqual({ timeUnixNano: "1754851200000000001", asDouble: 72.5 });
  });

  it("gives back cumulative sums and histograms", async () => {
    const metrics = await deliver(
      "metrics",
      `{"metrics":[
        {"name":"parts","type":"u64_counter","value":9007199254740993,"timestamp":1754851200500000001},
        {"name":"level","type":"f64_up_down_counter","value":-1.5,"timestamp":1754851200500000001},
        {"name":"cycle_time","type":"f64_histogram","value":7.5,"timestamp":1754851200500000001},
        {"name":"cycle_time","type":"f64_histogram","value":30,"timestamp":1754851200500000001}]}`,
      3,
    );
    const byName = Object.fromEntries(metrics.map((metric) => [metric.name, metric])) as Record<
      string,
      unknown
    >;
    expect(byName.parts).toMatchObject({
      sum: {
        aggregationTemporality: 2,
        isMonotonic: true,
        dataPoints: [
          {
            asInt: "9007199254740993",
            timeUnixNano: "1754851200500000001",
            startTimeUnixNano: "1754851200000000000",
          },
        ],
      },
    });
    expect(byName.level).toMatchObject({
      sum: { aggregationTemporality: 2, dataPoints: [{ asDouble: -1.5 }] },
    });
    expect(byName.cycle_time).toMatchObject({
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [
          {
            count: "2",
            sum: 37.5,
            min: 7.5,
            max: 30,
            bucketCounts: ["0", "0", "1", "0", "1", ...Array(11).fill("0")],
          },
        ],
      },
    });
  });

  it("gives back log records with severity, body and trace context", async () => {
    const [record] = await deliver(
      "logs",
      `{"logs":[{"level":"error","value":"Emergency stop","timestamp":1754851200000000001}]}`,
      1,
    );
    expect(record).toMatchObject({
      timeUnixNano: "1754851200000000001",
      severityNumber: 17,
      severityText: "error",
      body: { stringValue: "Emergency stop" },
      traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
      spanId: "00f067aa0ba902b7",
      flags: 1,
    });
    expect(record?.attributes).toContainEqual({
      key: "messaging.destination.name",
      value: { stringValue: "plant/line1" },
    });
  });

  it("is told of in a ledger that is exact, and the gateway stops with 0", async () => {
    const status = (await (await fetch(`${gateway.url}/status`)).json()) as {
      accepted: number;
      destinations: { collector: Record<string, { owed: number; delivered: number; pending: number }> };
    };
    expect(status.accepted).toBe(3);
    for (const lane of Object.values(status.destinations.collector))
      expect(lane.owed).toBe(lane.delivered + lane.pending);
    expect(await gateway.end("SIGTERM")).toBe(0);
  });
});
