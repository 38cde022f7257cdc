import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Metric } from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { silentLogger } from "../../pipeline/logger.ts";
import { startSink } from "../support/otlp-sink.ts";

/** What a receiver gets of these payloads, posted one after another, and flushed. */
async function metricsOf(fields: { source: string; destination: string }, payloads: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "gateway-encoding-"));
  const metrics: Metric[] = [];
  const sink = await startSink({
    onMetrics: ({ resourceMetrics }) =>
      metrics.push(...resourceMetrics.flatMap((one) => one.scopeMetrics.flatMap((scope) => scope.metrics))),
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
  sources: [{ name: raw, adapter: raw, authentication: { method: None }, ${fields.source} }]
  destinations: [{ endpointRef: collector, ${fields.destination} }]
`;
  const config = loadConfig({
    files: [{ name: "g.yaml", text }],
    environment: {},
    resolvePath: (_, path) => path,
  });
  const gateway = await openGateway(config, { logger: silentLogger, environment: {} });
  onTestFinished(async () => {
    await gateway.close();
    await sink.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const post = async (path: string, body: string) =>
    gateway.fetch(
      new Request(`http://127.0.0.1${path}`, {
        method: "POST",
        body,
        headers: { "content-type": "application/json", "mqtt-topic": "a" },
      }),
    );
  for (const payload of payloads) {
    expect((await post("/webhooks/raw", payload)).status).toBe(200);
    expect((await post("/timer/flush", '{"force":true}')).status).toBe(200);
  }
  return metrics;
}

const item = (type: string, value: number, seconds: number) =>
  JSON.stringify({
    metrics: [{ name: "x", type, value, timestamp: 1_767_607_200_000_000_000 + seconds * 1e9 }],
  });

it("a destination may take exponential histograms", async () => {
  const metrics = await metricsOf(
    { source: "lenient: false", destination: "histogramAggregation: exponential" },
    [item("f64_histogram", 4, 0)],
  );
  expect(metrics.map(({ data }) => data)).toMatchObject([
    { case: "exponentialHistogram", value: { dataPoints: [{ count: 1n, sum: 4 }] } },
  ]);
});

it("a source may post totals, which are never added up", async () => {
  const metrics = await metricsOf({ source: "counterValues: total", destination: "signals: [metrics]" }, [
    item("u64_counter", 100, 0),
    item("u64_counter", 107, 60),
  ]);
  const values = metrics.map(({ data }) =>
    data.case === "sum" ? data.value.dataPoints.map(({ value }) => value.value) : data.case,
  );
  expect(values).toEqual([[100n], [107n]]);
});
