import { describe, expect, it } from "vitest";
import { laneKey } from "../../../pipeline/message.ts";
import { arrival, bytes, expired, filtered, invalid, logsLane, metricsLane, startUs } from "../arrivals.ts";
import { savedState } from "../saved-state.ts";
import type { Subject } from "./subject.ts";

/** How messages come into a store: verdicts, order, and the ledgers of sources. */
export function appendingContract(subject: Subject) {
  const { append, bodies, harness, ids, lane, laneLedger, ledger, owedBy } = subject;

  describe("a new store", () => {
    it("is empty, with counters at zero", async () => {
      expect(await ledger()).toMatchObject({
        sources: {},
        deadLettered: [],
        deadLetters: { kept: 0, discarded: 0 },
      });
      expect(await laneLedger()).toMatchObject({
        owed: 0,
        delivered: 0,
        expired: 0,
        deadLettered: 0,
        pending: 0,
      });
      expect(await lane().position()).toEqual({ cursor: 0, open: undefined, unansweredLastId: 0 });
      expect(await lane().backlog()).toEqual({ messages: 0, oldestArrivedAtUs: undefined, lastId: 0 });
      expect(await savedState(lane())).toEqual([]);
    });

    it("has an instance id of its own, a UUID", async () => {
      expect(subject.store.instanceId).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
      const other = await harness.open();
      expect(other.instanceId).not.toBe(subject.store.instanceId);
      await other.close();
    });

    it("names every lane once, each with a bit of its own", async () => {
      expect((await subject.store.ledger()).lanes.map(({ name }) => laneKey(name))).toEqual([
        "collector/metrics",
        "collector/logs",
      ]);
      expect(Math.log2(lane(metricsLane).mask) % 1).toBe(0);
      expect(Math.log2(lane(logsLane).mask) % 1).toBe(0);
      expect(lane(metricsLane).mask).not.toBe(lane(logsLane).mask);
    });
  });

  describe("append()", () => {
    it("counts each verdict, in the answer and in the source's ledger", async () => {
      const result = await subject.store.append([
        arrival("a", owedBy([metricsLane])),
        arrival("b", expired),
        arrival("c", filtered),
        arrival("d", invalid),
        arrival("e", owedBy([logsLane])),
      ]);
      const counts = { accepted: 2, duplicates: 0, expired: 1, filtered: 1, deadLettered: 1 };
      expect(result).toMatchObject(counts);
      expect((await ledger()).sources).toEqual({
        plant: { ...counts, received: 5, idConflicts: 0, lastReceivedAtUs: startUs },
      });
    });

    it("keeps the ledgers of sources apart", async () => {
      await subject.store.append([arrival("a", filtered, { source: "one", arrivedAtUs: startUs + 1 })]);
      await subject.store.append([arrival("b", expired, { source: "two", arrivedAtUs: startUs + 2 })]);
      expect((await ledger()).sources).toMatchObject({
        one: { received: 1, filtered: 1, expired: 0, lastReceivedAtUs: startUs + 1 },
        two: { received: 1, filtered: 0, expired: 1, lastReceivedAtUs: startUs + 2 },
      });
    });

    it("keeps a message exactly as it came", async () => {
      const message = {
        source: "plant",
        topic: "plant/Straße/🌡",
        payload: new Uint8Array([0, 255, 10, 13, 0, 128]),
        qos: 2 as const,
        retain: true,
        dup: false,
        clientId: "client-ü",
        messageId: "01J",
        publishedAtUs: startUs - 5,
        messageExpiryIntervalSeconds: 4_294_967_295,
        contentType: "application/json",
        userProperties: [
          ["b", "2"],
          ["a", ""],
          ["b", "1"],
        ] as const,
      };
      const verdict = owedBy([metricsLane], startUs + 7);
      await subject.store.append([{ message, arrivedAtUs: startUs, verdict }]);
      const [stored] = await lane().read(0, 10);
      expect({ ...stored, payload: [...(stored?.payload ?? [])] }).toEqual({
        ...message,
        payload: [...message.payload],
        id: stored?.id,
        arrivedAtUs: startUs,
        expiresAtUs: startUs + 7,
      });
    });

    it("keeps a message that has nothing but a topic and an empty payload", async () => {
      await append([""]);
      const [stored] = await lane().read(0, 10);
      expect(stored?.payload.byteLength).toBe(0);
      expect(stored?.qos).toBeUndefined();
      expect(stored?.retain).toBeUndefined();
      expect(stored?.clientId).toBeUndefined();
      expect(stored?.expiresAtUs).toBeUndefined();
      expect(stored?.userProperties).toEqual([]);
    });

    it.each([1, 7, 8, 9, 16, 31])(
      "keeps all of %i messages in their order, whatever came between them",
      async (count) => {
        const names = Array.from({ length: count }, (_, index) => `message ${index}`);
        const timesOf = (index: number) => ({
          arrivedAtUs: startUs + index,
          expiresAtUs: index % 3 === 0 ? startUs + 60 + index : undefined,
        });
        await subject.store.append(
          names.flatMap((name, index) => {
            const { arrivedAtUs, expiresAtUs } = timesOf(index);
            const message = arrival(name, owedBy([metricsLane], expiresAtUs), { arrivedAtUs });
            return [message, arrival("x", invalid), arrival("y", expired)];
          }),
        );
        await append(["the last one"]);
        expect(await bodies()).toEqual([...names, "the last one"]);
        const stored = await lane().read(0, count);
        expect(stored.map(({ arrivedAtUs, expiresAtUs }) => ({ arrivedAtUs, expiresAtUs }))).toEqual(
          names.map((_, index) => timesOf(index)),
        );
        expect(await lane().backlog()).toMatchObject({ messages: count + 1 });
      },
    );

    it("is not disturbed when the caller's buffer is used again", async () => {
      const payload = bytes("before");
      const verdict = owedBy([metricsLane]);
      const message = { source: "plant", topic: "t", payload, userProperties: [] };
      await subject.store.append([{ message, arrivedAtUs: startUs, verdict }]);
      if (payload.byteLength > 0) payload.fill(120);
      expect(await bodies()).toEqual(["before"]);
    });

    it("accepts nothing at all", async () => {
      expect(await subject.store.append([])).toEqual({
        accepted: 0,
        duplicates: 0,
        expired: 0,
        filtered: 0,
        deadLettered: 0,
      });
      expect((await ledger()).sources).toEqual({});
    });

    it("gives ids that rise in the order of arrival, also across appends under way together", async () => {
      await Promise.all([append(["a", "b"]), append(["c"]), append(["d", "e"])]);
      expect(await bodies()).toEqual(["a", "b", "c", "d", "e"]);
      const found = await ids();
      expect(found).toEqual([...found].sort((a, b) => a - b));
      expect(new Set(found).size).toBe(5);
    });

    it("reports each commit to the observer", async () => {
      const commits: number[] = [];
      const observed = await harness.open({ onCommit: ({ messages }) => commits.push(messages) });
      await observed.append([arrival("a", filtered), arrival("b", filtered)]);
      await observed.close();
      expect(commits).toEqual([2]);
    });
  });
}
