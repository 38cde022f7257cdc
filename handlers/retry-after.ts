import type { Clock } from "../pipeline/clock.ts";
import type { BatchStore, Ledger } from "../pipeline/store/batch-store.ts";

/** Before anything was measured. */
const secondsUnknown = 5;
/** Nothing leaves: delivery itself pauses about that long between attempts. */
const secondsStuck = 30;
const secondsMax = 300;
/** Room for this share of what waits is worth a sender's next attempt. */
const shareDrained = 0.1;
const sampleAgeMsMin = 1_000;
const sampleAgeMsMax = 60_000;

export interface Drained {
  settledPerSecond: number;
  pending: number;
}

/** When a sender that was turned away should come back, 1 to 300 seconds. */
export function retryAfterSeconds(drained: Drained | undefined): number {
  if (drained === undefined) return secondsUnknown;
  const { settledPerSecond, pending } = drained;
  if (pending === 0) return 1;
  if (settledPerSecond <= 0) return secondsStuck;
  return Math.min(secondsMax, Math.max(1, Math.ceil((pending * shareDrained) / settledPerSecond)));
}

/**
 * Measures how fast messages leave, but only while senders are turned away: each call may sample the ledger in
 * the background, at most once a second, and answers from the samples before.
 */
export function createDrainMeter(store: Pick<BatchStore, "ledger">, clock: Clock): () => number {
  let last: { atMs: number; settled: number } | undefined;
  let drained: Drained | undefined;
  let isSampling = false;

  async function sample() {
    const { lanes } = await store.ledger();
    const atMs = clock.monotonicMs();
    const settled = sum(lanes, (lane) => lane.delivered + lane.expired + lane.deadLettered);
    const ageMs = last === undefined ? Number.POSITIVE_INFINITY : atMs - last.atMs;
    drained =
      last === undefined || ageMs > sampleAgeMsMax
        ? undefined
        : {
            settledPerSecond: ((settled - last.settled) * 1000) / ageMs,
            pending: sum(lanes, (lane) => (lane.isConfigured ? lane.pending : 0)),
          };
    last = { atMs, settled };
  }

  return () => {
    const isDue = last === undefined || clock.monotonicMs() - last.atMs >= sampleAgeMsMin;
    if (isDue && !isSampling) {
      isSampling = true;
      sample()
        // A store that cannot be read leaves the figure unknown; the request at hand has its answer already.
        .catch(() => {
          drained = undefined;
        })
        .finally(() => {
          isSampling = false;
        });
    }
    return retryAfterSeconds(drained);
  };
}

function sum(lanes: Ledger["lanes"], value: (lane: Ledger["lanes"][number]) => number): number {
  return lanes.reduce((total, lane) => total + value(lane), 0);
}
