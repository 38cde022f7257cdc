import { describe, expect, it } from "vitest";
import type { LaneName } from "../../../pipeline/message.ts";
import { arrival, logsLane, metricsLane, startUs } from "../arrivals.ts";
import { delivered } from "./settlements.ts";
import type { Subject } from "./subject.ts";

/** What each lane owes and reads. */
export function lanesContract(subject: Subject) {
  const { append, bodies, ids, lane, laneLedger, ledger, openAfresh, owedBy, seal } = subject;

  describe("lanes", () => {
    it("read() gives a lane only what it owes", async () => {
      await append(["m"], [metricsLane]);
      await append(["l"], [logsLane]);
      await append(["both"], [metricsLane, logsLane]);
      expect(await bodies(metricsLane)).toEqual(["m", "both"]);
      expect(await bodies(logsLane)).toEqual(["l", "both"]);
      expect(await laneLedger(metricsLane)).toMatchObject({ owed: 2, pending: 2 });
      expect(await laneLedger(logsLane)).toMatchObject({ owed: 2, pending: 2 });
    });

    it("read() goes on after an id, in slices", async () => {
      await append(["a", "b", "c", "d", "e"]);
      expect(await bodies(metricsLane, 0, 2)).toEqual(["a", "b"]);
      const second = (await ids())[1] ?? 0;
      expect(await bodies(metricsLane, second, 2)).toEqual(["c", "d"]);
      const last = (await ids()).at(-1) ?? 0;
      expect(await bodies(metricsLane, last, 2)).toEqual([]);
    });

    it("append() accepts a message that no lane owes, and owes it to nobody", async () => {
      expect(await subject.store.append([arrival("empty", { kind: "accepted", lanes: 0 })])).toMatchObject({
        accepted: 1,
      });
      expect(await laneLedger(metricsLane)).toMatchObject({ owed: 0, pending: 0 });
      expect(await laneLedger(logsLane)).toMatchObject({ owed: 0, pending: 0 });
      expect((await ledger()).sources.plant).toMatchObject({ received: 1, accepted: 1 });
    });

    it("backlog() tells how much waits, since when, and the newest id", async () => {
      await subject.store.append([
        arrival("a", owedBy([metricsLane]), { arrivedAtUs: startUs + 10 }),
        arrival("b", owedBy([metricsLane]), { arrivedAtUs: startUs + 20 }),
      ]);
      const last = (await ids()).at(-1);
      expect(await lane().backlog()).toEqual({
        messages: 2,
        oldestArrivedAtUs: startUs + 10,
        lastId: last,
      });
      await seal(1);
      await lane().settle(delivered({ messages: 1 }));
      expect(await lane().backlog()).toEqual({
        messages: 1,
        oldestArrivedAtUs: startUs + 20,
        lastId: last,
      });
      await seal(1);
      await lane().settle(delivered({ messages: 1 }));
      expect(await lane().backlog()).toEqual({ messages: 0, oldestArrivedAtUs: undefined, lastId: last });
    });

    it("works with 48 lanes", async () => {
      const lanes = Array.from(
        { length: 48 },
        (_, index): LaneName => ({ destination: `d${index}`, signal: "logs" }),
      );
      await openAfresh({ lanes });
      const chosen = lanes.filter((_, index) => index === 0 || index === 31 || index === 32 || index === 47);
      await append(["a"], chosen);
      for (const of of lanes) expect(await bodies(of)).toEqual(chosen.includes(of) ? ["a"] : []);
    });

    it("lane() refuses a name that the store was not opened with", () => {
      expect(() => subject.store.lane({ destination: "nobody", signal: "logs" })).toThrow(/nobody/);
    });
  });
}
