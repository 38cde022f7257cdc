import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { startDeliveryThread } from "../../handlers/runtime/delivery-thread.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import type { Arrival } from "../../pipeline/store/batch-store.ts";
import { openThreadedStore } from "../../pipeline/store/thread.ts";
import type { ExportObservation } from "../../pipeline/telemetry.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { type Behaviour, startSink } from "../support/otlp-sink.ts";

const lane = { destination: "otlp", signal: "metrics" } as const;

/** A store, a receiver and the thread between them. */
async function setUp(options: { behaviour?: Behaviour; latencySeconds?: number; url?: string } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "delivery-thread-"));
  const sink = await startSink(options.behaviour ? { behaviour: options.behaviour } : {});
  const loaded = loadConfig({
    files: [],
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      OTEL_EXPORTER_OTLP_HEADERS: "x-from=the%20configuration",
      GATEWAY_STORE_PATH: join(folder, "gateway.db"),
    },
    resolvePath: (_, path) => path,
  });
  const config = {
    ...loaded,
    destinations: loaded.destinations.map((destination) => ({
      ...destination,
      name: lane.destination,
      url: options.url ?? destination.url,
      batching: { latencyMs: (options.latencySeconds ?? 3600) * 1000, maxMessages: 0 },
    })),
  };
  const store = await openThreadedStore({
    path: config.store.path,
    bytesMax: config.store.bytesMax,
    deadLetterBytesMax: config.deadLetters.bytesMax,
    dedupe: config.dedupe,
    lanes: [lane, { ...lane, signal: "logs" }],
  });
  const logger = createFakeLogger();
  const exports: ExportObservation[] = [];
  const failure = Promise.withResolvers<Error>();
  const thread = startDeliveryThread({
    config,
    environment: {},
    port: store.connect(),
    logger,
    onExport: (observation) => exports.push(observation),
    onFailure: failure.resolve,
  });
  onTestFinished(async () => {
    await thread.stop({ graceMs: 0 }).catch(() => undefined);
    await store.close();
    await sink.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const append = () => store.append([gauge(store.lane(lane).mask)]);
  return { sink, store, thread, logger, exports, failed: failure.promise, append };
}

function gauge(lanes: number): Arrival {
  const payload = Buffer.from('{"metrics":[{"name":"temperature","type":"f64_gauge","value":21.5}]}');
  return {
    message: { source: "raw", topic: "a", payload, userProperties: [] },
    arrivedAtUs: Date.now() * 1000,
    verdict: { kind: "accepted", lanes },
  };
}

describe("startDeliveryThread()", () => {
  it("flush() sends what waits and tells what became of it", async () => {
    const { sink, thread, append, exports } = await setUp();
    await append();
    const flushed = await thread.flush({ force: true, deadlineMs: 10_000 });
    expect(flushed).toEqual({
      batches: 1,
      messages: 1,
      items: 1,
      pending: 0,
      nextDueMs: null,
      failed: false,
    });
    expect(sink.requests.map(({ signal, headers }) => [signal, headers.get("x-from")])).toEqual([
      ["metrics", "the configuration"],
    ]);
    expect(exports).toMatchObject([{ ...lane, outcome: "accepted" }]);
  });

  it("health() tells the condition of every lane", async () => {
    const { thread, append } = await setUp({
      behaviour: { kind: "status", code: 16, message: "who is this?" },
    });
    await append();
    await thread.flush({ force: true, deadlineMs: 10_000 });
    expect(await thread.health()).toMatchObject([
      { lane, health: { health: "Unavailable" } },
      { lane: { ...lane, signal: "logs" }, health: { health: "Unknown" } },
    ]);
  });

  it("log lines of the lanes reach the gateway's logger with their level and fields", async () => {
    const { thread, append, logger } = await setUp({ behaviour: { kind: "status", code: 14 } });
    await append();
    await thread.flush({ force: true, deadlineMs: 10_000 });
    expect(logger.lines).toMatchObject([{ level: "warn", fields: { lane: "otlp/metrics" } }]);
  });

  it("wake() has the loops send at once what is due at once", async () => {
    const { sink, thread, append } = await setUp({ latencySeconds: 0 });
    const running = thread.run();
    // Its first look finds nothing, so that only being woken can make it look again within a minute.
    await thread.flush({ force: false, deadlineMs: 10_000 });
    await append();
    thread.wake(1);
    await sink.received(1);
    await thread.stop({ graceMs: 10_000 });
    await running;
  });

  it("stop() gives what is due its time, then ends the thread and refuses what comes later", async () => {
    const { sink, thread, append } = await setUp({ latencySeconds: 0 });
    await append();
    await thread.stop({ graceMs: 10_000 });
    expect(sink.requests).toHaveLength(1);
    await expect(thread.health()).rejects.toThrow("delivery thread has ended");
  });

  it("a thread that ends by itself rejects what waits for it and says so", async () => {
    const { thread, failed } = await setUp({ url: "not a URL" });
    const flushing = thread.flush({ force: true, deadlineMs: 10_000 });
    await expect(flushing).rejects.toThrow("URL");
    expect((await failed).message).toContain("URL");
    await expect(thread.health()).rejects.toThrow("URL");
  });
});
