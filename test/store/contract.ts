import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreFullError } from "../../pipeline/errors.ts";
import { type LaneName, laneKey } from "../../pipeline/message.ts";
import type { BatchStore, Settlement, StoreOptions } from "../../pipeline/store/batch-store.ts";
import {
  arrival,
  bytes,
  expired,
  filtered,
  invalid,
  ledgerOf,
  logsLane,
  metricsLane,
  owedBy,
  startUs,
  text,
} from "./arrivals.ts";

export interface StoreHarness {
  /** A new, empty store; what `options` leave out is `roomy`. */
  open(options?: Partial<StoreOptions>): Promise<BatchStore>;
  /** Close it and open it again on the same data; absent when nothing survives. */
  reopen?(store: BatchStore, options?: Partial<StoreOptions>): Promise<BatchStore>;
}

const delivered = (counts: Partial<Settlement & { kind: "delivered" }> = {}): Settlement => ({
  kind: "delivered",
  messages: 0,
  expired: 0,
  items: 0,
  rejectedItems: 0,
  ...counts,
});

const dead = (messageId: number, more: Partial<Settlement & { kind: "dead" }> = {}): Settlement => ({
  kind: "dead",
  messageId,
  reason: "refused",
  detail: "INVALID_ARGUMENT",
  possiblyDelivered: false,
  expired: 0,
  ...more,
});

/** What every implementation of BatchStore promises. */
export function storeContract(name: string, harness: StoreHarness) {
  describe(`${name} store`, () => {
    let store: BatchStore;

    beforeEach(async () => {
      store = await harness.open();
    });

    afterEach(async () => {
      await store.close();
    });

    const lane = (of: LaneName = metricsLane) => store.lane(of);
    const append = (bodies: readonly string[], lanes: readonly LaneName[] = [metricsLane]) =>
      store.append(bodies.map((body) => arrival(body, owedBy(store, lanes))));
    const bodies = async (of: LaneName = metricsLane, afterId = 0, rowsMax = 1000) =>
      (await lane(of).read(afterId, rowsMax)).map(({ payload }) => text(payload));
    const ids = async (of: LaneName = metricsLane) => (await lane(of).read(0, 1000)).map(({ id }) => id);

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

    /** Let the first waiting message die. */
    async function kill(more: Partial<Settlement & { kind: "dead" }> = {}) {
      const batch = await seal(1);
      await lane().settle(dead(batch.firstId, more));
      const letter = (await store.deadLetters.list({ afterId: 0, limit: 1000 })).at(-1);
      if (!letter) throw new Error("No dead letter was kept");
      return letter;
    }

    /** Rows that nobody owes any more are deleted in turns of their own. */
    async function swept() {
      for (let turn = 0; turn < 5; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        await store.ledger();
      }
    }

    async function reopen(options?: Partial<StoreOptions>) {
      if (!harness.reopen) throw new Error("Nothing survives");
      store = await harness.reopen(store, options);
    }

    describe("a new store", () => {
      it("is empty, with counters at zero", async () => {
        expect(await ledgerOf(store)).toMatchObject({
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
        expect(await lane().state()).toEqual([]);
      });

      it("has an instance id of its own, a UUID", async () => {
        expect(store.instanceId).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
        const other = await harness.open();
        expect(other.instanceId).not.toBe(store.instanceId);
        await other.close();
      });

      it("names every lane once, each with a bit of its own", async () => {
        expect((await store.ledger()).lanes.map(({ name }) => laneKey(name))).toEqual([
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
        const result = await store.append([
          arrival("a", owedBy(store, [metricsLane])),
          arrival("b", expired),
          arrival("c", filtered),
          arrival("d", invalid),
          arrival("e", owedBy(store, [logsLane])),
        ]);
        const counts = { accepted: 2, duplicates: 0, expired: 1, filtered: 1, deadLettered: 1 };
        expect(result).toEqual(counts);
        expect((await ledgerOf(store)).sources).toEqual({
          plant: { ...counts, received: 5, idConflicts: 0, lastReceivedAtUs: startUs },
        });
      });

      it("keeps the ledgers of sources apart", async () => {
        await store.append([arrival("a", filtered, { source: "one", arrivedAtUs: startUs + 1 })]);
        await store.append([arrival("b", expired, { source: "two", arrivedAtUs: startUs + 2 })]);
        expect((await ledgerOf(store)).sources).toMatchObject({
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
        const verdict = owedBy(store, [metricsLane], startUs + 7);
        await store.append([{ message, arrivedAtUs: startUs, verdict }]);
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

      it("is not disturbed when the caller's buffer is used again", async () => {
        const payload = bytes("before");
        const verdict = owedBy(store, [metricsLane]);
        const message = { source: "plant", topic: "t", payload, userProperties: [] };
        await store.append([{ message, arrivedAtUs: startUs, verdict }]);
        if (payload.byteLength > 0) payload.fill(120);
        expect(await bodies()).toEqual(["before"]);
      });

      it("accepts nothing at all", async () => {
        expect(await store.append([])).toEqual({
          accepted: 0,
          duplicates: 0,
          expired: 0,
          filtered: 0,
          deadLettered: 0,
        });
        expect((await ledgerOf(store)).sources).toEqual({});
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

    describe("dedupe", () => {
      const accept = (
        body: string,
        messageId?: string,
        more: { source?: string; arrivedAtUs?: number } = {},
      ) =>
        store.append([
          arrival(body, owedBy(store, [metricsLane]), {
            ...(messageId === undefined ? {} : { messageId }),
            ...more,
          }),
        ]);

      it("append() reports duplicates when a message is repeated", async () => {
        expect(await accept("a", "1")).toMatchObject({ accepted: 1, duplicates: 0 });
        expect(await accept("a", "1")).toMatchObject({ accepted: 0, duplicates: 1 });
        expect(await bodies()).toEqual(["a"]);
        expect((await ledgerOf(store)).sources.plant).toMatchObject({
          received: 2,
          accepted: 1,
          duplicates: 1,
        });
      });

      it("append() reports duplicates within one request", async () => {
        const once = arrival("a", owedBy(store, [metricsLane]), { messageId: "1" });
        expect(await store.append([once, once, once])).toMatchObject({ accepted: 1, duplicates: 2 });
        expect(await bodies()).toEqual(["a"]);
      });

      it("append() takes no message without an id for a repeat", async () => {
        await accept("a");
        expect(await accept("a")).toMatchObject({ accepted: 1, duplicates: 0 });
      });

      it("append() takes the same id with another digest for a new message, and counts the conflict", async () => {
        await accept("a", "1");
        expect(await accept("b", "1")).toMatchObject({ accepted: 1, duplicates: 0 });
        expect((await ledgerOf(store)).sources.plant).toMatchObject({ accepted: 2, idConflicts: 1 });
        expect(await bodies()).toEqual(["a", "b"]);
      });

      it("append() still knows the first of two messages with the same id", async () => {
        await accept("a", "1");
        await accept("b", "1");
        expect(await accept("a", "1")).toMatchObject({ duplicates: 1 });
        expect((await ledgerOf(store)).sources.plant).toMatchObject({ idConflicts: 1 });
      });

      it("append() finds a conflict within one request too", async () => {
        const verdict = owedBy(store, [metricsLane]);
        await store.append([
          arrival("a", verdict, { messageId: "1" }),
          arrival("b", verdict, { messageId: "1" }),
        ]);
        expect((await ledgerOf(store)).sources.plant).toMatchObject({ accepted: 2, idConflicts: 1 });
      });

      it("append() counts a repeat of what was filtered or died as a duplicate", async () => {
        const twice = (body: string, verdict: typeof filtered) => [
          arrival(body, verdict, { messageId: body }),
          arrival(body, verdict, { messageId: body }),
        ];
        expect(await store.append([...twice("f", filtered), ...twice("d", invalid)])).toEqual({
          accepted: 0,
          duplicates: 2,
          expired: 0,
          filtered: 1,
          deadLettered: 1,
        });
      });

      it("append() judges expiry before repeats", async () => {
        await accept("a", "1");
        expect(await store.append([arrival("a", expired, { messageId: "1" })])).toMatchObject({
          expired: 1,
          duplicates: 0,
        });
      });

      it("append() forgets an identity after the window", async () => {
        await accept("a", "1");
        expect(await accept("a", "1", { arrivedAtUs: startUs + 3_599_000_000 })).toMatchObject({
          duplicates: 1,
        });
        expect(await accept("a", "1", { arrivedAtUs: startUs + 3_601_000_000 })).toMatchObject({
          accepted: 1,
        });
      });

      it("append() still knows a repeat after the wall clock was set back", async () => {
        await accept("a", "1");
        expect(await accept("a", "1", { arrivedAtUs: startUs - 86_400_000_000 })).toMatchObject({
          duplicates: 1,
        });
      });

      it("append() forgets the oldest identities past entriesMax", async () => {
        await store.close();
        store = await harness.open({ dedupe: { windowSeconds: 3600, entriesMax: 10 } });
        for (let number = 0; number < 40; number += 1) await accept("a", `${number}`);
        expect(await accept("a", "39")).toMatchObject({ duplicates: 1 });
        expect(await accept("a", "0")).toMatchObject({ accepted: 1 });
      });

      it("append() finds no duplicates when dedupe is off", async () => {
        await store.close();
        store = await harness.open({ dedupe: { windowSeconds: 0, entriesMax: 10 } });
        await accept("a", "1");
        expect(await accept("a", "1")).toMatchObject({ accepted: 1, duplicates: 0 });
      });
    });

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
        expect(await store.append([arrival("empty", { kind: "accepted", lanes: 0 })])).toMatchObject({
          accepted: 1,
        });
        expect(await laneLedger(metricsLane)).toMatchObject({ owed: 0, pending: 0 });
        expect(await laneLedger(logsLane)).toMatchObject({ owed: 0, pending: 0 });
        expect((await ledgerOf(store)).sources.plant).toMatchObject({ received: 1, accepted: 1 });
      });

      it("backlog() tells how much waits, since when, and the newest id", async () => {
        await store.append([
          arrival("a", owedBy(store, [metricsLane]), { arrivedAtUs: startUs + 10 }),
          arrival("b", owedBy(store, [metricsLane]), { arrivedAtUs: startUs + 20 }),
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
        await store.close();
        const lanes = Array.from(
          { length: 48 },
          (_, index): LaneName => ({ destination: `d${index}`, signal: "logs" }),
        );
        store = await harness.open({ lanes });
        const chosen = lanes.filter(
          (_, index) => index === 0 || index === 31 || index === 32 || index === 47,
        );
        await append(["a"], chosen);
        for (const of of lanes) expect(await bodies(of)).toEqual(chosen.includes(of) ? ["a"] : []);
      });

      it("lane() refuses a name that the store was not opened with", () => {
        expect(() => store.lane({ destination: "nobody", signal: "logs" })).toThrow(/nobody/);
      });
    });

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
        const letters = await store.deadLetters.list({ afterId: 0, limit: 10 });
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
        expect((await ledgerOf(store)).deadLettered).toEqual([
          { stage: "delivery", reason: "tooLarge", count: 1 },
        ]);
      });

      it("settle() of a dead message leaves it to the other lane", async () => {
        await append(["both"], [metricsLane, logsLane]);
        await kill();
        expect(await bodies(logsLane)).toEqual(["both"]);
        expect(await laneLedger(logsLane)).toMatchObject({ deadLettered: 0, pending: 1 });
      });

      it("settle() as overdue keeps each message that has not expired as a dead letter of the lane", async () => {
        const at = (body: string, expiresAtUs?: number) =>
          arrival(body, owedBy(store, [metricsLane, logsLane], expiresAtUs), { messageId: body });
        await store.append([at("a"), at("stale", startUs), at("b", startUs + 1)]);
        await append(["others'"], [logsLane]);
        await append(["c", "d"]);
        const first = await seal(3);
        await lane().postpone({ notBeforeUs: startUs, unanswered: true });
        await lane().settle({ kind: "unsealed" });
        const batch = await seal(4);
        const state = { kind: "append", bytes: bytes("restarted") } as const;
        await lane().settle({ kind: "overdue", detail: "Too late", expired: 1, state });
        expect(await laneLedger()).toMatchObject({ owed: 5, expired: 1, deadLettered: 3, pending: 1 });
        expect(await bodies()).toEqual(["d"]);
        expect(await bodies(logsLane)).toEqual(["a", "stale", "b", "others'"]);
        expect(await lane().position()).toMatchObject({ cursor: batch.lastId, open: undefined });
        const common = { reason: "overdue", detail: "Too late", path: "", lane: metricsLane };
        const letters = await store.deadLetters.list({ afterId: 0, limit: 10 });
        expect(letters).toMatchObject([
          { ...common, message: { messageId: "a" }, arrivedAtUs: startUs, possiblyDelivered: true },
          { ...common, message: { messageId: "b" }, possiblyDelivered: true },
          { ...common, possiblyDelivered: false },
        ]);
        expect(letters.map(({ message }) => text(message.payload))).toEqual(["a", "b", "c"]);
        expect(first.lastId).toBeLessThan(batch.lastId);
        expect((await ledgerOf(store)).deadLettered).toEqual([
          { stage: "delivery", reason: "overdue", count: 3 },
        ]);
        expect((await lane().state()).map((chunk) => text(chunk))).toEqual(["restarted"]);
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
        expect((await lane().state()).map((chunk) => text(chunk))).toEqual(["stated"]);
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

    describe("state()", () => {
      const texts = async (of: LaneName = metricsLane) =>
        (await lane(of).state()).map((chunk) => text(chunk));

      async function settleWith(kind: "append" | "replace", value: string) {
        await append(["x"]);
        await seal(1);
        await lane().settle(delivered({ messages: 1, state: { kind, bytes: bytes(value) } }));
      }

      it("gives what was appended, in order, and only to its lane", async () => {
        await settleWith("append", "one");
        await settleWith("append", "two");
        expect(await texts()).toEqual(["one", "two"]);
        expect(await texts(logsLane)).toEqual([]);
      });

      it("gives only what replaced it, and what was appended since", async () => {
        await settleWith("append", "one");
        await settleWith("replace", "two");
        await settleWith("append", "three");
        expect(await texts()).toEqual(["two", "three"]);
      });

      it("loses its oldest chunks when a settlement says that they are outdated", async () => {
        for (const value of ["one", "two", "three"]) await settleWith("append", value);
        await append(["x"]);
        await seal(1);
        const state = { kind: "append", bytes: bytes("four"), dropOldest: 2 } as const;
        await lane().settle(delivered({ messages: 1, state }));
        expect(await texts()).toEqual(["three", "four"]);
      });

      it("stays when a settlement has none, and is saved with a dead letter too", async () => {
        await settleWith("append", "one");
        await append(["a", "b"]);
        await seal(1);
        await lane().settle(delivered({ messages: 1 }));
        expect(await texts()).toEqual(["one"]);
        await kill({ state: { kind: "append", bytes: bytes("two") } });
        expect(await texts()).toEqual(["one", "two"]);
      });
    });

    describe("dead letters", () => {
      const list = (options: { afterId?: number; limit?: number; source?: string; reason?: string } = {}) =>
        store.deadLetters.list({ afterId: 0, limit: 100, ...options });

      it("keep a message that died on arrival with its reason", async () => {
        await store.append([arrival("bad", invalid, { messageId: "1" })]);
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
        const { deadLettered, deadLetters } = await ledgerOf(store);
        expect(deadLettered).toEqual([{ stage: "arrival", reason: "invalidPayload", count: 1 }]);
        expect(deadLetters).toEqual({ kept: 1, discarded: 0 });
      });

      it("list() goes on after an id, at most so many, by source and reason", async () => {
        const envelope = { ...invalid, reason: "invalidEnvelope" as const };
        await store.append([
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
        await store.append([arrival("bad", invalid)]);
        const [letter] = await list();
        expect(await store.deadLetters.get(letter?.id ?? 0)).toEqual(letter);
        expect(await store.deadLetters.get(999)).toBeUndefined();
      });

      it("delete() removes one, once, and takes nothing from the counters", async () => {
        await store.append([arrival("bad", invalid)]);
        const id = (await list())[0]?.id ?? 0;
        expect(await store.deadLetters.delete(id)).toBe(true);
        expect(await store.deadLetters.delete(id)).toBe(false);
        expect(await list()).toEqual([]);
        const ledger = await ledgerOf(store);
        expect(ledger.deadLetters).toEqual({ kept: 0, discarded: 0 });
        expect(ledger.sources.plant?.deadLettered).toBe(1);
        expect(ledger.deadLettered).toEqual([{ stage: "arrival", reason: "invalidPayload", count: 1 }]);
      });

      it("replay() of one that died on arrival receives and accepts it again", async () => {
        await store.append([arrival("bad", invalid, { messageId: "1" })]);
        const id = (await list())[0]?.id ?? 0;
        const { mask } = lane();
        expect(await store.deadLetters.replay(id, { lanes: mask })).toBe(true);
        expect(await list()).toEqual([]);
        expect(await bodies()).toEqual(["bad"]);
        expect((await ledgerOf(store)).sources.plant).toMatchObject({
          received: 2,
          accepted: 1,
          deadLettered: 1,
        });
        expect(await laneLedger()).toMatchObject({ owed: 1, pending: 1 });
        expect((await ledgerOf(store)).deadLetters.kept).toBe(0);
      });

      it("replay() of one that died on arrival may owe it to nobody", async () => {
        await store.append([arrival("bad", invalid)]);
        expect(await store.deadLetters.replay((await list())[0]?.id ?? 0, { lanes: 0 })).toBe(true);
        expect((await ledgerOf(store)).sources.plant).toMatchObject({ received: 2, accepted: 1 });
        expect(await laneLedger()).toMatchObject({ owed: 0 });
      });

      it("replay() of one that a lane refused is owed by that lane again, and by no source", async () => {
        await append(["poison"], [metricsLane, logsLane]);
        const letter = await kill();
        const before = (await ledgerOf(store)).sources;
        expect(await store.deadLetters.replay(letter.id, { lanes: lane().mask })).toBe(true);
        expect((await ledgerOf(store)).sources).toEqual(before);
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
        await store.deadLetters.replay(letter.id, { lanes: lane().mask, expiresAtUs: startUs + 3 });
        const [message] = await lane().read(0, 10);
        expect(message?.id).toBeGreaterThan(before ?? 0);
        expect(message?.expiresAtUs).toBe(startUs + 3);
      });

      it("replay() marks the message, so that no limit of time applies to it", async () => {
        await append(["a", "b"]);
        const letter = await kill();
        await store.deadLetters.replay(letter.id, { lanes: lane().mask });
        const again = await lane().read((await lane().position()).cursor, 10);
        expect(again.map(({ payload, isReplay = false }) => [text(payload), isReplay])).toEqual([
          ["b", false],
          ["a", true],
        ]);
        expect(again[1]?.arrivedAtUs).toBe(letter.arrivedAtUs);
      });

      it("replay() of one that is no longer there changes nothing", async () => {
        expect(await store.deadLetters.replay(7, { lanes: lane().mask })).toBe(false);
        expect(await laneLedger()).toMatchObject({ owed: 0 });
      });

      it("replay() of one id twice at the same time stores it once", async () => {
        await append(["poison"]);
        const { id } = await kill();
        const replay = () => store.deadLetters.replay(id, { lanes: lane().mask });
        expect((await Promise.all([replay(), replay()])).sort()).toEqual([false, true]);
        expect(await laneLedger()).toMatchObject({ owed: 2, pending: 1 });
      });

      it("discard the oldest past their quota, and count them", async () => {
        await store.close();
        store = await harness.open({ deadLetterBytesMax: 20_000 });
        for (let number = 0; number < 10; number += 1) {
          await store.append([arrival(`${number}`.repeat(4_000), invalid)]);
        }
        const { deadLetters, sources } = await ledgerOf(store);
        const letters = await list();
        expect(deadLetters.kept).toBe(letters.length);
        expect(deadLetters.kept).toBeGreaterThan(0);
        expect(deadLetters.kept).toBeLessThanOrEqual(5);
        expect(deadLetters.kept + deadLetters.discarded).toBe(10);
        expect(sources.plant?.deadLettered).toBe(10);
        expect(text(letters.at(-1)?.message.payload)).toBe("9".repeat(4_000));
      });

      it("discard one that is larger than their quota, and keep the others", async () => {
        await store.close();
        store = await harness.open({ deadLetterBytesMax: 20_000 });
        await store.append([
          arrival("1", invalid),
          arrival("x".repeat(30_000), invalid),
          arrival("3", invalid),
        ]);
        expect((await list()).map(({ message }) => text(message.payload))).toEqual(["1", "3"]);
        const { deadLetters, deadLettered } = await ledgerOf(store);
        expect(deadLetters).toEqual({ kept: 2, discarded: 1 });
        expect(deadLettered).toEqual([{ stage: "arrival", reason: "invalidPayload", count: 3 }]);
      });
    });

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
        await store.close();
        store = await harness.open({ bytesMax });
      });

      it("append() rejects with StoreFullError when it would be passed, and stores nothing of the request", async () => {
        const count = await fill();
        expect(count).toBeGreaterThanOrEqual(10);
        const before = await ledgerOf(store);
        await expect(append(["small", large])).rejects.toThrow(StoreFullError);
        const after = await ledgerOf(store);
        expect(after.sources).toEqual(before.sources);
        expect(after.lanes).toEqual(before.lanes);
        expect(after.sources.plant?.accepted).toBe(count);
        expect(await bodies()).toHaveLength(count);
      });

      it("append() remembers no identity of what it did not store", async () => {
        await fill();
        const again = arrival(large, owedBy(store, [metricsLane]), { messageId: "1" });
        await expect(store.append([again])).rejects.toThrow(StoreFullError);
        await drain();
        expect(await store.append([again])).toMatchObject({ accepted: 1, duplicates: 0 });
      });

      it("settle() works in a full store, and makes room again", async () => {
        const count = await fill();
        await drain();
        expect(await laneLedger()).toMatchObject({ delivered: count, pending: 0 });
        expect(await append([large])).toMatchObject({ accepted: 1 });
      });

      it("the ledger tells the bytes that are used, and the quota", async () => {
        const { store: before } = await ledgerOf(store);
        await append([large, large]);
        const { store: after } = await ledgerOf(store);
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

    describe.runIf(harness.reopen)("after it was closed and opened again", () => {
      it("has everything that was promised: messages, counters, state, dead letters, instance id", async () => {
        await append(["a", "b", "c"], [metricsLane, logsLane]);
        await store.append([arrival("bad", invalid), arrival("f", filtered)]);
        await seal(1);
        await lane().settle(
          delivered({ messages: 1, items: 4, state: { kind: "append", bytes: bytes("one") } }),
        );
        const { instanceId } = store;
        const { sources, lanes, deadLettered, deadLetters } = await ledgerOf(store);
        const letters = await store.deadLetters.list({ afterId: 0, limit: 10 });
        await reopen();
        expect(store.instanceId).toBe(instanceId);
        expect(await ledgerOf(store)).toMatchObject({ sources, lanes, deadLettered, deadLetters });
        expect(await store.deadLetters.list({ afterId: 0, limit: 10 })).toEqual(letters);
        expect((await lane().state()).map((chunk) => text(chunk))).toEqual(["one"]);
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
          store.append([
            arrival(body, owedBy(store, [metricsLane]), { messageId: "1", arrivedAtUs: Date.now() * 1000 }),
          ]);
        await accept("a");
        await reopen();
        expect(await accept("a")).toMatchObject({ duplicates: 1 });
        await accept("b");
        expect((await ledgerOf(store)).sources.plant).toMatchObject({ accepted: 2, idConflicts: 1 });
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
        expect(() => store.lane(logsLane)).toThrow();
        await store.append([arrival("n", { kind: "accepted", lanes: lane().mask + mask })]);
        await seal(1);
        await lane().settle(delivered({ messages: 1 }));
        await swept();
        expect(await laneLedger(logsLane)).toMatchObject({ isConfigured: false, owed: 1, pending: 1 });
        expect(store.notices.join()).toContain("collector/logs");
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
        expect(store.notices).toEqual([]);
      });

      describe("a lane that is new to the store", () => {
        const other: LaneName = { destination: "other", signal: "metrics" };
        const open = (more: Partial<StoreOptions["lanes"][number]>) =>
          reopen({ lanes: [metricsLane, logsLane, { ...other, ...more }] });

        beforeEach(async () => {
          await append(["settled"]);
          await seal(1);
          await lane().settle(delivered({ messages: 1 }));
          await store.append([
            arrival("a", owedBy(store, [metricsLane]), { source: "one" }),
            arrival("log", owedBy(store, [logsLane]), { source: "one" }),
            arrival("b", owedBy(store, [metricsLane, logsLane]), { source: "two" }),
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
  });
}
