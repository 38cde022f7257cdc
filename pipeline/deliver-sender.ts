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
 * Nothing is saved ahead of a settlement: a crash at any point sends the open batch again, byte for byte.
 */
import type { Clock } from "./clock.ts";
import { type Prepared, prepareBatch, type Sendable } from "./deliver-batch.ts";
import { createBurial, type Death } from "./deliver-burial.ts";
import { createLaneHealth, retryCondition } from "./deliver-health.ts";
import { createBatchLimits, unlimited } from "./deliver-limits.ts";
import { createDeadLetterLog } from "./deliver-log.ts";
import { createPause } from "./deliver-pause.ts";
import { createRecorder, type Write } from "./deliver-record.ts";
import { toError } from "./errors.ts";
import type { Exporter, ExportOutcome } from "./export/exporter.ts";
import type { Logger } from "./logger.ts";
import { laneKey } from "./message.ts";
import type { Encoder } from "./otlp/encoder.ts";
import type { Parsed } from "./payload/format.ts";
import type { Batch, Lane, Settlement, StoredMessage } from "./store/batch-store.ts";

/** Refusals without one success in between, after which the lane goes on at the pace of the back-off. */
const refusalsInARowMax = 64;

export interface LaneSenderDeps {
  lane: Lane;
  encoder: Encoder;
  exporter: Exporter;
  parse: (message: StoredMessage) => Parsed;
  /** Messages that have waited for longer become dead letters; undefined: none ever does. */
  deliverWithinMs?: number | undefined;
  clock: Clock;
  logger: Logger;
  /** 0 to 1, for the spread of the back-off. */
  random?: (() => number) | undefined;
  onExport?: ((outcome: ExportOutcome["kind"], durationMs: number) => void) | undefined;
}

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
  const { lane, encoder, exporter, parse, deliverWithinMs, clock, logger, onExport } = deps;
  const { random = Math.random } = deps;
  const pause = createPause(clock, random);
  const limits = createBatchLimits();
  const { record, owe, recordOwed } = createRecorder(lane);
  const health = createLaneHealth(lane.name, logger, deliverWithinMs);
  const burial = createBurial({
    attempted: { lane, encoder, parse },
    deliverWithinMs,
    log: createDeadLetterLog(laneKey(lane.name), { clock, logger }),
  });

  let isStarted = false;
  let cursor = 0;
  let unansweredLastId = 0;
  /** When the attempt that went so far was sealed. */
  let unansweredSealedAtUs: number | undefined;
  /** Sealed before this process began, not encoded again yet. */
  let inherited: Batch | undefined;
  let open: Prepared | undefined;
  let retries = 0;
  let seriesLosses = 0;
  let warning: string | null = null;

  async function start() {
    const position = await lane.position();
    const state = await lane.state();
    loadSeries(state);
    ({ cursor, unansweredLastId } = position);
    if (position.open) {
      const { notBeforeUs, ...batch } = position.open;
      inherited = batch;
      unansweredSealedAtUs = batch.sealedAtUs;
      pause.resume(notBeforeUs);
    }
    isStarted = true;
  }

  /** A damaged state stays damaged: to wait for it would stop the lane for ever. */
  function loadSeries(state: Uint8Array[]) {
    try {
      encoder.load(state);
    } catch (error) {
      seriesLosses += 1;
      const fields = { lane: laneKey(lane.name), error: toError(error).message };
      logger.error(fields, "The saved series cannot be read: each begins anew, with a new start time");
    }
  }

  /** What arrived until then has waited too long. */
  function overdueUntilUs(): number | undefined {
    return deliverWithinMs === undefined ? undefined : clock.nowUs() - deliverWithinMs * 1000;
  }

  function prepare(lastId: number, sealedAtUs: number, size: typeof unlimited, signal: AbortSignal) {
    const range = { afterId: cursor, lastId, sealedAtUs, overdueUntilUs: overdueUntilUs() };
    return prepareBatch({ lane, encoder, parse, ...range, limits: size, signal });
  }

  async function prepareNext({ lastId, signal }: Pass): Promise<Prepared | undefined> {
    if (cursor >= lastId) return undefined;
    // What went unanswered may have been delivered: it expires no more than it had then.
    const sealedAtUs = cursor < unansweredLastId ? unansweredSealedAtUs : undefined;
    const attemptedLastId = Math.min(lastId, unansweredLastId);
    const attempted = sealedAtUs && (await prepare(attemptedLastId, sealedAtUs, limits.current, signal));
    return attempted || (await prepare(lastId, clock.nowUs(), limits.current, signal));
  }

  /** Encode again what was sealed before the restart. */
  async function reopen({ lastId, sealedAtUs }: Batch, signal: AbortSignal) {
    const prepared = await prepare(lastId, sealedAtUs, unlimited, signal);
    if (signal.aborted) return;
    inherited = undefined;
    if (prepared?.batch.lastId === lastId) open = prepared;
    // With other settings than then it may not fit one request any more, and some of it may be overdue.
    else await record(settling({ kind: "unsealed" }));
  }

  function settling(settlement: Settlement, next?: Batch): Write {
    return { run: () => lane.settle(settlement, next), opens: { batch: next } };
  }

  /** Settle the open batch, and seal the next one in the same transaction. */
  async function settle(settlement: Settlement, pass: Pass) {
    if (settlement.kind !== "unsealed" && open) cursor = open.batch.lastId;
    open = undefined;
    owe(settling(settlement));
    const isPausing = pass.signal.aborted || limits.refusalsInARow >= refusalsInARowMax;
    const next = isPausing ? undefined : await prepareNext(pass);
    open = next;
    await record(settling(settlement, next?.batch));
  }

  async function send(request: Uint8Array, signal: AbortSignal): Promise<ExportOutcome> {
    const startMs = clock.monotonicMs();
    const outcome = await exporter
      .export(lane.name.signal, request, { signal })
      .catch(
        (error): ExportOutcome => ({ kind: "retryable", reason: toError(error).message, answered: false }),
      );
    onExport?.(outcome.kind, clock.monotonicMs() - startMs);
    return outcome;
  }

  /** True: the batch is open no more. False: wait. */
  async function attempt({ batch, expired, content }: Prepared, pass: Pass): Promise<boolean> {
    if (content.kind === "hopeless") return await bury(content, expired, pass);
    if (content.kind === "overdue") {
      await settle(await burial.overdue(batch, content, { expired }, unansweredLastId), pass);
      return true;
    }
    if (content.oldestArrivedAtUs <= (overdueUntilUs() ?? Number.NEGATIVE_INFINITY)) {
      await settle({ kind: "unsealed" }, pass);
      return true;
    }
    if (content.request === undefined) return await deliver(content, { expired, rejectedItems: 0 }, pass);
    const outcome = await send(content.request, pass.signal);
    switch (outcome.kind) {
      case "accepted":
        warning = outcome.warning ?? null;
        return await succeed(content, { expired, rejectedItems: 0 }, pass);
      case "partial":
        warning = outcome.reason;
        return await succeed(content, { expired, rejectedItems: outcome.rejectedItems }, pass);
      case "retryable":
        if (pass.signal.aborted && !outcome.answered) return await giveBack(batch);
        limits.failed();
        health.change(retryCondition(outcome), outcome.reason);
        return await postpone(batch, pause.afterFailure(outcome.retryDelayMs), !outcome.answered);
      case "misconfigured":
        limits.failed();
        health.change("misconfigured", outcome.reason);
        return await postpone(batch, pause.afterFailure(), false);
      case "refused":
        return await narrow(content, expired, outcome, pass);
      default:
        return outcome satisfies never;
    }
  }

  async function succeed(content: Sendable, counts: { expired: number; rejectedItems: number }, pass: Pass) {
    const rejectedItems = Math.min(counts.rejectedItems, content.items);
    health.change("available");
    pause.reset();
    limits.accepted();
    pass.sent.batches += 1;
    pass.sent.messages += content.messages;
    pass.sent.items += content.items - rejectedItems;
    return await deliver(content, { ...counts, rejectedItems }, pass);
  }

  async function deliver(
    { encoding, messages, items }: Sendable,
    { expired, rejectedItems }: { expired: number; rejectedItems: number },
    pass: Pass,
  ): Promise<true> {
    const state = encoding.commit();
    const counts = { messages, expired, items: items - rejectedItems, rejectedItems };
    await settle({ kind: "delivered", ...counts, state }, pass);
    return true;
  }

  async function postpone(batch: Batch, delayMs: number, unanswered: boolean): Promise<false> {
    retries += 1;
    if (unanswered) wentUnanswered(batch);
    const notBeforeUs = clock.nowUs() + Math.round(delayMs * 1000);
    await record({ run: () => lane.postpone({ notBeforeUs, unanswered }) });
    return false;
  }

  function wentUnanswered({ lastId, sealedAtUs }: Batch) {
    if (lastId < unansweredLastId) return;
    unansweredLastId = lastId;
    unansweredSealedAtUs = sealedAtUs;
  }

  /** We ourselves gave the attempt up: no fault of the receiver, who may have taken it. */
  async function giveBack(batch: Batch): Promise<false> {
    wentUnanswered(batch);
    const notBeforeUs = clock.nowUs();
    await record({ run: () => lane.postpone({ notBeforeUs, unanswered: true }) });
    return false;
  }

  /** A request that will never be taken: half of it next time, until the message to blame is alone. */
  async function narrow(
    content: Sendable,
    expired: number,
    { reason: detail, tooLarge }: ExportOutcome & { kind: "refused" },
    pass: Pass,
  ): Promise<boolean> {
    limits.refused(content, tooLarge);
    const isPausing = limits.refusalsInARow >= refusalsInARowMax;
    if (isPausing) {
      health.change("refused", detail);
      pause.afterFailure();
    }
    const { first } = content;
    const isAlone = content.messages === 1 && first !== undefined;
    if (isAlone)
      await bury({ ...first, reason: tooLarge ? "tooLarge" : "refused", path: "", detail }, expired, pass);
    else await settle({ kind: "unsealed" }, pass);
    return !isPausing;
  }

  async function bury(death: Death, expired: number, pass: Pass): Promise<true> {
    const settlement = await burial.one(death, expired, unansweredLastId);
    health.change("refused", death.detail, { silent: true });
    await settle(settlement, pass);
    return true;
  }

  return {
    /** Learn where the lane stands, and record what a failing store did not take. */
    async ready() {
      if (!isStarted) await start();
      await recordOwed();
    },
    /** Send what waits up to the pass's `lastId`, whatever the pause. True: all of it was settled. */
    async send(pass: Pass): Promise<boolean> {
      pause.end();
      while (!pass.signal.aborted) {
        if (inherited) {
          await reopen(inherited, pass.signal);
          continue;
        }
        if (!open) {
          const next = await prepareNext(pass);
          if (!next) return !pass.signal.aborted;
          open = next;
          await record({ run: () => lane.seal(next.batch), opens: { batch: next.batch } });
        }
        const isSettled = await attempt(open, pass);
        if (!isSettled) return false;
      }
      return cursor >= pass.lastId;
    },
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
      return open !== undefined || inherited !== undefined;
    },
    pause,
    health() {
      const { leftMs } = pause;
      const nextAttemptAtUs = leftMs > 0 ? clock.nowUs() + Math.round(leftMs * 1000) : null;
      return { ...health.current, nextAttemptAtUs, retries, seriesLosses, warning };
    },
  };
}
