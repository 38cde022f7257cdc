import { describe, expect, it, onTestFinished } from "vitest";
import { StoreFullError } from "../../pipeline/errors.ts";
import type { BatchStore, StoreOptions } from "../../pipeline/store/batch-store.ts";
import {
  type ArrivalOptions,
  arrival,
  expired,
  invalid,
  logsLane,
  metricsLane,
  owedBy,
  startUs,
} from "./arrivals.ts";
import type { StoreHarness } from "./contract/subject.ts";
import { everyStore } from "./every-store.ts";

async function setUp(harness: StoreHarness, options: Partial<StoreOptions> = {}) {
  const store = await harness.open({ reportsOwed: true, ...options });
  onTestFinished(() => store.close());
  const metrics = owedBy(store, [metricsLane]);
  const logs = owedBy(store, [logsLane]);
  const both = owedBy(store, [metricsLane, logsLane]);
  const named = (body: string, verdict = metrics, more: ArrivalOptions = {}) =>
    arrival(body, verdict, { messageId: body, ...more });
  const owedOf = async (...arrivals: Parameters<BatchStore["append"]>[0]) => {
    const { owed } = await store.append(arrivals);
    return owed?.map(({ lanes, id }) => [lanes, id]);
  };
  /** The lane of metrics delivers all up to this id. */
  const settle = async (lastId: number) => {
    const lane = store.lane(metricsLane);
    const { cursor } = await lane.position();
    const messages = (await lane.read(cursor, 10)).filter(({ id }) => id <= lastId).length;
    await lane.seal({ firstId: cursor + 1, lastId, sealedAtUs: startUs });
    await lane.settle({ kind: "delivered", messages, expired: 0, items: 0, rejectedItems: 0 });
  };
  return { store, metrics, logs, both, named, owedOf, settle };
}

const stores = everyStore();
const lasting = stores.flatMap(({ name, harness: { open, reopen } }) =>
  reopen === undefined ? [] : [{ name, open, reopen }],
);

describe.each(stores)("append() of the $name store", ({ name, harness }) => {
  it("says nothing of what is owed when nobody asks for it", async () => {
    const { store, metrics } = await setUp(harness, { reportsOwed: false });
    expect(await store.append([arrival("a", metrics)])).not.toHaveProperty("owed");
  });

  it("reports the newest message of a request for each set of lanes", async () => {
    const { metrics, logs, both, owedOf } = await setUp(harness);
    expect(await owedOf(arrival("a", metrics), arrival("b", metrics), arrival("c", logs))).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(await owedOf(arrival("d", both))).toEqual([[3, 4]]);
  });

  it("reports nothing of messages that no lane owes", async () => {
    const { owedOf } = await setUp(harness);
    const nobodys = { kind: "accepted", lanes: 0 } as const;
    expect(await owedOf(arrival("a", nobodys), arrival("b", invalid), arrival("c", expired))).toEqual([]);
  });

  it("reports the message that another one repeats, however much came between", async () => {
    const { named, metrics, owedOf } = await setUp(harness);
    expect(await owedOf(named("first"))).toEqual([[1, 1]]);
    // More than the table of identities holds at first.
    const between = Array.from({ length: 1500 }, (_, index) => named(`m${index}`));
    expect(await owedOf(...between)).toEqual([[1, 1501]]);
    expect(await owedOf(named("first"))).toEqual([[1, 1]]);
    expect(await owedOf(named("m1"), arrival("new", metrics))).toEqual([[1, 1502]]);
    expect(await owedOf(named("m1"))).toEqual([[1, 3]]);
  });

  it("reports a message that is repeated within its request, and one with the same id and other content", async () => {
    const { named, owedOf } = await setUp(harness);
    expect(await owedOf(arrival("anonymous", named("x").verdict), named("a"), named("a"))).toEqual([[1, 2]]);
    expect(await owedOf(named("other", named("a").verdict, { messageId: "a" }))).toEqual([[1, 3]]);
    expect(await owedOf(named("a"))).toEqual([[1, 2]]);
  });

  it("does not take a message that died, or that was refused, for one that is owed", async () => {
    const { store, named, owedOf } = await setUp(harness, {
      bytesMax: name === "memory" ? 10_000 : 2_000_000,
    });
    expect(await owedOf(named("dead", invalid), named("a"))).toEqual([[1, 1]]);
    const large = arrival("x".repeat(3_000_000), named("b").verdict);
    await expect(store.append([named("b"), large])).rejects.toThrow(StoreFullError);
    expect(await owedOf(named("b"))).toEqual([[1, 2]]);
  });

  it("has an identity that left the window stand for the newer message", async () => {
    const { settle, named, owedOf } = await setUp(harness, {
      dedupe: { windowSeconds: 10, entriesMax: 100 },
    });
    expect(await owedOf(named("a"))).toEqual([[1, 1]]);
    await settle(1);
    const later = { arrivedAtUs: startUs + 11_000_000 };
    expect(await owedOf(named("a", undefined, later))).toEqual([[1, 2]]);
    expect(await owedOf(named("a", undefined, later))).toEqual([[1, 2]]);
  });

  it("knows the repeat of a message that is still owed, however long it waits, and no longer", async () => {
    const { settle, named, metrics, logs, owedOf } = await setUp(harness, {
      dedupe: { windowSeconds: 10, entriesMax: 100 },
    });
    await owedOf(named("a"), named("b"), named("log", logs));
    const later = (seconds: number) => ({ arrivedAtUs: startUs + seconds * 1_000_000 });
    expect(await owedOf(named("c", metrics, later(20)), named("b", metrics, later(20)))).toEqual([[1, 4]]);
    expect(await owedOf(named("b", metrics, later(30)))).toEqual([[1, 2]]);
    await settle(2);
    expect(await owedOf(named("c", metrics, later(40)))).toEqual([[1, 4]]);
    // The other lane's debt is none of it.
    expect(await owedOf(named("b", metrics, later(40)))).toEqual([[1, 5]]);
    expect(await owedOf(named("log", logs, later(40)))).toEqual([[2, 3]]);
  });

  it("knows no more messages than it may, though they are owed", async () => {
    const { named, metrics, owedOf } = await setUp(harness, { dedupe: { windowSeconds: 10, entriesMax: 2 } });
    await owedOf(named("a"), named("b"), named("c"));
    const later = { arrivedAtUs: startUs + 11_000_000 };
    expect(await owedOf(named("c", metrics, later))).toEqual([[1, 3]]);
    expect(await owedOf(named("a", metrics, later))).toEqual([[1, 4]]);
  });
});

describe.each(lasting)("a $name store that is opened again", ({ open, reopen }) => {
  it("reports the newest message of then for what came before", async () => {
    const before = await open({ reportsOwed: true });
    const verdict = owedBy(before, [metricsLane]);
    const named = (body: string) => arrival(body, verdict, { messageId: body });
    await before.append([named("a"), named("b"), named("c")]);
    const store = await reopen?.(before, { reportsOwed: true });
    onTestFinished(() => store?.close());
    expect((await store?.append([named("d")]))?.owed).toEqual([{ lanes: 1, id: 4 }]);
    expect((await store?.append([named("a")]))?.owed).toEqual([{ lanes: 1, id: 3 }]);
    expect((await store?.append([named("d")]))?.owed).toEqual([{ lanes: 1, id: 4 }]);
  });

  it("knows the repeat of what came before for as long as it is owed", async () => {
    const options = { reportsOwed: true, dedupe: { windowSeconds: 10, entriesMax: 100 } };
    const before = await open(options);
    const verdict = owedBy(before, [metricsLane]);
    const named = (body: string, seconds: number) =>
      arrival(body, verdict, { messageId: body, arrivedAtUs: startUs + seconds * 1_000_000 });
    await before.append([named("a", 0)]);
    const store = await reopen?.(before, options);
    onTestFinished(() => store?.close());
    await store?.append([named("b", 20)]);
    expect(await store?.append([named("a", 30)])).toMatchObject({
      duplicates: 1,
      owed: [{ lanes: 1, id: 1 }],
    });
  });
});
