import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Gateway } from "../../handlers/runtime/assemble-gateway.ts";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { openGatewayInPlace } from "../../handlers/runtime/gateway-in-place.ts";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { type Behaviour, startSink } from "../support/otlp-sink.ts";

const counts = { accepted: 0, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 };
const unavailable: Behaviour = { kind: "status", code: Code.Unavailable };

/** Where a gateway acknowledges what is delivered: how it is opened, and whether loops drive its lanes. */
const arrangements = {
  "a store in memory, on a server": { open: openGateway, type: "memory", hasLoops: true },
  "a store in memory, between events": { open: openGatewayInPlace, type: "memory", hasLoops: false },
  "a store on disk, between events": { open: openGatewayInPlace, type: "sqlite", hasLoops: false },
  "a store on disk, in threads": { open: openGateway, type: "sqlite", hasLoops: true },
} as const;

async function setUp(
  name: keyof typeof arrangements,
  options: Partial<Pick<GatewayConfig, "acknowledgeTimeoutMs" | "shutdownGraceMs">> = {},
) {
  const folder = mkdtempSync(join(tmpdir(), "delivered-"));
  const sink = await startSink();
  const { open, type, hasLoops } = arrangements[name];
  const loaded = loadConfig({
    files: [],
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    resolvePath: (_, path) => path,
  });
  const config: GatewayConfig = {
    ...loaded,
    acknowledge: "delivered",
    shutdownGraceMs: 1_000,
    store: { ...loaded.store, type, path: join(folder, "gateway.db") },
    // Nothing but a request that waits makes its message due.
    destinations: loaded.destinations.map((destination) => ({
      ...destination,
      batching: { latencyMs: 3_600_000, maxMessages: 0 },
    })),
    ...options,
  };
  const start = async () => {
    const gateway = await open(config, { logger: createFakeLogger(), environment: {} });
    if (hasLoops) gateway.deliver().catch(() => undefined);
    return gateway;
  };
  const gateway = await start();
  onTestFinished(async () => {
    await gateway.close().catch(() => undefined);
    await sink.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { gateway, start, sink, config };
}

const payload = {
  metrics: [{ name: "x", type: "i64_gauge", value: 1 }],
  logs: [{ level: "info", value: "x" }],
};

async function post(gateway: Gateway, messageId?: string, items: object = payload) {
  const response = await gateway.fetch(
    new Request("http://127.0.0.1/webhooks/mqtt", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ topic: "t", messageId, payload: items }),
    }),
  );
  const body = (await response.json()) as Record<string, unknown>;
  return { status: response.status, retryAfter: response.headers.get("retry-after"), body };
}

async function statusOf(gateway: Gateway) {
  const response = await gateway.fetch(new Request("http://127.0.0.1/status"));
  return (await response.json()) as {
    acknowledge: string;
    refused: { timedOut: number };
    destinations: Record<
      string,
      Record<string, { delivered: number; pending: number; deadLettered: number }>
    >;
  };
}

async function lanesOf(gateway: Gateway) {
  const { destinations } = await statusOf(gateway);
  return Object.values(destinations).flatMap((lanes) => Object.values(lanes));
}

describe.each(Object.keys(arrangements) as (keyof typeof arrangements)[])(
  "acknowledge: delivered with %s",
  (name) => {
    it("answers 200 with the counts once every lane was taken by its receiver", async () => {
      const { gateway, sink } = await setUp(name);
      expect(await post(gateway)).toMatchObject({ status: 200, body: { ...counts, accepted: 1 } });
      expect(sink.requests.map(({ signal }) => signal).sort()).toEqual(["logs", "metrics"]);
      expect(await statusOf(gateway)).toMatchObject({ acknowledge: "delivered", refused: { timedOut: 0 } });
    });

    it("answers 503 when one lane is not settled in time, and its repeat once it is, delivered once", async () => {
      const { gateway, sink } = await setUp(name, { acknowledgeTimeoutMs: 300 });
      sink.behave(({ signal }) => (signal === "logs" ? unavailable : { kind: "accept" }));
      const first = await post(gateway, "m1");
      expect(first).toMatchObject({
        status: 503,
        body: { status: 503, detail: expect.stringContaining("not delivered") },
      });
      expect(Number(first.retryAfter)).toBeGreaterThan(0);
      expect(await statusOf(gateway)).toMatchObject({ refused: { timedOut: 1 } });

      sink.behave({ kind: "accept" });
      let repeat = await post(gateway, "m1");
      while (repeat.status === 503) repeat = await post(gateway, "m1");
      expect(repeat).toMatchObject({ status: 200, body: { ...counts, duplicates: 1 } });
      const lanes = await lanesOf(gateway);
      expect(lanes.map(({ delivered, pending }) => [delivered, pending])).toEqual([
        [1, 0],
        [1, 0],
      ]);
      expect(sink.requests.filter(({ signal }) => signal === "metrics")).toHaveLength(1);
    });

    it("answers 200 for a message that the receiver refuses for good, which is a dead letter", async () => {
      const { gateway, sink } = await setUp(name);
      sink.behave({ kind: "status", code: Code.InvalidArgument });
      expect((await post(gateway)).status).toBe(200);
      expect((await lanesOf(gateway)).map(({ deadLettered }) => deadLettered)).toEqual([1, 1]);
    });

    it("turns away who waits before the connections are cut when it stops", async () => {
      const { gateway, sink } = await setUp(name, { acknowledgeTimeoutMs: 60_000, shutdownGraceMs: 200 });
      sink.behave({ kind: "hang" });
      const answer = post(gateway);
      await sink.received(2);
      gateway.stop();
      expect((await answer).status).toBe(503);
      expect((await post(gateway)).body).toMatchObject({ detail: expect.stringContaining("stopping") });
    });

    it("turns away who still waits when it closes", async () => {
      const { gateway, sink } = await setUp(name, { acknowledgeTimeoutMs: 60_000, shutdownGraceMs: 100 });
      sink.behave({ kind: "hang" });
      const answer = post(gateway);
      await sink.received(2);
      await gateway.close();
      expect((await answer).status).toBe(503);
    });
  },
);

describe("a store in memory", () => {
  it("leaves nothing on disk, and begins anew under another instance id", async () => {
    const { gateway, start, sink, config } = await setUp("a store in memory, on a server");
    await post(gateway, "m1");
    await gateway.close();
    const again = await start();
    onTestFinished(() => again.close());
    expect((await post(again, "m1")).body).toMatchObject({ accepted: 1 });
    const ids = sink.requests.map(({ request }) => {
      const [first] = "resourceLogs" in request ? request.resourceLogs : request.resourceMetrics;
      const id = first?.resource?.attributes.find(({ key }) => key === "service.instance.id");
      return id?.value?.value.value;
    });
    expect(new Set(ids).size).toBe(2);
    expect(existsSync(config.store.path)).toBe(false);
  });
});

describe("a gateway between events", () => {
  it("goes on from what was turned away before a restart, when its repeat comes", async () => {
    const { gateway, start, sink } = await setUp("a store on disk, between events", {
      acknowledgeTimeoutMs: 300,
    });
    sink.behave(unavailable);
    expect((await post(gateway, "m1")).status).toBe(503);
    await gateway.close();
    sink.behave({ kind: "accept" });
    const again = await start();
    onTestFinished(() => again.close());
    let repeat = await post(again, "m1");
    while (repeat.status === 503) repeat = await post(again, "m1");
    expect(repeat).toMatchObject({ status: 200, body: { duplicates: 1 } });
    expect((await lanesOf(again)).map(({ delivered }) => delivered)).toEqual([1, 1]);
  });

  it("delivers what is left by the timer", async () => {
    const { gateway, sink } = await setUp("a store in memory, between events", { acknowledgeTimeoutMs: 200 });
    sink.behave(unavailable);
    expect((await post(gateway)).status).toBe(503);
    sink.behave({ kind: "accept" });
    const flushed = await gateway.fetch(
      new Request("http://127.0.0.1/timer/flush", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: '{"force":true}',
      }),
    );
    expect(await flushed.json()).toMatchObject({ messages: 2, pending: 0 });
  });

  it("attempts nothing of a lane again that no request waits for", async () => {
    const { gateway, sink } = await setUp("a store in memory, between events", { acknowledgeTimeoutMs: 200 });
    sink.behave(({ signal }) => (signal === "logs" ? { kind: "hang" } : { kind: "accept" }));
    expect((await post(gateway)).status).toBe(503);
    for (let round = 0; round < 5; round += 1) {
      expect((await post(gateway, undefined, { metrics: payload.metrics })).status).toBe(200);
    }
    expect(sink.requests.filter(({ signal }) => signal === "logs")).toHaveLength(1);

    sink.behave({ kind: "accept" });
    expect((await post(gateway)).status).toBe(200);
    expect((await lanesOf(gateway)).map(({ pending }) => pending)).toEqual([0, 0]);
  });

  it("goes on when loops take over from a request that waits", async () => {
    const { gateway, sink } = await setUp("a store in memory, between events");
    sink.behave({ kind: "hang" });
    const answer = post(gateway);
    await sink.received(2);
    sink.behave({ kind: "accept" });
    gateway.deliver().catch(() => undefined);
    expect((await answer).status).toBe(200);
    expect((await post(gateway)).status).toBe(200);
  });

  it("takes many requests one after another and side by side", async () => {
    const { gateway } = await setUp("a store in memory, between events");
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => post(gateway)));
      expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    }
  });
});
