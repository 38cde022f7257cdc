import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { LaneName } from "../../pipeline/message.ts";
import type { StoreOptions } from "../../pipeline/store/batch-store.ts";
import { Database } from "../../pipeline/store/sqlite/driver.ts";
import { Space } from "../../pipeline/store/sqlite/space.ts";
import { openSqliteStore, type SqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, ledgerOf, logsLane, metricsLane, owedBy, roomy, startUs, text } from "./arrivals.ts";
import { savedState } from "./saved-state.ts";
import { createFolder } from "./sqlite-folder.ts";

const other: LaneName = { destination: "other", signal: "metrics" };
const oldest = { ...other, startAt: "oldest" } as const;

let folder: ReturnType<typeof createFolder>;
let store: SqliteStore;

beforeEach(() => {
  folder = createFolder();
});

afterEach(async () => {
  await store.close();
  folder.remove();
});

async function open(options: Partial<StoreOptions> = {}) {
  store = await openSqliteStore({ ...roomy, path: folder.path, ...options });
  return store;
}

async function reopen(options: Partial<StoreOptions> = {}) {
  await store.close();
  return await open(options);
}

/** Change the store as no gateway would, while it is closed. */
async function tamper(sql: string) {
  await store.close();
  const raw = new DatabaseSync(folder.path);
  raw.exec(sql);
  raw.close();
}

const append = (bodies: readonly string[], lanes: readonly LaneName[] = [metricsLane]) =>
  store.append(bodies.map((body) => arrival(body, owedBy(store, lanes))));

const numbered = (count: number) => Array.from({ length: count }, (_, at) => `m${at}`);

async function bodies(of: LaneName) {
  const found: string[] = [];
  for (let afterId = 0; ; ) {
    const slice = await store.lane(of).read(afterId, 1000);
    found.push(...slice.map(({ payload }) => text(payload)));
    afterId = slice.at(-1)?.id ?? 0;
    if (slice.length === 0) return found;
  }
}

async function laneOf(name: LaneName) {
  const { lanes } = await ledgerOf(store);
  return lanes.find((lane) => lane.name.destination === name.destination && lane.name.signal === name.signal);
}

async function settle(name: LaneName, messages: number) {
  const lane = store.lane(name);
  const waiting = await lane.read(0, messages);
  await lane.seal({ firstId: waiting[0]?.id ?? 0, lastId: waiting.at(-1)?.id ?? 0, sealedAtUs: startUs });
  await lane.settle({ kind: "delivered", messages, expired: 0, items: messages, rejectedItems: 0 });
}

describe("a lane that starts at the oldest", () => {
  it("claims more than one slice, in order and each once", async () => {
    await open();
    await append(numbered(4_500));
    await reopen({ lanes: [metricsLane, logsLane, oldest] });
    expect(await bodies(other)).toEqual(numbered(4_500));
    expect(await laneOf(other)).toMatchObject({ owed: 4_500, pending: 4_500 });
  });

  it("claims large messages a few at a time", async () => {
    const write = vi.spyOn(Database.prototype, "write");
    onTestFinished(() => write.mockRestore());
    await open();
    const large = "x".repeat(3_000_000);
    await append([large, large, large, "small"]);
    write.mockClear();
    await reopen({ lanes: [metricsLane, logsLane, oldest] });
    // The lane itself, two slices, and the end of the claim.
    expect(write).toHaveBeenCalledTimes(4);
    expect((await bodies(other)).map(({ length }) => length)).toEqual([3_000_000, 3_000_000, 3_000_000, 5]);
    expect(await laneOf(other)).toMatchObject({ owed: 4, pending: 4 });
  });

  it("goes on with a claim that a crash cut short, and counts nothing twice", async () => {
    await open();
    await append(numbered(10));
    await reopen({ lanes: [metricsLane, logsLane, oldest] });
    // As it is after the first slice.
    await tamper(`
      UPDATE messages SET lanes = lanes & ~4 WHERE id > 6;
      UPDATE lanes SET owed = 6 WHERE bit = 2;
      INSERT INTO meta VALUES ('claim/2', '{"afterId":6,"lastId":10}');
    `);
    await open({ lanes: [metricsLane, logsLane, other] });
    expect(await bodies(other)).toEqual(numbered(10));
    expect(await laneOf(other)).toMatchObject({ owed: 10, pending: 10 });
    await reopen({ lanes: [metricsLane, logsLane, other] });
    expect(await laneOf(other)).toMatchObject({ owed: 10, pending: 10 });
  });

  it("claims nothing behind its own cursor when an unfinished claim goes on", async () => {
    await open();
    await append(numbered(10));
    await reopen({ lanes: [metricsLane, logsLane, oldest] });
    await tamper(`
      UPDATE messages SET lanes = lanes & ~4 WHERE id > 6;
      UPDATE lanes SET owed = 8, delivered = 8, cursor = 8 WHERE bit = 2;
      INSERT INTO meta VALUES ('claim/2', '{"afterId":6,"lastId":10}');
    `);
    await open({ lanes: [metricsLane, logsLane, other] });
    expect(await bodies(other)).toEqual(["m8", "m9"]);
    expect(await laneOf(other)).toMatchObject({ owed: 10, delivered: 8, pending: 2 });
  });

  it("begins with what it could claim when the disk is full, says so, and goes on at the next start", async () => {
    await open();
    await append(numbered(3_000));
    let slices = 0;
    const settle = Space.prototype.settling;
    const settling = vi.spyOn(Space.prototype, "settling").mockImplementation(function (this: Space, work) {
      slices += 1;
      if (slices > 1) throw new Error("database or disk is full");
      return settle.call(this, work);
    });
    onTestFinished(() => settling.mockRestore());
    await reopen({ lanes: [metricsLane, logsLane, oldest] });
    settling.mockRestore();
    expect(store.notices.join()).toContain("other/metrics could not begin with all that is stored");
    expect(await bodies(other)).toEqual(numbered(2_000));
    await append(["new"], [metricsLane, other]);
    await reopen({ lanes: [metricsLane, logsLane, oldest] });
    expect(store.notices).toEqual([]);
    expect(await bodies(other)).toEqual([...numbered(3_000), "new"]);
    expect(await laneOf(other)).toMatchObject({ owed: 3_001, pending: 3_001 });
  });

  it("owes nothing that was another lane's with the same bit", async () => {
    const lanes = Array.from({ length: 48 }, (_, at) => ({
      destination: `d${at}`,
      signal: "metrics" as const,
    }));
    const [first, second, third] = lanes as [LaneName, LaneName, LaneName];
    await open({ lanes });
    await append(["settled", "waits"], [first, second]);
    await settle(first, 2);
    await settle(second, 1);
    await reopen({
      lanes: [second, third, { ...oldest, filter: { sources: ["nobody"], topicFilters: [] } }],
    });
    expect(store.lane(other).mask).toBe(1);
    expect(await bodies(other)).toEqual([]);
    expect(await laneOf(other)).toMatchObject({ owed: 0, pending: 0 });
    expect(await bodies(second)).toEqual(["waits"]);
  });

  it("owes nothing that was another lane's with the bit of a second new one", async () => {
    const metrics = Array.from({ length: 47 }, (_, at) => ({
      destination: `d${at}`,
      signal: "metrics" as const,
    }));
    const [first, second, third] = metrics as [LaneName, LaneName, LaneName];
    await open({ lanes: [...metrics, logsLane] });
    await append(["waits"], [third]);
    await append(["first's"], [first, logsLane]);
    await append(["second's"], [second, logsLane]);
    await settle(first, 1);
    await settle(second, 1);
    const another = { destination: "another", signal: "metrics", startAt: "oldest" } as const;
    await reopen({ lanes: [oldest, another, logsLane] });
    expect([store.lane(other).mask, store.lane(another).mask]).toEqual([1, 2]);
    expect(await bodies(other)).toEqual(["waits"]);
    expect(await bodies(another)).toEqual(["waits"]);
    expect(await bodies(logsLane)).toEqual(["first's", "second's"]);
  });
});

describe("dropDestination()", () => {
  it("counts what a removed destination still owes as dead letters, keeps none, and leaves others' messages", async () => {
    await open({ lanes: [metricsLane, logsLane, other] });
    await append(["a", "b", "c"], [metricsLane, logsLane, other]);
    await settle(metricsLane, 1);
    await reopen({ lanes: [other] });
    expect(store.removedLanes).toEqual([metricsLane, logsLane]);
    expect(await store.dropDestination("collector")).toEqual([
      { lane: metricsLane, messages: 2 },
      { lane: logsLane, messages: 3 },
    ]);
    const ledger = await ledgerOf(store);
    expect(ledger.lanes).toMatchObject([
      { name: other, isConfigured: true, pending: 3 },
      { name: metricsLane, isConfigured: false, owed: 3, delivered: 1, deadLettered: 2, pending: 0 },
      { name: logsLane, isConfigured: false, owed: 3, deadLettered: 3, pending: 0 },
    ]);
    expect(ledger.deadLettered).toEqual([{ stage: "delivery", reason: "dropped", count: 5 }]);
    expect(ledger.deadLetters).toEqual({ kept: 0, discarded: 5 });
    expect(await bodies(other)).toEqual(["a", "b", "c"]);
  });

  it("leaves counters that add up when the destination comes back, without its series and its open batch", async () => {
    await open();
    await append(["a", "b", "c"]);
    const lane = store.lane(metricsLane);
    await lane.seal({ firstId: 1, lastId: 1, sealedAtUs: startUs });
    const state = { kind: "append", bytes: new Uint8Array([1]) } as const;
    await lane.settle(
      { kind: "delivered", messages: 1, expired: 0, items: 1, rejectedItems: 0, state },
      { firstId: 2, lastId: 2, sealedAtUs: startUs },
    );
    await reopen({ lanes: [other] });
    await store.dropDestination("collector");
    expect(await store.dropDestination("collector")).toMatchObject([{ messages: 0 }, { messages: 0 }]);
    await reopen();
    expect(store.notices).toEqual([]);
    expect(await laneOf(metricsLane)).toMatchObject({ owed: 3, delivered: 1, deadLettered: 2, pending: 0 });
    const again = store.lane(metricsLane);
    expect(await again.position()).toMatchObject({ cursor: 3, open: undefined });
    expect(await savedState(again)).toEqual([]);
    await append(["new"]);
    expect(await bodies(metricsLane)).toEqual(["new"]);
  });

  it("lets go of the messages that nobody else owes", async () => {
    await open();
    await append(["a", "b"]);
    await reopen({ lanes: [other] });
    await store.dropDestination("collector");
    await reopen({ lanes: [other] });
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await store.close();
    const raw = new DatabaseSync(folder.path, { readOnly: true });
    expect(raw.prepare("SELECT count(*) AS rows FROM messages").get()).toEqual({ rows: 0 });
    raw.close();
  });

  it("touches no lane that is configured, also of the same destination", async () => {
    await open();
    await append(["a"], [metricsLane, logsLane]);
    await reopen({ lanes: [metricsLane] });
    expect(await store.dropDestination("collector")).toEqual([{ lane: logsLane, messages: 1 }]);
    expect(await laneOf(metricsLane)).toMatchObject({ owed: 1, pending: 1 });
    expect(await store.dropDestination("nobody")).toEqual([]);
  });
});
