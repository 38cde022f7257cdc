/** A whole gateway in the test's own process, and receivers that keep what they get. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { LogRecord } from "../../gen/opentelemetry/proto/logs/v1/logs_pb.ts";
import type { Metric } from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { createFakeLogger } from "./fake-logger.ts";
import { startSink } from "./otlp-sink.ts";

/** A document of the configuration. */
export const document = (kind: string, name: string, spec: object) => ({
  apiVersion: kind === "Gateway" ? "mqtt-otlp-gateway/v1" : "connectivity.iotoperations.azure.com/v1",
  kind,
  metadata: { name },
  spec,
});

/** A receiver, and the endpoint that leads there. */
export async function startReceiver(name: string) {
  const metrics: Metric[] = [];
  const logs: LogRecord[] = [];
  const { url, close } = await startSink({
    onMetrics: ({ resourceMetrics }) =>
      metrics.push(...resourceMetrics.flatMap((one) => one.scopeMetrics.flatMap((scope) => scope.metrics))),
    onLogs: ({ resourceLogs }) =>
      logs.push(...resourceLogs.flatMap((one) => one.scopeLogs.flatMap((scope) => scope.logRecords))),
  });
  onTestFinished(close);
  const openTelemetrySettings = { host: url, tls: { mode: "Disabled" } };
  return {
    metrics,
    logs,
    url,
    endpoint: document("DataflowEndpoint", name, { endpointType: "OpenTelemetry", openTelemetrySettings }),
  };
}

/** A folder that is gone after the test. */
export function createFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "graph-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * A gateway with its store in `folder` and the source `raw`. It is closed after the test, or before.
 *
 * Shape: `source` has more fields of that source, `spec` more of the Gateway.
 */
export async function startGateway(
  folder: string,
  documents: readonly object[],
  { source, spec }: { source?: object; spec?: object } = {},
) {
  const logger = createFakeLogger();
  const gateway = document("Gateway", "g", {
    store: { path: join(folder, "gateway.db") },
    sources: [{ name: "raw", adapter: "raw", ...source }],
    ...spec,
  });
  const config = loadConfig({
    files: [gateway, ...documents].map((one, at) => ({ name: `${at}.json`, text: JSON.stringify(one) })),
    environment: {},
    resolvePath: (_, path) => path,
  });
  const running = await openGateway(config, { logger, environment: {} });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= running.close();
    return closing;
  };
  onTestFinished(close);
  async function call(method: string, path: string, init: { body?: string; headers?: object } = {}) {
    const headers = { ...init.headers } as Record<string, string>;
    const request = new Request(`http://gateway${path}`, { method, headers, body: init.body ?? null });
    const answer = await running.fetch(request);
    expect(answer.ok, `${method} ${path}: ${answer.status}`).toBe(true);
    return answer.json();
  }
  return {
    publish: (topic: string, payload: string, headers = {}) =>
      call("POST", "/webhooks/raw", { body: payload, headers: { "Mqtt-Topic": topic, ...headers } }),
    flush: () =>
      call("POST", "/timer/flush", {
        body: '{"force":true}',
        headers: { "content-type": "application/json" },
      }),
    get: (path: string) => call("GET", path),
    post: (path: string) => call("POST", path),
    close,
    logger,
  };
}
