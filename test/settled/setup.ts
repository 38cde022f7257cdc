import { onTestFinished } from "vitest";
import { createDelivery, createLaneDelivery } from "../../pipeline/deliver.ts";
import { NotSettledError } from "../../pipeline/errors.ts";
import type { LaneName, MqttMessage } from "../../pipeline/message.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { createReceiver } from "../../pipeline/receive.ts";
import { createSettled, type WaitOptions } from "../../pipeline/settled.ts";
import { observeSettled } from "../../pipeline/settled-lane.ts";
import type { Stored } from "../../pipeline/source/adapter.ts";
import type { BatchStore, StoreOptions } from "../../pipeline/store/batch-store.ts";
import { openMemoryStore } from "../../pipeline/store/memory.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { createFakeEncoder, textsOf } from "../deliver/setup.ts";
import { logsLane, metricsLane, roomy } from "../store/arrivals.ts";
import { createFolder } from "../store/sqlite-folder.ts";
import { sourceConfig } from "../support/app.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeExporter } from "../support/fake-exporter.ts";
import { createFakeLogger } from "../support/fake-logger.ts";

export type Opened = { store: BatchStore; reopen?: () => Promise<BatchStore> };

/** How the stores are opened that a gateway acknowledges delivered messages with. */
export const stores: Record<"memory" | "sqlite", (options?: Partial<StoreOptions>) => Promise<Opened>> = {
  memory: async (options) => ({ store: openMemoryStore({ ...roomy, reportsOwed: true, ...options }) }),
  async sqlite(options) {
    const { path, remove } = createFolder();
    onTestFinished(remove);
    const open = () => openSqliteStore({ ...roomy, path, reportsOwed: true, ...options });
    return { store: await open(), reopen: open };
  },
};

const source = sourceConfig();

export function metricText(name: string): string {
  return `{"metrics":[{"name":"${name}","type":"i64_gauge","value":1}]}`;
}

export function logText(text: string): string {
  return `{"logs":[{"level":"info","value":"${text}"}]}`;
}

/** A message with items for both lanes. */
export function bothText(name: string): string {
  return `${metricText(name).slice(0, -1)},${logText(name).slice(1)}`;
}

/** Who receives, stores and delivers to the lanes metrics and logs, with a receiver for each under the test's control. */
export function gatewayAround(
  store: BatchStore,
  {
    clock = createFakeClock(),
    deliverWithinMs,
  }: { clock?: ReturnType<typeof createFakeClock>; deliverWithinMs?: number } = {},
) {
  const logger = createFakeLogger();
  const lanes = [metricsLane, logsLane].map((name) => ({ name, mask: store.lane(name).mask }));
  const settled = createSettled({ lanes, clock });
  const sinks = { metrics: createFakeExporter(), logs: createFakeExporter() };
  const delivery = createDelivery(
    [metricsLane, logsLane].map((name: LaneName) =>
      createLaneDelivery({
        lane: observeSettled(store.lane(name), settled.advance),
        encoder: createFakeEncoder(),
        exporter: sinks[name.signal],
        parse: (message) => aioFormat.parse(message, { lenient: false }),
        batching: { latencyMs: 0, maxMessages: 0 },
        deliverWithinMs,
        clock,
        logger,
        random: () => 0.5,
      }),
    ),
  );
  const receiver = createReceiver({
    store,
    clock,
    logger,
    format: aioFormat,
    lanes,
    sources: [source],
    payloadBytesMax: 100_000,
    settled,
    onAppended: delivery.wake,
  });
  const stopped = new AbortController();
  let running: Promise<void> = Promise.resolve();

  /** Post a message, or several in one request; the state tells what the sender has been answered so far. */
  function post(texts: string | readonly string[], fields: Partial<MqttMessage> & WaitOptions = {}) {
    const { timeoutMs, ...properties } = fields;
    const elements = [texts].flat().map((text) => {
      const payload = new TextEncoder().encode(text);
      const message = { topic: "t", payload, userProperties: [], ...properties };
      return { kind: "message", message } as const;
    });
    const answer = receiver.receive(source, { elements, isArray: false }, { timeoutMs });
    const posted: { answer: Promise<Stored>; state: string } = { answer, state: "waiting" };
    answer.then(
      () => (posted.state = "acknowledged"),
      (error) => (posted.state = error instanceof NotSettledError ? "turned away" : `failed: ${error}`),
    );
    return posted;
  }

  return {
    store,
    clock,
    logger,
    sinks,
    post,
    settled,
    flush: () => delivery.flush({ force: true }),
    run() {
      running = delivery.run(stopped.signal);
    },
    async end() {
      stopped.abort();
      await running;
      await store.close();
    },
    sent: (signal: keyof typeof sinks) => sinks[signal].requests.map(textsOf),
    async pending() {
      return (await store.ledger()).lanes.map((lane) => lane.pending);
    },
  };
}

/** Time for everything that is ready to happen: nothing that waits for the clock or for a receiver does. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
