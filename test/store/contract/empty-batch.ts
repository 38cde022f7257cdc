import { describe, expect, it } from "vitest";
import { bytes, metricsLane, startUs, text } from "../arrivals.ts";
import { savedState } from "../saved-state.ts";
import { delivered } from "./settlements.ts";
import type { Subject } from "./subject.ts";

/** Batches that hold no message, sealed for what they state alone. */
export function emptyBatchContract(subject: Subject) {
  const { append, bodies, harness, ids, lane, laneLedger, reopen, seal, swept } = subject;

  describe("an empty batch", () => {
    const emptyAfter = (cursor: number, sealedAtUs = startUs + 7) => ({
      firstId: cursor + 1,
      lastId: cursor,
      sealedAtUs,
    });
    const stated = { kind: "append", bytes: bytes("stated") } as const;
    const nothing = delivered({ messages: 0 });

    async function cursorAfterOne(): Promise<number> {
      await append(["a"]);
      const { lastId } = await seal(1);
      await lane().settle(delivered({ messages: 1, items: 3 }));
      return lastId;
    }

    it("is sealed and settled behind the cursor, saves its state, and changes no other count", async () => {
      const cursor = await cursorAfterOne();
      await append(["b", "c"]);
      const before = await laneLedger();
      await lane().seal(emptyAfter(cursor));
      expect((await lane().position()).open).toMatchObject(emptyAfter(cursor));
      await lane().settle(delivered({ messages: 0, state: stated }));
      expect(await lane().position()).toMatchObject({ cursor, open: undefined });
      expect(await laneLedger()).toEqual(before);
      expect((await savedState(lane())).map((chunk) => text(chunk))).toEqual(["stated"]);
      await swept();
      expect(await bodies(metricsLane, cursor)).toEqual(["b", "c"]);
    });

    it("may be the first of all", async () => {
      await lane().seal(emptyAfter(0));
      await lane().settle(nothing);
      expect(await lane().position()).toEqual({ cursor: 0, open: undefined, unansweredLastId: 0 });
    });

    it("is settled together with the seal of messages that came since, and the other way round", async () => {
      const cursor = await cursorAfterOne();
      await lane().seal(emptyAfter(cursor));
      await append(["b"]);
      const [id = 0] = await ids();
      await lane().settle(nothing, { firstId: id, lastId: id, sealedAtUs: startUs });
      await lane().settle(delivered({ messages: 1 }), emptyAfter(id));
      expect(await lane().position()).toMatchObject({ cursor: id, open: emptyAfter(id) });
    });

    it("leaves messages that came since, and what counts as unanswered, when it is postponed", async () => {
      const cursor = await cursorAfterOne();
      await lane().seal(emptyAfter(cursor));
      await append(["b"]);
      await lane().postpone({ notBeforeUs: startUs + 9, unanswered: true });
      const { open, unansweredLastId } = await lane().position();
      expect(open).toEqual({ ...emptyAfter(cursor), notBeforeUs: startUs + 9 });
      expect(unansweredLastId).toBeLessThanOrEqual(cursor);
      await lane().settle({ kind: "unsealed" });
      expect(await bodies(metricsLane, cursor)).toEqual(["b"]);
    });

    it("is refused anywhere but directly behind the cursor, or it would skip messages", async () => {
      const cursor = await cursorAfterOne();
      await append(["b", "c"]);
      for (const other of [cursor - 1, cursor + 1, cursor + 2]) {
        await expect(lane().seal(emptyAfter(other))).rejects.toThrow("wanted a range of ids after");
      }
      await expect(lane().seal({ ...emptyAfter(cursor), firstId: cursor + 2 })).rejects.toThrow("wanted");
      await expect(lane().seal({ ...emptyAfter(cursor), lastId: cursor - 1 })).rejects.toThrow("wanted");
    });

    it.runIf(harness.reopen)("is still open after a crash", async () => {
      const cursor = await cursorAfterOne();
      await lane().seal(emptyAfter(cursor));
      await append(["b"]);
      await reopen();
      const { open, unansweredLastId } = await lane().position();
      expect(open).toMatchObject(emptyAfter(cursor));
      expect(unansweredLastId).toBeLessThanOrEqual(cursor);
      expect(await bodies(metricsLane, cursor)).toEqual(["b"]);
    });
  });
}
