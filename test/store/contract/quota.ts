import { beforeEach, describe, expect, it } from "vitest";
import { StoreFullError } from "../../../pipeline/errors.ts";
import { arrival, metricsLane } from "../arrivals.ts";
import { delivered } from "./settlements.ts";
import type { Subject } from "./subject.ts";

/** A store that is full. */
export function quotaContract(subject: Subject) {
  const { append, bodies, lane, laneLedger, ledger, openAfresh, owedBy, seal } = subject;

  describe("the quota", () => {
    const bytesMax = 2_000_000;
    const large = "x".repeat(50_000);

    /** Append until the store is full; how many it took. */
    async function fill() {
      for (let count = 0; count < 200; count += 1) {
        try {
          await append([large]);
        } catch (error) {
          if (error instanceof StoreFullError) return count;
          throw error;
        }
      }
      throw new Error("The store takes more than its quota");
    }

    beforeEach(async () => {
      await openAfresh({ bytesMax });
    });

    it("append() rejects with StoreFullError when it would be passed, and stores nothing of the request", async () => {
      const count = await fill();
      expect(count).toBeGreaterThanOrEqual(10);
      const before = await ledger();
      await expect(append(["small", large])).rejects.toThrow(StoreFullError);
      const after = await ledger();
      expect(after.sources).toEqual(before.sources);
      expect(after.lanes).toEqual(before.lanes);
      expect(after.sources.plant?.accepted).toBe(count);
      expect(await bodies()).toHaveLength(count);
    });

    it("append() remembers no identity of what it did not store", async () => {
      await fill();
      const again = arrival(large, owedBy([metricsLane]), { messageId: "1" });
      await expect(subject.store.append([again])).rejects.toThrow(StoreFullError);
      await drain();
      expect(await subject.store.append([again])).toMatchObject({ accepted: 1, duplicates: 0 });
    });

    it("settle() works in a full store, and makes room again", async () => {
      const count = await fill();
      await drain();
      expect(await laneLedger()).toMatchObject({ delivered: count, pending: 0 });
      expect(await append([large])).toMatchObject({ accepted: 1 });
    });

    it("the ledger tells the bytes that are used, and the quota", async () => {
      const { store: before } = await ledger();
      await append([large, large]);
      const { store: after } = await ledger();
      expect(after.bytesMax).toBe(bytesMax);
      expect(after.bytes).toBeGreaterThan(before.bytes);
      expect(after.bytes).toBeLessThanOrEqual(bytesMax);
    });

    async function drain() {
      while ((await lane().backlog()).messages > 0) {
        const { firstId, lastId } = await seal(5);
        await lane().settle(delivered({ messages: lastId - firstId + 1 }));
      }
    }
  });
}
