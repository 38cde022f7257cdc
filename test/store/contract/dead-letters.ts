import { describe, expect, it } from "vitest";
import { arrival, invalid, logsLane, metricsLane, startUs, text } from "../arrivals.ts";
import { delivered } from "./settlements.ts";
import type { Subject } from "./subject.ts";

/** Dead letters: kept, listed, deleted, replayed, and discarded past their quota. */
export function deadLettersContract(subject: Subject) {
  const { append, bodies, ids, kill, lane, laneLedger, ledger, openAfresh, owedBy, seal } = subject;

  describe("dead letters", () => {
    const list = (options: { afterId?: number; limit?: number; source?: string; reason?: string } = {}) =>
      subject.store.deadLetters.list({ afterId: 0, limit: 100, ...options });

    it("keep a message that died on arrival with its reason", async () => {
      await subject.store.append([arrival("bad", invalid, { messageId: "1" })]);
      const [letter] = await list();
      expect(letter).toMatchObject({
        arrivedAtUs: startUs,
        reason: "invalidPayload",
        path: "metrics[0].value",
        detail: "Cannot read a u64_gauge: met -1",
        lane: undefined,
        possiblyDelivered: false,
      });
      expect(letter?.message).toMatchObject({ source: "plant", messageId: "1" });
      expect(text(letter?.message.payload)).toBe("bad");
      const { deadLettered, deadLetters } = await ledger();
      expect(deadLettered).toEqual([{ stage: "arrival", reason: "invalidPayload", count: 1 }]);
      expect(deadLetters).toEqual({ kept: 1, discarded: 0 });
    });

    it("are told to who made them: the newest of each source and reason, with its id, repeats apart", async () => {
      const envelope = { ...invalid, reason: "invalidEnvelope" as const };
      const { burials } = await subject.store.append([
        arrival("1", invalid, { messageId: "1" }),
        arrival("1", invalid, { messageId: "1" }),
        arrival("2", envelope),
        arrival("3", invalid),
      ]);
      const where = { source: "plant", topic: "plant/line1", possiblyDelivered: false };
      const [path, detail] = ["metrics[0].value", "Cannot read a u64_gauge: met -1"];
      const letters = await list();
      expect(burials).toEqual([
        { id: letters[2]?.id, ...where, reason: "invalidPayload", path, detail, count: 2 },
        { id: letters[1]?.id, ...where, reason: "invalidEnvelope", path, detail, count: 1 },
      ]);
      expect(await subject.store.append([arrival("good", owedBy([metricsLane]))])).not.toHaveProperty(
        "burials",
      );
    });

    it("list() goes on after an id, at most so many, by source and reason", async () => {
      const envelope = { ...invalid, reason: "invalidEnvelope" as const };
      await subject.store.append([
        arrival("1", invalid, { source: "one" }),
        arrival("2", envelope, { source: "two" }),
        arrival("3", invalid, { source: "two" }),
        arrival("4", invalid, { source: "two" }),
      ]);
      const found = async (options: Parameters<typeof list>[0]) =>
        (await list(options)).map(({ message }) => text(message.payload));
      expect(await found({})).toEqual(["1", "2", "3", "4"]);
      expect(await found({ limit: 2 })).toEqual(["1", "2"]);
      expect(await found({ afterId: (await list({ limit: 2 })).at(-1)?.id ?? 0, limit: 2 })).toEqual([
        "3",
        "4",
      ]);
      expect(await found({ source: "two" })).toEqual(["2", "3", "4"]);
      expect(await found({ reason: "invalidPayload" })).toEqual(["1", "3", "4"]);
      expect(await found({ source: "two", reason: "invalidPayload", limit: 1 })).toEqual(["3"]);
      expect(await found({ source: "nobody" })).toEqual([]);
    });

    it("get() gives one, or nothing", async () => {
      await subject.store.append([arrival("bad", invalid)]);
      const [letter] = await list();
      expect(await subject.store.deadLetters.get(letter?.id ?? 0)).toEqual(letter);
      expect(await subject.store.deadLetters.get(999)).toBeUndefined();
    });

    it("delete() removes one, once, and takes nothing from the counters", async () => {
      await subject.store.append([arrival("bad", invalid)]);
      const id = (await list())[0]?.id ?? 0;
      expect(await subject.store.deadLetters.delete(id)).toBe(true);
      expect(await subject.store.deadLetters.delete(id)).toBe(false);
      expect(await list()).toEqual([]);
      const { deadLetters, deadLettered, sources } = await ledger();
      expect(deadLetters).toEqual({ kept: 0, discarded: 0 });
      expect(sources.plant?.deadLettered).toBe(1);
      expect(deadLettered).toEqual([{ stage: "arrival", reason: "invalidPayload", count: 1 }]);
    });

    it("replay() of one that died on arrival receives and accepts it again", async () => {
      await subject.store.append([arrival("bad", invalid, { messageId: "1" })]);
      const id = (await list())[0]?.id ?? 0;
      const { mask } = lane();
      expect(await subject.store.deadLetters.replay(id, { lanes: mask })).toBe(true);
      expect(await list()).toEqual([]);
      expect(await bodies()).toEqual(["bad"]);
      expect((await ledger()).sources.plant).toMatchObject({
        received: 2,
        accepted: 1,
        deadLettered: 1,
      });
      expect(await laneLedger()).toMatchObject({ owed: 1, pending: 1 });
      expect((await ledger()).deadLetters.kept).toBe(0);
    });

    it("replay() of one that died on arrival may owe it to nobody", async () => {
      await subject.store.append([arrival("bad", invalid)]);
      expect(await subject.store.deadLetters.replay((await list())[0]?.id ?? 0, { lanes: 0 })).toBe(true);
      expect((await ledger()).sources.plant).toMatchObject({ received: 2, accepted: 1 });
      expect(await laneLedger()).toMatchObject({ owed: 0 });
    });

    it("replay() of one that a lane refused is owed by that lane again, and by no source", async () => {
      await append(["poison"], [metricsLane, logsLane]);
      const letter = await kill();
      const before = (await ledger()).sources;
      expect(await subject.store.deadLetters.replay(letter.id, { lanes: lane().mask })).toBe(true);
      expect((await ledger()).sources).toEqual(before);
      expect(await laneLedger(metricsLane)).toMatchObject({ owed: 2, deadLettered: 1, pending: 1 });
      expect(await laneLedger(logsLane)).toMatchObject({ owed: 1, pending: 1 });
      expect(await bodies(metricsLane, letter.id)).toEqual(["poison"]);
      await seal(1);
      await lane().settle(delivered({ messages: 1 }));
      expect(await laneLedger(metricsLane)).toMatchObject({ delivered: 1, deadLettered: 1, pending: 0 });
    });

    it("replay() gives the message a new id and the deadline that it is told", async () => {
      await append(["poison"]);
      const [before] = await ids();
      const letter = await kill();
      await subject.store.deadLetters.replay(letter.id, { lanes: lane().mask, expiresAtUs: startUs + 3 });
      const [message] = await lane().read(0, 10);
      expect(message?.id).toBeGreaterThan(before ?? 0);
      expect(message?.expiresAtUs).toBe(startUs + 3);
    });

    it("replay() marks the message, so that no limit of time applies to it", async () => {
      await append(["a", "b"]);
      const letter = await kill();
      await subject.store.deadLetters.replay(letter.id, { lanes: lane().mask });
      const again = await lane().read((await lane().position()).cursor, 10);
      expect(again.map(({ payload, isReplay = false }) => [text(payload), isReplay])).toEqual([
        ["b", false],
        ["a", true],
      ]);
      expect(again[1]?.arrivedAtUs).toBe(letter.arrivedAtUs);
    });

    it("replay() of one that is no longer there changes nothing", async () => {
      expect(await subject.store.deadLetters.replay(7, { lanes: lane().mask })).toBe(false);
      expect(await laneLedger()).toMatchObject({ owed: 0 });
    });

    it("replay() of one id twice at the same time stores it once", async () => {
      await append(["poison"]);
      const { id } = await kill();
      const replay = () => subject.store.deadLetters.replay(id, { lanes: lane().mask });
      expect((await Promise.all([replay(), replay()])).sort()).toEqual([false, true]);
      expect(await laneLedger()).toMatchObject({ owed: 2, pending: 1 });
    });

    it("discard the oldest past their quota, and count them", async () => {
      await openAfresh({ deadLetterBytesMax: 20_000 });
      for (let number = 0; number < 10; number += 1) {
        await subject.store.append([arrival(`${number}`.repeat(4_000), invalid)]);
      }
      const { deadLetters, sources } = await ledger();
      const letters = await list();
      expect(deadLetters.kept).toBe(letters.length);
      expect(deadLetters.kept).toBeGreaterThan(0);
      expect(deadLetters.kept).toBeLessThanOrEqual(5);
      expect(deadLetters.kept + deadLetters.discarded).toBe(10);
      expect(sources.plant?.deadLettered).toBe(10);
      expect(text(letters.at(-1)?.message.payload)).toBe("9".repeat(4_000));
    });

    it("discard one that is larger than their quota, and keep the others", async () => {
      await openAfresh({ deadLetterBytesMax: 20_000 });
      await subject.store.append([
        arrival("1", invalid),
        arrival("x".repeat(30_000), invalid),
        arrival("3", invalid),
      ]);
      expect((await list()).map(({ message }) => text(message.payload))).toEqual(["1", "3"]);
      const { deadLetters, deadLettered } = await ledger();
      expect(deadLetters).toEqual({ kept: 2, discarded: 1 });
      expect(deadLettered).toEqual([{ stage: "arrival", reason: "invalidPayload", count: 3 }]);
    });
  });
}
