import { type LaneName, laneKey } from "../../../pipeline/message.ts";
import type { BatchStore, StoreOptions } from "../../../pipeline/store/batch-store.ts";
import { arrival, ledgerOf, metricsLane, owedBy, startUs, text } from "../arrivals.ts";
import { type Dead, dead } from "./settlements.ts";

export interface StoreHarness {
  /** A new, empty store; what `options` leave out is `roomy`. */
  open(options?: Partial<StoreOptions>): Promise<BatchStore>;
  /** Close it and open it again on the same data; absent when nothing survives. */
  reopen?(store: BatchStore, options?: Partial<StoreOptions>): Promise<BatchStore>;
}

export type Subject = ReturnType<typeof createSubject>;

/** The store that a test of the contract works on, and short words for what tests do with it. */
export function createSubject(harness: StoreHarness) {
  let store: BatchStore;

  const lane = (of: LaneName = metricsLane) => store.lane(of);
  const owed = (lanes: readonly LaneName[], expiresAtUs?: number) => owedBy(store, lanes, expiresAtUs);

  async function laneLedger(of: LaneName = metricsLane) {
    const found = (await ledgerOf(store)).lanes.find(({ name }) => laneKey(name) === laneKey(of));
    if (!found) throw new Error(`No ledger of ${laneKey(of)}`);
    return found;
  }

  /** Seal what the first `count` waiting messages are. */
  async function seal(count: number, of: LaneName = metricsLane) {
    const waiting = await lane(of).read((await lane(of).position()).cursor, count);
    const [first, last] = [waiting[0], waiting.at(-1)];
    if (!first || !last) throw new Error("Nothing waits");
    const batch = { firstId: first.id, lastId: last.id, sealedAtUs: startUs };
    await lane(of).seal(batch);
    return batch;
  }

  return {
    harness,
    get store() {
      return store;
    },
    async open(options?: Partial<StoreOptions>) {
      store = await harness.open(options);
    },
    /** Another store, empty like the one that it takes the place of. */
    async openAfresh(options: Partial<StoreOptions>) {
      await store.close();
      store = await harness.open(options);
    },
    async reopen(options?: Partial<StoreOptions>) {
      if (!harness.reopen) throw new Error("Nothing survives");
      store = await harness.reopen(store, options);
    },
    lane,
    owedBy: owed,
    append: (bodies: readonly string[], lanes: readonly LaneName[] = [metricsLane]) =>
      store.append(bodies.map((body) => arrival(body, owed(lanes)))),
    bodies: async (of: LaneName = metricsLane, afterId = 0, rowsMax = 1000) =>
      (await lane(of).read(afterId, rowsMax)).map(({ payload }) => text(payload)),
    ids: async (of: LaneName = metricsLane) => (await lane(of).read(0, 1000)).map(({ id }) => id),
    ledger: () => ledgerOf(store),
    laneLedger,
    seal,
    /** Let the first waiting message die. */
    async kill(more: Partial<Dead> = {}) {
      const batch = await seal(1);
      await lane().settle(dead(batch.firstId, more));
      const letter = (await store.deadLetters.list({ afterId: 0, limit: 1000 })).at(-1);
      if (!letter) throw new Error("No dead letter was kept");
      return letter;
    },
    /** Rows that nobody owes any more are deleted in turns of their own. */
    async swept() {
      for (let turn = 0; turn < 5; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        await store.ledger();
      }
    },
  };
}
