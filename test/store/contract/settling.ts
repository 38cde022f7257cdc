import { describe, expect, it } from "vitest";
import { arrival, bytes, logsLane, metricsLane, startUs, text } from "../arrivals.ts";
import { savedState } from "../saved-state.ts";
import { dead, delivered } from "./settlements.ts";
import type { Subject } from "./subject.ts";

/** What a lane does with its batches: seal, postpone, settle. */
export function settlingContract(subject: Subject) {
  const { append, bodies, ids, kill, lane, laneLedger, ledger, owedBy, seal } = subject;

  describe("seal() and settle()", () => {
    it("seal() opens the batch, and leaves its messages pending", async () => {
      await append(["a", "b", "c"]);
      const batch = await seal(2);
      const { cursor, open } = await lane().position();
      expect(cursor).toBe(0);
      expect(open).toMatchObject(batch);
      expect(open?.notBeforeUs).toBeLessThanOrEqual(startUs);
      expect(await laneLedger()).toMatchObject({ owed: 3, pending: 3 });
    });

    it("settle() of a delivered batch moves the cursor and counts", async () => {
      await append(["a", "b", "c"]);
      const batch = await seal(2);
      await lane().settle(delivered({ messages: 1, expired: 1, items: 7, rejectedItems: 3 }));
      expect(await lane().position()).toMatchObject({ cursor: batch.lastId, open: undefined });
      expect(await bodies(metricsLane, batch.lastId)).toEqual(["c"]);
      expect(await laneLedger()).toMatchObject({
        owed: 3,
        delivered: 1,
        expired: 1,
        pending: 1,
        exportedItems: 7,
        rejectedItems: 3,
      });
    });

    it("settle() of one lane leaves the other's messages", async () => {
      await append(["both"], [metricsLane, logsLane]);
      await seal(1, metricsLane);
      await lane(metricsLane).settle(delivered({ messages: 1 }));
      expect(await bodies(logsLane)).toEqual(["both"]);
      expect(await laneLedger(logsLane)).toMatchObject({ owed: 1, pending: 1, delivered: 0 });
    });

    it("settle() seals the next batch with it", async () => {
      await append(["a", "b"]);
      const first = await seal(1);
      const next = { firstId: first.lastId + 1, lastId: first.lastId + 1, sealedAtUs: startUs + 5 };
      await lane().settle(delivered({ messages: 1 }), next);
      expect((await lane().position()).open).toMatchObject(next);
    });

    it("settle() as unsealed leaves the cursor and all messages, and may seal a smaller batch", async () => {
      await append(["a", "b"]);
      const batch = await seal(2);
      await lane().settle({ kind: "unsealed" });
      expect(await lane().position()).toMatchObject({ cursor: 0, open: undefined });
      expect(await laneLedger()).toMatchObject({ pending: 2 });
      await seal(2);
      await lane().settle({ kind: "unsealed" }, { ...batch, lastId: batch.firstId });
      expect((await lane().position()).open).toMatchObject({
        firstId: batch.firstId,
        lastId: batch.firstId,
      });
    });

    it("settle() of a dead message keeps it as a dead letter of the lane", async () => {
      await append(["stale", "poison", "fine"]);
      const batch = await seal(2);
      await lane().settle(
        dead(batch.lastId, {
          reason: "tooLarge",
          path: "metrics[1]",
          detail: "RESOURCE_EXHAUSTED",
          possiblyDelivered: true,
          expired: 1,
        }),
      );
      expect(await laneLedger()).toMatchObject({
        owed: 3,
        expired: 1,
        deadLettered: 1,
        delivered: 0,
        pending: 1,
      });
      const letters = await subject.store.deadLetters.list({ afterId: 0, limit: 10 });
      expect(letters).toHaveLength(1);
      expect(letters[0]).toMatchObject({
        arrivedAtUs: startUs,
        reason: "tooLarge",
        path: "metrics[1]",
        detail: "RESOURCE_EXHAUSTED",
        lane: metricsLane,
        possiblyDelivered: true,
      });
      expect(letters[0]?.diedAtUs).toBeGreaterThan(startUs);
      expect(letters[0]?.message.topic).toBe("plant/line1");
      expect(text(letters[0]?.message.payload)).toBe("poison");
      expect((await ledger()).deadLettered).toEqual([{ stage: "delivery", reason: "tooLarge", count: 1 }]);
    });

    it("settle() of a dead message leaves it to the other lane", async () => {
      await append(["both"], [metricsLane, logsLane]);
      await kill();
      expect(await bodies(logsLane)).toEqual(["both"]);
      expect(await laneLedger(logsLane)).toMatchObject({ deadLettered: 0, pending: 1 });
    });

    it("settle() as overdue keeps each message that has not expired as a dead letter of the lane", async () => {
      const at = (body: string, expiresAtUs?: number) =>
        arrival(body, owedBy([metricsLane, logsLane], expiresAtUs), { messageId: body });
      await subject.store.append([at("a"), at("stale", startUs), at("b", startUs + 1)]);
      await append(["others'"], [logsLane]);
      await append(["c", "d"]);
      const first = await seal(3);
      await lane().postpone({ notBeforeUs: startUs, unanswered: true });
      await lane().settle({ kind: "unsealed" });
      const batch = await seal(4);
      const state = { kind: "append", bytes: bytes("restarted") } as const;
      const burials = await lane().settle({ kind: "overdue", detail: "Too late", expired: 1, state });
      expect(await laneLedger()).toMatchObject({ owed: 5, expired: 1, deadLettered: 3, pending: 1 });
      expect(await bodies()).toEqual(["d"]);
      expect(await bodies(logsLane)).toEqual(["a", "stale", "b", "others'"]);
      expect(await lane().position()).toMatchObject({ cursor: batch.lastId, open: undefined });
      const common = { reason: "overdue", detail: "Too late", path: "", lane: metricsLane };
      const letters = await subject.store.deadLetters.list({ afterId: 0, limit: 10 });
      expect(letters).toMatchObject([
        { ...common, message: { messageId: "a" }, arrivedAtUs: startUs, possiblyDelivered: true },
        { ...common, message: { messageId: "b" }, possiblyDelivered: true },
        { ...common, possiblyDelivered: false },
      ]);
      expect(letters.map(({ message }) => text(message.payload))).toEqual(["a", "b", "c"]);
      const { id } = letters[2] ?? {};
      const where = { id, source: "plant", topic: "plant/line1", possiblyDelivered: false };
      expect(burials).toEqual([{ ...where, reason: "overdue", path: "", detail: "Too late", count: 3 }]);
      expect(first.lastId).toBeLessThan(batch.lastId);
      expect((await ledger()).deadLettered).toEqual([{ stage: "delivery", reason: "overdue", count: 3 }]);
      expect((await savedState(lane())).map((chunk) => text(chunk))).toEqual(["restarted"]);
    });

    it("postpone() keeps the batch open until an instant", async () => {
      await append(["a"]);
      const batch = await seal(1);
      await lane().postpone({ notBeforeUs: startUs + 9, unanswered: false });
      expect((await lane().position()).open).toEqual({ ...batch, notBeforeUs: startUs + 9 });
      expect(await laneLedger()).toMatchObject({ pending: 1 });
    });

    it("seal() refuses while a batch is open", async () => {
      await append(["a", "b"]);
      await seal(1);
      await expect(lane().seal({ firstId: 2, lastId: 2, sealedAtUs: startUs })).rejects.toThrow();
    });

    it("settle() and postpone() refuse when no batch is open", async () => {
      await append(["a"]);
      await expect(lane().settle(delivered())).rejects.toThrow();
      await expect(lane().postpone({ notBeforeUs: 0, unanswered: false })).rejects.toThrow();
      expect(await laneLedger()).toMatchObject({ pending: 1, delivered: 0 });
    });

    it("ids never start again, also once every message was settled", async () => {
      await append(["a", "b"]);
      const before = await ids();
      await seal(2);
      await lane().settle(delivered({ messages: 2 }));
      await append(["c"]);
      expect(await bodies()).toEqual(["c"]);
      expect((await ids())[0]).toBeGreaterThan(before.at(-1) ?? 0);
    });
  });

  describe("unanswered attempts", () => {
    it("postpone() raises unansweredLastId to the last id of the batch, never lowers it", async () => {
      await append(["a", "b", "c"]);
      const batch = await seal(3);
      await lane().postpone({ notBeforeUs: startUs, unanswered: true });
      await lane().settle({ kind: "unsealed" });
      await seal(1);
      await lane().postpone({ notBeforeUs: startUs, unanswered: true });
      await lane().settle({ kind: "unsealed" });
      expect((await lane().position()).unansweredLastId).toBe(batch.lastId);
      expect((await lane(logsLane).position()).unansweredLastId).toBe(0);
    });

    it("postpone() leaves it when an answer came", async () => {
      await append(["a"]);
      await seal(1);
      await lane().postpone({ notBeforeUs: startUs, unanswered: false });
      await lane().settle({ kind: "unsealed" });
      expect((await lane().position()).unansweredLastId).toBe(0);
    });
  });
}
