import type { LaneCondition } from "./deliver-health.ts";
import { createLaneSender, type LaneSenderDeps, type Pass } from "./deliver-sender.ts";
import { toError } from "./errors.ts";
import type { LaneName } from "./message.ts";
import type { Backlog } from "./store/batch-store.ts";
import { createTurns } from "./turns.ts";

/** A lane that has nothing to wait for looks at the store this often, should nobody wake it. */
const idleMs = 60_000;
const nothing = { batches: 0, messages: 0, items: 0 };

export interface LaneDeliveryDeps extends LaneSenderDeps {
  /** `maxMessages` 0: no count trigger. `latencyMs` 0: at once. */
  batching: { latencyMs: number; maxMessages: number };
}

export interface FlushOptions {
  /** Also send what is not due yet, and do not wait for a back-off of our own. */
  force: boolean;
  signal?: AbortSignal | undefined;
  /** Longest time that the pass may take; an attempt that is under way is given up then. */
  deadlineMs?: number | undefined;
}

export interface FlushResult {
  /** Requests that the receiver took, and what was in them. */
  batches: number;
  messages: number;
  items: number;
  /** Messages that the lane still owes. */
  pending: number;
  /** Until the next batch is due or may be tried again; null when nothing waits. */
  nextDueMs: number | null;
  /** What was due was not settled. */
  failed: boolean;
}

export interface LaneHealth extends LaneCondition {
  nextAttemptAtUs: number | null;
  /** Attempts that have to be repeated, since start. */
  retries: number;
  /** Times that the saved series could not be read and began anew, since start. */
  seriesLosses: number;
  /** Readings delivered in a series that others share, since start: there are more series than `seriesMax`. */
  overflowedReadings: number;
  /** What the receiver remarked when it last took a batch, such as the reason of a partial success. */
  warning: string | null;
}

export interface LaneDelivery {
  readonly name: LaneName;
  /** One pass: when due, send all that waits at this moment. Never rejects. */
  flush(options: FlushOptions): Promise<FlushResult>;
  /** Flush whenever something is due, until `signal` is aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Messages were appended: the loop looks at the store when the first of them, or their number, may be due. */
  wake(appended: number): void;
  /** Credentials changed: try at once. */
  retryNow(): void;
  /** The process ends: series are stated again no more. */
  endRestatements(): void;
  health(): LaneHealth;
}

/** When one lane is due, and who makes it go: a timer's flush, or a loop of its own. */
export function createLaneDelivery(deps: LaneDeliveryDeps): LaneDelivery {
  const { lane, batching, clock } = deps;
  const sender = createLaneSender(deps);
  const { pause, restatements } = sender;
  const inTurn = createTurns();

  let pending = 0;
  /** Messages appended since `pending` was read, or a little before. */
  let appendedSince = 0;
  /** When the loop looks at the store next, by the monotonic clock. */
  let lookAtMs = Number.NEGATIVE_INFINITY;
  let sleeping: AbortController | undefined;

  function dueInMs({ messages, oldestArrivedAtUs }: Backlog): number {
    if (sender.isOpen) return 0;
    if (messages === 0 || oldestArrivedAtUs === undefined) return Number.POSITIVE_INFINITY;
    if (batching.maxMessages > 0 && messages >= batching.maxMessages) return 0;
    const waitedMs = (clock.nowUs() - oldestArrivedAtUs) / 1000;
    // An arrival in the future: the wall clock was set back, and nobody knows how long the message has waited.
    return waitedMs < 0 ? 0 : Math.max(0, batching.latencyMs - waitedMs);
  }

  /** True: none of the messages that were due is left. */
  async function sendDue(force: boolean, pass: Pass): Promise<boolean> {
    await sender.ready();
    const backlog = await lane.backlog();
    pass.lastId = backlog.lastId;
    const isWaiting = backlog.messages > 0 || sender.isOpen;
    const isDue = isWaiting && (force || dueInMs(backlog) === 0);
    // A restatement before messages that wait would make their times later than they are.
    const mayRestate = !isWaiting && restatements.dueInMs() === 0;
    if (!isDue && !mayRestate) return true;
    const isHeldBack = pause.leftMs > 0 && (!force || pause.isServers);
    if (isHeldBack || (isDue && !(await sender.send(pass)))) return false;
    return await sender.restate(pass, async () => dueInMs(await lane.backlog()) === 0);
  }

  async function flushNow(force: boolean, signal: AbortSignal) {
    const pass: Pass = { lastId: 0, signal, sent: { ...nothing } };
    try {
      const isDone = await sendDue(force, pass);
      return { ...pass.sent, failed: !isDone };
    } catch (error) {
      sender.failed(toError(error));
      return { ...pass.sent, failed: true };
    }
  }

  /** When messages that the store was not asked about may be due. Never sooner than a pause ends. */
  function appendedDueInMs(): number {
    if (appendedSince === 0) return Number.POSITIVE_INFINITY;
    const isManyEnough = batching.maxMessages > 0 && pending + appendedSince >= batching.maxMessages;
    if (isManyEnough) return pause.leftMs;
    // Behind older messages they are not due before these.
    return pending === 0 ? Math.max(batching.latencyMs, pause.leftMs) : Number.POSITIVE_INFINITY;
  }

  /** Until a restatement may go: behind messages that wait it comes with them. */
  function restatementDueInMs(): number {
    return pending === 0 ? Math.max(restatements.dueInMs(), pause.leftMs) : Number.POSITIVE_INFINITY;
  }

  function lookWithin(delayMs: number) {
    const atMs = clock.monotonicMs() + delayMs;
    if (atMs >= lookAtMs) return;
    lookAtMs = atMs;
    sleeping?.abort();
  }

  /** What waits now, and until when. */
  async function readOutlook(): Promise<{ pending: number; nextDueMs: number | null }> {
    try {
      const counted = appendedSince;
      const backlog = await lane.backlog();
      pending = backlog.messages;
      appendedSince -= counted;
      return {
        pending,
        nextDueMs:
          pending === 0 && !sender.isOpen ? null : Math.ceil(Math.max(dueInMs(backlog), pause.leftMs)),
      };
    } catch (error) {
      if (pause.leftMs === 0) sender.failed(toError(error));
      return { pending, nextDueMs: Math.ceil(pause.leftMs) };
    }
  }

  async function outlook() {
    const found = await readOutlook();
    lookAtMs = Number.POSITIVE_INFINITY;
    lookWithin(Math.min(found.nextDueMs ?? idleMs, idleMs, appendedDueInMs(), restatementDueInMs()));
    return found;
  }

  async function flush({ force, signal, deadlineMs }: FlushOptions): Promise<FlushResult> {
    const done = new AbortController();
    const deadline = new AbortController();
    if (deadlineMs !== undefined) void clock.sleep(deadlineMs, done.signal).then(() => deadline.abort());
    const limit = signal ? AbortSignal.any([signal, deadline.signal]) : deadline.signal;
    try {
      const result = await inTurn(() => flushNow(force, limit), limit);
      const { pending, nextDueMs } = await outlook();
      const { batches, messages, items, failed } = result ?? { ...nothing, failed: pending > 0 };
      return { batches, messages, items, pending, nextDueMs, failed };
    } finally {
      done.abort();
    }
  }

  return {
    name: lane.name,
    flush,
    async run(signal) {
      while (!signal.aborted) {
        const leftMs = lookAtMs - clock.monotonicMs();
        if (leftMs <= 0) {
          await flush({ force: false, signal });
        } else {
          sleeping = new AbortController();
          await clock.sleep(leftMs, AbortSignal.any([signal, sleeping.signal]));
          sleeping = undefined;
        }
      }
    },
    wake(appended) {
      appendedSince += appended;
      lookWithin(appendedDueInMs());
    },
    retryNow() {
      pause.end();
      lookWithin(0);
    },
    endRestatements: () => restatements.end(),
    health: () => sender.health(),
  };
}
