import { beforeEach, describe, expect, it } from "vitest";
import type { LaneName } from "../../../pipeline/message.ts";
import type { StoreOptions } from "../../../pipeline/store/batch-store.ts";
import { arrival, bytes, filtered, invalid, logsLane, metricsLane, startUs, text } from "../arrivals.ts";
import { savedState } from "../saved-state.ts";
import { delivered } from "./settlements.ts";
import type { Subject } from "./subject.ts";

/** What is still there after a store was closed and opened again. */
export function reopeningContract(subject: Subject) {
  const { append, bodies, harness, ids, lane, laneLedger, ledger, owedBy, reopen, seal, swept } = subject;

  describe.runIf(harness.reopen)("after it was closed and opened again", () => {
    it("has everything that was promised: messages, counters, state, dead letters, instance id", async () => {
      await append(["a", "b", "c"], [metricsLane, logsLane]);
      await subject.store.append([arrival("bad", invalid), arrival("f", filtered)]);
      await seal(1);
      await lane().settle(
        delivered({ messages: 1, items: 4, state: { kind: "append", bytes: bytes("one") } }),
      );
      const { instanceId } = subject.store;
      const { sources, lanes, deadLettered, deadLetters } = await ledger();
      const letters = await subject.store.deadLetters.list({ afterId: 0, limit: 10 });
      await reopen();
      expect(subject.store.instanceId).toBe(instanceId);
      expect(await ledger()).toMatchObject({ sources, lanes, deadLettered, deadLetters });
      expect(await subject.store.deadLetters.list({ afterId: 0, limit: 10 })).toEqual(letters);
      expect((await savedState(lane())).map((chunk) => text(chunk))).toEqual(["one"]);
      expect(await bodies(metricsLane, (await lane().position()).cursor)).toEqual(["b", "c"]);
      expect(await bodies(logsLane)).toEqual(["a", "b", "c"]);
    });

    it("has the open batch, its next attempt, and takes it for unanswered", async () => {
      await append(["a", "b", "c"]);
      const batch = await seal(2);
      await lane().postpone({ notBeforeUs: startUs + 77, unanswered: false });
      await reopen();
      expect(await lane().position()).toEqual({
        cursor: 0,
        open: { ...batch, notBeforeUs: startUs + 77 },
        unansweredLastId: batch.lastId,
      });
    });

    it("remembers what was unanswered after the batch was settled otherwise", async () => {
      await append(["a", "b", "c"]);
      const batch = await seal(3);
      await lane().postpone({ notBeforeUs: startUs, unanswered: true });
      await lane().settle({ kind: "unsealed" });
      await reopen();
      expect(await lane().position()).toEqual({
        cursor: 0,
        open: undefined,
        unansweredLastId: batch.lastId,
      });
    });

    it("gives ids above all that it ever gave, even when it was empty", async () => {
      await append(["a", "b"]);
      const last = (await ids()).at(-1) ?? 0;
      await seal(2);
      await lane().settle(delivered({ messages: 2 }));
      await reopen();
      expect((await lane().backlog()).lastId).toBe(last);
      await append(["c"]);
      expect((await ids())[0]).toBeGreaterThan(last);
      expect(await bodies()).toEqual(["c"]);
    });

    it("still knows repeats and conflicts", async () => {
      const accept = (body: string) =>
        subject.store.append([
          arrival(body, owedBy([metricsLane]), { messageId: "1", arrivedAtUs: Date.now() * 1000 }),
        ]);
      await accept("a");
      await reopen();
      expect(await accept("a")).toMatchObject({ duplicates: 1 });
      await accept("b");
      expect((await ledger()).sources.plant).toMatchObject({ accepted: 2, idConflicts: 1 });
    });

    it("keeps each lane's bit when lanes are named in another order or new ones come", async () => {
      await append(["m"], [metricsLane]);
      await append(["l"], [logsLane]);
      const other: LaneName = { destination: "other", signal: "metrics" };
      await reopen({ lanes: [other, logsLane, metricsLane] });
      expect(await bodies(metricsLane)).toEqual(["m"]);
      expect(await bodies(logsLane)).toEqual(["l"]);
      expect(await bodies(other)).toEqual([]);
      await append(["new"], [other]);
      expect(await bodies(other)).toEqual(["new"]);
      expect(await laneLedger(other)).toMatchObject({ owed: 1, pending: 1 });
    });

    it("a lane that is no longer named keeps what it owes, owes nothing newer, and goes on when it comes back", async () => {
      const { mask } = lane(logsLane);
      await append(["m"], [metricsLane, logsLane]);
      await seal(1);
      await lane().settle(delivered({ messages: 1 }));
      await reopen({ lanes: [metricsLane] });
      expect(() => subject.store.lane(logsLane)).toThrow();
      await subject.store.append([arrival("n", { kind: "accepted", lanes: lane().mask + mask })]);
      await seal(1);
      await lane().settle(delivered({ messages: 1 }));
      await swept();
      expect(await laneLedger(logsLane)).toMatchObject({ isConfigured: false, owed: 1, pending: 1 });
      expect(subject.store.notices.join()).toContain("collector/logs");
      await reopen();
      expect(await laneLedger(metricsLane)).toMatchObject({ owed: 2, delivered: 2, pending: 0 });
      expect(await laneLedger(logsLane)).toMatchObject({ isConfigured: true, owed: 1, pending: 1 });
      expect(await bodies(logsLane)).toEqual(["m"]);
    });

    it("a lane that is no longer named and owes nothing keeps its counters, without a notice", async () => {
      await append(["l"], [logsLane]);
      await seal(1, logsLane);
      await lane(logsLane).settle(delivered({ messages: 1 }));
      await reopen({ lanes: [metricsLane] });
      expect(await laneLedger(logsLane)).toMatchObject({ isConfigured: false, delivered: 1, pending: 0 });
      expect(subject.store.notices).toEqual([]);
    });

    describe("a lane that is new to the store", () => {
      const other: LaneName = { destination: "other", signal: "metrics" };
      const open = (more: Partial<StoreOptions["lanes"][number]>) =>
        reopen({ lanes: [metricsLane, logsLane, { ...other, ...more }] });

      beforeEach(async () => {
        await append(["settled"]);
        await seal(1);
        await lane().settle(delivered({ messages: 1 }));
        await subject.store.append([
          arrival("a", owedBy([metricsLane]), { source: "one" }),
          arrival("log", owedBy([logsLane]), { source: "one" }),
          arrival("b", owedBy([metricsLane, logsLane]), { source: "two" }),
        ]);
      });

      it("owes only what comes from now on", async () => {
        await open({});
        expect(await bodies(other)).toEqual([]);
        await append(["new"], [metricsLane, other]);
        expect(await bodies(other)).toEqual(["new"]);
        expect(await laneLedger(other)).toMatchObject({ owed: 1, pending: 1 });
      });

      it("that starts at the oldest owes also what still waits for another lane of its signal", async () => {
        await open({ startAt: "oldest" });
        expect(await bodies(other)).toEqual(["a", "b"]);
        await append(["new"], [metricsLane, other]);
        expect(await bodies(other)).toEqual(["a", "b", "new"]);
        expect(await laneLedger(other)).toMatchObject({ owed: 3, pending: 3 });
        expect(await bodies(metricsLane)).toEqual(["a", "b", "new"]);
        expect(await laneLedger(metricsLane)).toMatchObject({ owed: 4, delivered: 1, pending: 3 });
        expect(await bodies(logsLane)).toEqual(["log", "b"]);
      });

      it("that starts at the oldest takes over what a lane that is no longer named owes", async () => {
        await reopen({ lanes: [logsLane, { ...other, startAt: "oldest" }] });
        expect(await bodies(other)).toEqual(["a", "b"]);
        expect(await laneLedger(metricsLane)).toMatchObject({ isConfigured: false, pending: 2 });
      });

      it("that starts at the oldest claims only what its filter takes", async () => {
        await open({ startAt: "oldest", filter: { sources: ["two"], topicFilters: ["plant/#"] } });
        expect(await bodies(other)).toEqual(["b"]);
        await reopen({
          lanes: [
            metricsLane,
            logsLane,
            other,
            {
              destination: "nobody",
              signal: "metrics",
              startAt: "oldest",
              filter: { sources: [], topicFilters: ["hall"] },
            },
          ],
        });
        expect(await bodies({ destination: "nobody", signal: "metrics" })).toEqual([]);
      });

      it("claims once: what it has settled does not come back at the next start", async () => {
        await open({ startAt: "oldest" });
        await seal(2, other);
        await lane(other).settle(delivered({ messages: 2 }));
        await open({ startAt: "oldest" });
        expect(await bodies(other)).toEqual([]);
        expect(await laneLedger(other)).toMatchObject({ owed: 2, delivered: 2, pending: 0 });
        expect(await bodies(metricsLane)).toEqual(["a", "b"]);
      });

      it("keeps what it claimed when the other lane has settled it", async () => {
        await open({ startAt: "oldest" });
        await seal(2);
        await lane().settle(delivered({ messages: 2 }));
        await seal(2, logsLane);
        await lane(logsLane).settle(delivered({ messages: 2 }));
        await swept();
        expect(await bodies(other)).toEqual(["a", "b"]);
      });
    });
  });
}
