/**
 * Sends one lane's batches: the one place where an outcome becomes a settlement.
 *
 *   waiting ──▶ prepared ──seal──▶ open ──send──▶ accepted, partial ──▶ settled: delivered ──▶ next
 *                  ▲                ▲ │
 *                  │                │ ├─▶ retryable, misconfigured ──▶ postponed, the same bytes later
 *                  └─ half as large ┼─┼─▶ refused among others ──▶ unsealed
 *                            restart┘ └─▶ refused alone ──▶ settled: dead letter ──▶ next
 *
 * A batch with a message that has waited too long is not attempted again but unsealed; those messages make a batch
 * of their own, which is settled without being sent: each becomes a dead letter.
 *
 * A restatement goes the same way as a batch of no messages. Refused, or not taken while messages wait behind it, it is
 * settled as if it were delivered: the next one says the same.
 *
 * Nothing is saved ahead of a settlement: a crash at any point sends the open batch again, byte for byte.
 */
import type { Clock } from "./clock.ts";
import { type AttemptObserver, createAttempts, type Postponing } from "./deliver-attempts.ts";
import type { Prepared, Restated, Sendable } from "./deliver-batch.ts";
import { createBurial, type Death } from "./deliver-burial.ts";
import { createLaneHealth } from "./deliver-health.ts";
import { createBatchLimits } from "./deliver-limits.ts";
import { createBurialLog } from "./deliver-log.ts";
import { createNextBatch } from "./deliver-next.ts";
import { createOpenBatch } from "./deliver-open.ts";
import { createPause } from "./deliver-pause.ts";
import { createRestatements, type RestatementSettings } from "./deliver-restatement.ts";
import type { Exporter, ExportOutcome } from "./export/exporter.ts";
import type { Logger } from "./logger.ts";
import { laneKey } from "./message.ts";
import type { Encoder, Restatement } from "./otlp/encoder.ts";
import type { Parsed } from "./payload/format.ts";
import type { Batch, Lane, StoredMessage } from "./store/batch-store.ts";

export interface LaneSenderDeps {
  lane: Lane;
  encoder: Encoder;
  exporter: Exporter;
  parse: (message: StoredMessage) => Parsed;
  /** Messages that have waited for longer become dead letters; undefined: none ever does. */
  deliverWithinMs?: number | undefined;
  /** Undefined: series are stated by messages alone. */
  restatement?: RestatementSettings | undefined;
  clock: Clock;
  logger: Logger;
  /** 0 to 1, for the spread of the back-off. */
  random?: (() => number) | undefined;
  onExport?: AttemptObserver | undefined;
}

type Taken = ExportOutcome & { kind: "accepted" | "partial" };

/** What one pass over the waiting messages works with. */
export interface Pass {
  /** Id of the newest message when the pass began. */
  lastId: number;
  signal: AbortSignal;
  /** Requests that the receiver took, and what was in them. */
  sent: { batches: number; messages: number; items: number };
}

/** One lane's batches, from the store to the receiver and back. One pass at a time. */
export function createLaneSender(deps: LaneSenderDeps) {
  const { lane, encoder, exporter, parse, deliverWithinMs, clock, logger } = deps;
  const { random = Math.random } = deps;
  const { restateMs, seriesIdleMs } = deps.restatement ?? { restateMs: 0, seriesIdleMs: 0 };
  const restatements = createRestatements({ encoder, clock, restateMs, seriesIdleMs });
  const ahead = createNextBatch({ lane, encoder, restatements, parse, deliverWithinMs, clock });
  const pause = createPause(clock, random);
  const limits = createBatchLimits();
  const batches = createOpenBatch({
    lane,
    encoder,
    ahead,
    restatements,
    limits,
    pause,
    logger,
    logBurials: createBurialLog(laneKey(lane.name), { clock, logger }),
  });
  const { settle } = batches;
  const health = createLaneHealth(lane.name, logger, deliverWithinMs);
  const { wentUnanswered } = ahead;
  const attempts = createAttempts({
    lane,
    exporter,
    record: batches.record,
    pause,
    health,
    wentUnanswered,
    clock,
    onExport: deps.onExport,
  });
  const burial = createBurial({
    attempted: { lane, encoder, parse },
    deliverWithinMs,
  });

  let warning: string | null = null;
  /** Restatements of which an attempt came to nothing. */
  const untaken = new WeakSet<Restatement>();

  /** True: the batch is open no more. False: wait. */
  async function attempt({ batch, expired, content }: Prepared, pass: Pass): Promise<boolean> {
    if (content.kind === "hopeless") return await bury(content, expired, pass);
    if (content.kind === "overdue") {
      await settle(await burial.overdue(batch, { expired }, ahead.unansweredLastId), pass);
      return true;
    }
    if (content.kind === "restated") return await restate(batch, content, pass);
    if (content.oldestArrivedAtUs <= (ahead.overdueUntilUs() ?? Number.NEGATIVE_INFINITY)) {
      await settle({ kind: "unsealed" }, pass);
      return true;
    }
    if (content.request === undefined) return await deliver(content, { expired, rejectedItems: 0 }, pass);
    const outcome = await attempts.send(content.request, pass.signal);
    switch (outcome.kind) {
      case "accepted":
      case "partial":
        taken(outcome, pass);
        return await succeed(content, expired, outcome, pass);
      case "retryable":
      case "misconfigured":
        return await repeat(batch, outcome, pass);
      case "refused":
        return await narrow(content, expired, outcome, pass);
      default:
        return outcome satisfies never;
    }
  }

  /** The same for a batch without messages: nothing is counted, and nothing becomes a dead letter. */
  async function restate(batch: Batch, { restatement }: Restated, pass: Pass): Promise<boolean> {
    // What its attempts may have left at the receiver counts as sent, and the messages go on: it may be too much for
    // the way to the receiver, where they are not.
    if (untaken.has(restatement) && (await ahead.isFollowed()))
      return await endRestatement(restatement, pass);
    const outcome = await attempts.send(restatement.request, pass.signal);
    switch (outcome.kind) {
      case "accepted":
      case "partial":
        taken(outcome, pass);
        restatements.accepted();
        return await endRestatement(restatement, pass);
      case "retryable":
      case "misconfigured":
        untaken.add(restatement);
        return await repeat(batch, outcome, pass);
      case "refused":
        // The line would come again with every restatement, and alternate with the one of the next success.
        health.change(outcome.tooLarge ? "restatedTooMuch" : "notRestated", outcome.reason, { silent: true });
        if (outcome.tooLarge) restatements.refusedForSize(restatement);
        return await endRestatement(restatement, pass);
      default:
        return outcome satisfies never;
    }
  }

  async function endRestatement(restatement: Restatement, pass: Pass): Promise<true> {
    const nothing = { messages: 0, expired: 0, items: 0, rejectedItems: 0 };
    await settle({ kind: "delivered", ...nothing, state: restatement.commit() }, pass);
    return true;
  }

  /** The receiver took a request. */
  function taken(outcome: Taken, pass: Pass) {
    warning = (outcome.kind === "partial" ? outcome.reason : outcome.warning) ?? null;
    health.change("available");
    pause.reset();
    pass.sent.batches += 1;
  }

  async function repeat(batch: Batch, outcome: Postponing, pass: Pass): Promise<false> {
    const isUnanswered = outcome.kind === "retryable" && !outcome.answered;
    if (isUnanswered && pass.signal.aborted) return await attempts.giveBack(batch, outcome);
    limits.failed();
    return await attempts.repeat(batch, outcome);
  }

  async function succeed(content: Sendable, expired: number, outcome: Taken, pass: Pass) {
    const rejectedItems = Math.min(outcome.kind === "partial" ? outcome.rejectedItems : 0, content.items);
    limits.accepted();
    pass.sent.messages += content.messages;
    pass.sent.items += content.items - rejectedItems;
    return await deliver(content, { expired, rejectedItems }, pass);
  }

  async function deliver(
    { encoding, messages, items }: Sendable,
    { expired, rejectedItems }: { expired: number; rejectedItems: number },
    pass: Pass,
  ): Promise<true> {
    const state = encoding.commit();
    restatements.changed();
    const counts = { messages, expired, items: items - rejectedItems, rejectedItems };
    await settle({ kind: "delivered", ...counts, state }, pass);
    return true;
  }

  /** A request that will never be taken: half of it next time, until the message to blame is alone. */
  async function narrow(
    content: Sendable,
    expired: number,
    { reason: detail, tooLarge }: ExportOutcome & { kind: "refused" },
    pass: Pass,
  ): Promise<boolean> {
    limits.refused(content, tooLarge);
    if (limits.isExhausted) {
      health.change("refused", detail);
      pause.afterFailure();
    }
    const { first } = content;
    const isAlone = content.messages === 1 && first !== undefined;
    if (isAlone)
      await bury({ ...first, reason: tooLarge ? "tooLarge" : "refused", path: "", detail }, expired, pass);
    else await settle({ kind: "unsealed" }, pass);
    return !limits.isExhausted;
  }

  async function bury(death: Death, expired: number, pass: Pass): Promise<true> {
    const settlement = await burial.one(death, expired, ahead.unansweredLastId);
    health.change("refused", death.detail, { silent: true });
    await settle(settlement, pass);
    return true;
  }

  return {
    ready: batches.ready,
    /** Send what waits up to the pass's `lastId`, whatever the pause. True: all of it was settled. */
    async send(pass: Pass): Promise<boolean> {
      pause.end();
      while (!pass.signal.aborted) {
        if (batches.isInherited) {
          await batches.reopen(pass.signal);
          continue;
        }
        const next = batches.encoded ?? (await ahead.messages(pass, limits.current));
        if (!next) return !pass.signal.aborted;
        if (next !== batches.encoded) await batches.seal(next);
        if (!(await attempt(next, pass))) return false;
      }
      return !batches.isOpen && ahead.cursor >= pass.lastId;
    },
    /** State the series again that are due, when no batch is open, until messages are. False: wait. */
    async restate(pass: Pass, areMessagesDue: () => Promise<boolean>): Promise<boolean> {
      while (!batches.isOpen && !pass.signal.aborted) {
        const next = ahead.restatement();
        if (!next) return true;
        await batches.seal(next);
        if (!(await attempt(next, pass))) return false;
        // The last of many may take long, and with a slow receiver the first is due again by then.
        if (await areMessagesDue()) return true;
      }
      return true;
    },
    restatements,
    /** The store or the code failed: nothing was lost, try again later. */
    failed(error: Error) {
      // The message may name a file, which concerns nobody but the reader of the log.
      health.change("broken", `Reading or recording a batch failed (${error.name})`, {
        fields: { error: error.message },
      });
      pause.afterFailure();
    },
    /** A batch was sealed and is not settled yet. */
    get isOpen(): boolean {
      return batches.isOpen;
    },
    pause,
    health() {
      const { leftMs } = pause;
      const nextAttemptAtUs = leftMs > 0 ? clock.nowUs() + Math.round(leftMs * 1000) : null;
      const { retries } = attempts;
      const { seriesLosses } = batches;
      const { overflowedReadings } = encoder;
      return { ...health.current, nextAttemptAtUs, retries, seriesLosses, overflowedReadings, warning };
    },
  };
}
