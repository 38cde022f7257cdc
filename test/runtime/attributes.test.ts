/** What a receiver gets from a whole gateway whose sources add attributes to their messages. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { LogRecord } from "../../gen/opentelemetry/proto/logs/v1/logs_pb.ts";
import type { Metric } from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { numberPoints, plainAttributes } from "../otlp/fixtures.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { startSink } from "../support/otlp-sink.ts";

async function startGateway(source: string) {
  const folder = mkdtempSync(join(tmpdir(), "gateway-attributes-"));
  const metrics: Metric[] = [];
  const logs: LogRecord[] = [];
  const sink = await startSink({
    onMetrics: ({ resourceMetrics }) =>
      metrics.push(...resourceMetrics.flatMap((one) => one.scopeMetrics.flatMap((scope) => scope.metrics))),
    onLogs: ({ resourceLogs }) =>
      logs.push(...resourceLogs.flatMap((one) => one.scopeLogs.flatMap((scope) => scope.logRecords))),
  });
  const text = `apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: collector }
spec:
  endpointType: OpenTelemetry
  openTelemetrySettings: { host: "${sink.url}", tls: { mode: Disabled } }
---
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
metadata: { name: g }
spec:
  store: { path: ${JSON.stringify(join(folder, "gateway.db"))} }
  sources: [{ name: raw, adapter: raw, authentication: { method: None }, ${source} }]
`;
  const config = loadConfig({
    files: [{ name: "g.yaml", text }],
    environment: {},
    resolvePath: (_, path) => path,
  });
  const logger = createFakeLogger();
  const gateway = await openGateway(config, { logger, environment: {} });
  onTestFinished(async () => {
    await gateway.close();
    await sink.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const post = async (path: string, body: string, headers: Record<string, string> = {}) => {
    const json = { "content-type": "application/json" };
    const init = { method: "POST", body, headers: { ...json, ...headers } };
    const request = new Request(`http://127.0.0.1${path}`, init);
    expect((await gateway.fetch(request)).status).toBe(200);
  };
  return { metrics, logs, logger, post, flush: () => post("/timer/flush", '{"force":true}') };
}

const payload = JSON.stringify({
  metrics: [{ name: "parts", type: "u64_counter", value: 1 }],
  logs: [{ level: "info", value: "door open" }],
});

it("topic, client, User Properties and baggage become attributes where the source says so", async () => {
  const { metrics, logs, post, flush } = await startGateway(
    `attributes: { line: "\${topic.2}", device: "\${clientId}", site: "\${userProperty.site}", plant: "7" }, baggage: [tenant]`,
  );
  await post("/webhooks/raw", payload, {
    "Mqtt-Topic": "plant/line1",
    "Mqtt-Client-Id": "t-1",
    "Mqtt-User-Property": "site=north",
    baggage: "tenant=a%20b,user=secret",
    b3: `${"ab".repeat(16)}-${"cd".repeat(8)}-1`,
  });
  await flush();
  const added = { line: "line1", device: "t-1", site: "north", plant: "7", tenant: "a b" };
  const [point] = numberPoints(metrics);
  expect(plainAttributes(point?.attributes ?? [])).toEqual(added);
  expect(Buffer.from(point?.exemplars[0]?.traceId ?? []).toString("hex")).toBe("ab".repeat(16));
  expect(plainAttributes(logs[0]?.attributes ?? [])).toEqual({
    ...added,
    "messaging.system": "mqtt",
    "messaging.destination.name": "plant/line1",
  });
});

it("values beyond attributeValuesMax share one, and the log says so once", async () => {
  const { metrics, logs, logger, post, flush } = await startGateway(
    `attributes: { device: "\${topic}" }, attributeValuesMax: 1`,
  );
  for (const device of ["a", "b", "c", "a"]) {
    await post("/webhooks/raw", payload, { "Mqtt-Topic": device });
    await flush();
  }
  const devices = (list: { attributes: LogRecord["attributes"] }[]) =>
    list.map(({ attributes }) => plainAttributes(attributes).device);
  const points = numberPoints(metrics);
  expect(devices(points)).toEqual(["a", "(other)", "(other)", "a"]);
  expect(points.map(({ value }) => value.value)).toEqual([1n, 1n, 2n, 2n]);
  expect(devices(logs)).toEqual(["a", "b", "c", "a"]);
  const warnings = logger.lines.filter(({ level }) => level === "warn");
  expect(warnings).toMatchObject([
    { fields: { destination: "collector", source: "raw", attribute: "device", valuesMax: 1 } },
  ]);
});
