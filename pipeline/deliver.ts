import type { FlushOptions, FlushResult, LaneDelivery } from "./deliver-lane.ts";

export {
  createLaneDelivery,
  type FlushOptions,
  type FlushResult,
  type LaneDelivery,
  type LaneDeliveryDeps,
  type LaneHealth,
} from "./deliver-lane.ts";

export interface Delivery {
  readonly lanes: readonly LaneDelivery[];
  /** One pass of every lane, side by side; sums, and the earliest next due. Never rejects. */
  flush(options: FlushOptions): Promise<FlushResult>;
  /** Every lane's loop, until `signal` is aborted or `stop` was called. */
  run(signal?: AbortSignal): Promise<void>;
  wake(appended: number): void;
  /** Flush what is due for at most `graceMs`, then give up attempts under way and end the loops. */
  stop(options: { graceMs: number }): Promise<void>;
}

/** All lanes together. They never wait for each other. */
export function createDelivery(lanes: readonly LaneDelivery[]): Delivery {
  const stopped = new AbortController();
  const running = new Set<Promise<unknown>>();

  async function flush(options: FlushOptions): Promise<FlushResult> {
    const results = await Promise.all(lanes.map((lane) => lane.flush(options)));
    const sum = (field: "batches" | "messages" | "items" | "pending") =>
      results.reduce((total, result) => total + result[field], 0);
    const nextDues = results.map(({ nextDueMs }) => nextDueMs).filter((dueMs) => dueMs !== null);
    return {
      batches: sum("batches"),
      messages: sum("messages"),
      items: sum("items"),
      pending: sum("pending"),
      nextDueMs: nextDues.length === 0 ? null : Math.min(...nextDues),
      failed: results.some(({ failed }) => failed),
    };
  }

  return {
    lanes,
    flush,
    async run(signal) {
      const until = signal ? AbortSignal.any([signal, stopped.signal]) : stopped.signal;
      const loops = Promise.all(lanes.map((lane) => lane.run(until)));
      running.add(loops);
      await loops;
      running.delete(loops);
    },
    wake(appended) {
      for (const lane of lanes) lane.wake(appended);
    },
    async stop({ graceMs }) {
      for (const lane of lanes) lane.endRestatements();
      await flush({ force: false, deadlineMs: graceMs, signal: stopped.signal });
      stopped.abort();
      await Promise.all(running);
    },
  };
}
