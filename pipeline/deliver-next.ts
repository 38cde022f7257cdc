import type { Clock } from "./clock.ts";
import { type Prepared, prepareBatch } from "./deliver-batch.ts";
import { unlimited } from "./deliver-limits.ts";
import type { createRestatements } from "./deliver-restatement.ts";
import type { Encoder } from "./otlp/encoder.ts";
import type { Parsed } from "./payload/format.ts";
import type { Batch, Lane, LanePosition, StoredMessage } from "./store/batch-store.ts";

/** Where a lane stands between its messages, and the batch that comes next. Nothing is recorded here. */
export function createNextBatch(options: {
  lane: Lane;
  encoder: Encoder;
  restatements: ReturnType<typeof createRestatements>;
  parse: (message: StoredMessage) => Parsed;
  deliverWithinMs: number | undefined;
  clock: Clock;
}) {
  const { lane, encoder, restatements, parse, deliverWithinMs, clock } = options;
  let cursor = 0;
  let unansweredLastId = 0;
  /** When the attempt that went so far was sealed. */
  let unansweredSealedAtUs: number | undefined;

  /** What arrived until then has waited too long. */
  function overdueUntilUs(): number | undefined {
    return deliverWithinMs === undefined ? undefined : clock.nowUs() - deliverWithinMs * 1000;
  }

  function prepare(lastId: number, sealedAtUs: number, limits: typeof unlimited, signal: AbortSignal) {
    const range = { afterId: cursor, lastId, sealedAtUs, overdueUntilUs: overdueUntilUs() };
    return prepareBatch({ lane, encoder, parse, ...range, limits, signal });
  }

  function restated(sealedAtUs: number, restatement: ReturnType<typeof restatements.again>) {
    if (restatement === undefined) return undefined;
    const batch = { firstId: cursor + 1, lastId: cursor, sealedAtUs };
    return { batch, expired: 0, content: { kind: "restated", restatement } } satisfies Prepared;
  }

  return {
    get cursor() {
      return cursor;
    },
    /** Messages up to this id were part of an attempt without an answer. */
    get unansweredLastId() {
      return unansweredLastId;
    },
    overdueUntilUs,
    /** Go on from where the store says. */
    begin(position: LanePosition) {
      ({ cursor, unansweredLastId } = position);
      unansweredSealedAtUs = position.open?.sealedAtUs;
    },
    settled({ lastId }: Batch) {
      cursor = lastId;
    },
    wentUnanswered({ lastId, sealedAtUs }: Batch) {
      if (lastId < unansweredLastId) return;
      unansweredLastId = lastId;
      unansweredSealedAtUs = sealedAtUs;
    },
    /** The next messages up to `lastId`; undefined when there are none. */
    async messages({ lastId, signal }: { lastId: number; signal: AbortSignal }, limits: typeof unlimited) {
      if (cursor >= lastId) return undefined;
      // What went unanswered may have been delivered: it expires no more than it had then.
      const sealedAtUs = cursor < unansweredLastId ? unansweredSealedAtUs : undefined;
      const attemptedLastId = Math.min(lastId, unansweredLastId);
      const attempted = sealedAtUs && (await prepare(attemptedLastId, sealedAtUs, limits, signal));
      return attempted || (await prepare(lastId, clock.nowUs(), limits, signal));
    },
    /** Series to state again, as a batch of no messages; undefined when none is due. */
    restatement(): Prepared | undefined {
      const next = restatements.next();
      return next && restated(next.sealedAtUs, next.restatement);
    },
    /** Encode again what was sealed before a restart; undefined when it is another batch now. */
    async again(batch: Batch, signal: AbortSignal): Promise<Prepared | undefined> {
      const { lastId, sealedAtUs } = batch;
      if (lastId <= cursor) return restated(sealedAtUs, restatements.again(batch));
      const prepared = await prepare(lastId, sealedAtUs, unlimited, signal);
      return prepared?.batch.lastId === lastId ? prepared : undefined;
    },
    /** Whether a message waits behind the restatement that is open. */
    async isFollowed(): Promise<boolean> {
      return (await lane.read(cursor, 1)).length > 0;
    },
  };
}
