import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { describe, expect, it, onTestFinished } from "vitest";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { gatewayConfiguration } from "../support/gateway-process.ts";
import { type ReceivedRequest, startSink } from "../support/otlp-sink.ts";

const counter = '{"metrics":[{"name":"parts","type":"u64_counter","value":3,"attributes":[]}]}';

/** A gateway that states series again every second, and delivers. */
async function openDelivering(url: string, folder: string) {
  const text = gatewayConfiguration({ otlpUrl: url, storePath: join(folder, "gateway.db") });
  const config = loadConfig({
    files: [
      {
        name: "gateway.yaml",
        text: `${text}  destinations: [{ endpointRef: collector, restateSeconds: 1 }]\n`,
      },
    ],
    environment: {},
    resolvePath: (_, path) => path,
  });
  const gateway = await openGateway(config, { logger: createFakeLogger(), environment: {} });
  const delivered = gateway.deliver();
  return {
    post: () =>
      gateway.fetch(
        new Request("http://gateway/webhooks/devices", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: `{"topic":"t","payload":${counter}}`,
        }),
      ),
    async read(path: string) {
      return (await gateway.fetch(new Request(`http://gateway${path}`))).text();
    },
    async close() {
      await gateway.close();
      await delivered;
    },
  };
}

function pointsOf({ request }: ReceivedRequest) {
  if (!("resourceMetrics" in request)) return [];
  return request.resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap(({ data }) => (data.case === "sum" ? data.value.dataPoints : [])),
    ),
  );
}

describe("a counter that no message changes", () => {
  it("reaches the receiver again and again, over a restart and a receiver that is away", async () => {
    const folder = mkdtempSync(join(tmpdir(), "restate-"));
    const sink = await startSink();
    onTestFinished(async () => {
      await sink.close();
      rmSync(folder, { recursive: true, force: true });
    });

    sink.behave(() =>
      sink.requests.length < 3
        ? { kind: "accept" }
        : { kind: "status", code: Code.Unavailable, retryDelayMs: 100 },
    );
    const before = await openDelivering(sink.url, folder);
    expect((await before.post()).status).toBe(200);
    await sink.received(3);
    await before.close();
    sink.behave({ kind: "accept" });
    const after = await openDelivering(sink.url, folder);
    await sink.received(sink.requests.length + 2);

    const points = sink.requests.flatMap(pointsOf);
    expect(points).toHaveLength(sink.requests.length);
    expect(points.map(({ value }) => value.value)).toEqual(points.map(() => 3n));
    expect(new Set(points.map(({ startTimeUnixNano }) => startTimeUnixNano)).size).toBe(1);
    const times = points.map(({ timeUnixNano }) => timeUnixNano);
    expect(times).toEqual([...times].sort((a, b) => Number(a - b)));
    // A refused attempt and its repeat are the same point, and all others differ.
    const states = new Set(times).size;
    expect(states).toBeGreaterThanOrEqual(4);
    expect(states).toBeLessThan(times.length);

    const status = JSON.parse(await after.read("/status"));
    expect(status.destinations.collector.metrics).toMatchObject({
      owed: 1,
      delivered: 1,
      pending: 0,
      exportedItems: 1,
      health: "Available",
    });
    const exported = /gateway_exports_total\{[^}]*signal="metrics"[^}]*outcome="accepted"[^}]*\} (\d+)/.exec(
      await after.read("/metrics"),
    );
    expect(Number(exported?.[1])).toBeGreaterThanOrEqual(1);
    await after.close();
  });
});
