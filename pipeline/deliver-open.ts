import type { Prepared } from "./deliver-batch.ts";
import type { createBatchLimits } from "./deliver-limits.ts";
import type { createBurialLog } from "./deliver-log.ts";
import type { createNextBatch } from "./deliver-next.ts";
import type { createPause } from "./deliver-pause.ts";
import { createRecorder, type Write } from "./deliver-record.ts";
import type { createRestatements } from "./deliver-restatement.ts";
import { toError } from "./errors.ts";
import type { Logger } from "./logger.ts";
import { laneKey } from "./message.ts";
import type { Encoder } from "./otlp/encoder.ts";
import type { Batch, Lane, Settlement } from "./store/batch-store.ts";

/** A lane's open batch, as the store has it and as it was encoded. */
export function createOpenBatch(options: {
  lane: Lane;
  encoder: Encoder;
  ahead: ReturnType<typeof createNextBatch>;
  restatements: ReturnType<typeof createRestatements>;
  limits: ReturnType<typeof createBatchLimits>;
  pause: ReturnType<typeof createPause>;
  logger: Logger;
  logBurials: ReturnType<typeof createBurialLog>;
}) {
  const { lane, encoder, ahead, restatements, limits, pause, logger, logBurials } = options;
  const { record, owe, recordOwed } = createRecorder(lane);
  let isStarted = false;
  /** Sealed before this process began, not encoded again yet. */
  let inherited: Batch | undefined;
  let open: Prepared | undefined;
  let seriesLosses = 0;
  /** Id of the newest chunk of the saved series that was loaded. */
  let loadedId = 0;

  async function start() {
    const position = await lane.position();
    await loadSeries();
    restatements.loaded();
    ahead.begin(position);
    if (position.open) {
      const { notBeforeUs, ...batch } = position.open;
      inherited = batch;
      pause.resume(notBeforeUs);
    }
    isStarted = true;
  }

  /** Chunk by chunk, since all of them are more than what is live; where the store fails, it goes on from there. */
  async function loadSeries() {
    let saved = await lane.state(loadedId);
    while (saved !== undefined && loadChunk(saved.bytes)) {
      loadedId = saved.id;
      saved = await lane.state(loadedId);
    }
  }

  /** A damaged state stays damaged: to wait for it would stop the lane for ever. */
  function loadChunk(chunk: Uint8Array): boolean {
    try {
      encoder.load([chunk]);
      return true;
    } catch (error) {
      seriesLosses += 1;
      const fields = { lane: laneKey(lane.name), error: toError(error).message };
      logger.error(fields, "The saved series cannot be read: each begins anew, with a new start time");
      return false;
    }
  }

  function settling(settlement: Settlement, next?: Batch): Write {
    return { run: async () => logBurials(await lane.settle(settlement, next)), opens: { batch: next } };
  }

  return {
    record,
    /** Learn where the lane stands, and record what a failing store did not take. */
    async ready() {
      if (!isStarted) await start();
      await recordOwed();
    },
    get encoded(): Prepared | undefined {
      return open;
    },
    /** It was sealed before this process began, and is not encoded again yet. */
    get isInherited(): boolean {
      return inherited !== undefined;
    },
    /** A batch was sealed and is not settled yet. */
    get isOpen(): boolean {
      return open !== undefined || inherited !== undefined;
    },
    /** Times that the saved series could not be read, since start. */
    get seriesLosses(): number {
      return seriesLosses;
    },
    /** Encode again what was sealed before the restart. */
    async reopen(signal: AbortSignal) {
      const prepared = inherited && (await ahead.again(inherited, signal));
      if (signal.aborted) return;
      inherited = undefined;
      if (prepared) open = prepared;
      // With other settings than then it may not fit one request any more, and some of it may be overdue.
      else await record(settling({ kind: "unsealed" }));
    },
    async seal(next: Prepared) {
      open = next;
      await record({ run: () => lane.seal(next.batch), opens: { batch: next.batch } });
    },
    /** Settle it, and seal the next one of the pass in the same transaction. */
    async settle(settlement: Settlement, pass: { lastId: number; signal: AbortSignal }) {
      if (settlement.kind !== "unsealed" && open) ahead.settled(open.batch);
      open = undefined;
      owe(settling(settlement));
      const isPausing = pass.signal.aborted || limits.isExhausted;
      const next = isPausing ? undefined : await ahead.messages(pass, limits.current);
      open = next;
      await record(settling(settlement, next?.batch));
    },
  };
}
