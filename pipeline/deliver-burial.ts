import type { Hopeless, Prepared } from "./deliver-batch.ts";
import { type RestartOptions, restartSeries } from "./deliver-restart.ts";
import type { Batch, DeadLetterReason, Settlement } from "./store/batch-store.ts";

/** The one live message of a batch, and why it dies. */
export type Death = Omit<Hopeless, "kind" | "reason"> & { reason: DeadLetterReason };

/** The settlements by which messages become dead letters. `unansweredLastId`: as the lane's position has it. */
export function createBurial(options: {
  attempted: Pick<RestartOptions, "lane" | "encoder" | "parse">;
  deliverWithinMs: number | undefined;
}) {
  const { attempted, deliverWithinMs = 0 } = options;

  return {
    /** One message is refused, or can never be sent. */
    async one(
      { message, items, path, reason, detail }: Death,
      expired: number,
      unansweredLastId: number,
    ): Promise<Settlement> {
      const { id } = message;
      const letter = { reason, detail, possiblyDelivered: id <= unansweredLastId };
      const range = { firstId: id, lastId: id, attemptLastId: unansweredLastId };
      const isSeriesTouched = letter.possiblyDelivered && items !== undefined;
      const state = isSeriesTouched ? await restartSeries({ ...attempted, ...range }) : undefined;
      return { kind: "dead", messageId: id, path, ...letter, expired, state };
    },

    /** All messages of a batch have waited too long. */
    async overdue(
      { firstId, lastId }: Batch,
      { expired }: Pick<Prepared, "expired">,
      unansweredLastId: number,
    ): Promise<Settlement> {
      const detail = `Cannot deliver within ${deliverWithinMs / 1000} s of the arrival: the receiver did not take it`;
      const range = { firstId, lastId, attemptLastId: unansweredLastId };
      const isAttempted = firstId <= unansweredLastId;
      const state = isAttempted ? await restartSeries({ ...attempted, ...range }) : undefined;
      return { kind: "overdue", detail, expired, state };
    },
  };
}
