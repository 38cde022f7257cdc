import type { Batch, Lane } from "./store/batch-store.ts";

/** A write to the store that is repeated until it is known to be taken. */
export interface Write {
  run: () => Promise<void>;
  /** The batch that is open once it is taken; left out when it may be taken twice. */
  opens?: { batch: Batch | undefined };
}

/** Records what became of a lane's batches, also over failures of the store. */
export function createRecorder(lane: Lane) {
  /** A write that the store still has to take before anything else happens. */
  let owed: Write | undefined;

  async function record(write: Write) {
    owed = write;
    await write.run();
    owed = undefined;
  }

  return {
    record,
    /** From now on this write is owed, though it is not tried yet. */
    owe(write: Write) {
      owed = write;
    },
    /** Record what is owed. To settle twice would settle the next batch, which was never sent. */
    async recordOwed() {
      if (owed === undefined) return;
      // A write may fail after the store took it.
      const isTaken = owed.opens && isSameBatch((await lane.position()).open, owed.opens.batch);
      if (isTaken) owed = undefined;
      else await record(owed);
    },
  };
}

function isSameBatch(a: Batch | undefined, b: Batch | undefined): boolean {
  return a?.firstId === b?.firstId && a?.lastId === b?.lastId && a?.sealedAtUs === b?.sealedAtUs;
}
