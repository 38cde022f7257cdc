import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreLockedError, StoreVersionError } from "../../pipeline/errors.ts";
import type { BatchStore, StoreOptions } from "../../pipeline/store/batch-store.ts";
import { migrate, migrations } from "../../pipeline/store/migrations.ts";
import { Database } from "../../pipeline/store/sqlite/driver.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import {
  arrival,
  invalid,
  ledgerOf,
  logsLane,
  metricsLane,
  owedBy,
  roomy,
  startUs,
  text,
} from "./arrivals.ts";
import { createFolder } from "./sqlite-folder.ts";

describe("openSqliteStore()", () => {
  let folder: ReturnType<typeof createFolder>;
  let path: string;
  const opened: BatchStore[] = [];

  beforeEach(() => {
    folder = createFolder();
    path = folder.path;
  });

  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    folder.remove();
  });

  async function open(options: Partial<StoreOptions> = {}) {
    const store = await openSqliteStore({ ...roomy, path, ...options });
    opened.push(store);
    return store;
  }

  async function filled(count: number, body = "x".repeat(100)) {
    const store = await open();
    const verdict = owedBy(store, [metricsLane]);
    await store.append(Array.from({ length: count }, (_, at) => arrival(`${at} ${body}`, verdict)));
    return store;
  }

  const setAside = () =>
    readdirSync(folder.folder).filter((name) => /\.damaged-[^.]*$/.test(name) && !/-(wal|shm)$/.test(name));

  it("creates the folders above the file", async () => {
    await open({ path: `${folder.folder}/a/b/gateway.db` });
    expect(statSync(`${folder.folder}/a/b/gateway.db`).isFile()).toBe(true);
  });

  it("writes a WAL and synchronizes fully", async () => {
    await filled(1);
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(0);
    const reader = new DatabaseSync(path, { readOnly: true });
    expect(reader.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    expect(reader.prepare("PRAGMA page_size").get()).toEqual({ page_size: 4096 });
    reader.close();
  });

  it("refuses a second opening while the first is open, and not afterwards", async () => {
    const first = await open();
    await expect(open()).rejects.toBeInstanceOf(StoreLockedError);
    await first.close();
    await open();
  });

  it("refuses a store of a newer version and leaves every byte of it", async () => {
    await (await open()).close();
    const raw = new DatabaseSync(path);
    raw.exec(`PRAGMA user_version = ${migrations.length + 1}; PRAGMA wal_checkpoint(TRUNCATE)`);
    raw.close();
    const before = readFileSync(path);
    await expect(open()).rejects.toBeInstanceOf(StoreVersionError);
    expect(readFileSync(path).equals(before)).toBe(true);
    expect(setAside()).toEqual([]);
  });

  it("refuses a store of a newer version that was not closed, and leaves its WAL", async () => {
    await (await open()).close();
    const raw = new DatabaseSync(path);
    raw.exec(`PRAGMA user_version = ${migrations.length + 1}; PRAGMA wal_checkpoint(TRUNCATE)`);
    raw.exec("CREATE TABLE newer(a)");
    const copy = join(folder.folder, "copy.db");
    for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, copy + suffix);
    raw.close();
    const before = [readFileSync(copy), readFileSync(`${copy}-wal`)];
    await expect(open({ path: copy })).rejects.toBeInstanceOf(StoreVersionError);
    expect([readFileSync(copy), readFileSync(`${copy}-wal`)]).toEqual(before);
  });

  it("refuses a database of another application and leaves it", async () => {
    const raw = new DatabaseSync(path);
    raw.exec("PRAGMA application_id = 7; CREATE TABLE theirs(a)");
    raw.close();
    const before = readFileSync(path);
    await expect(open()).rejects.toThrow("another application");
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("can be opened after a refusal", async () => {
    mkdirSync(path);
    await expect(open()).rejects.toThrow("EISDIR");
    rmdirSync(path);
    await open();
  });

  it("refuses a file that is no database and was never a store, and leaves it", async () => {
    writeFileSync(path, "a file of somebody else ".repeat(100));
    const before = readFileSync(path);
    await expect(open()).rejects.toThrow("no SQLite database");
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("a store that is no database any more is set aside, not deleted, and named in a notice", async () => {
    await (await open()).close();
    writeFileSync(path, "these bytes were never a database ".repeat(100));
    const store = await open();
    const [name = ""] = setAside();
    expect(readFileSync(`${folder.folder}/${name}`, "utf8")).toContain("never a database");
    expect(store.notices.join()).toContain(name);
    expect(await store.append([arrival("1", owedBy(store, [metricsLane]))])).toMatchObject({ accepted: 1 });
  });

  it("a database that lost its end is set aside", async () => {
    await (await filled(500)).close();
    truncateSync(path, 40_960);
    const store = await open();
    expect(setAside()).toHaveLength(1);
    expect(store.notices).toHaveLength(1);
    await ledgerOf(store);
  });

  it("what is readable of a damaged database is carried over, and the ledger adds up", async () => {
    const store = await filled(2000);
    await store.append([arrival("dead", invalid)]);
    const lane = store.lane(metricsLane);
    await lane.seal({ firstId: 1, lastId: 10, sealedAtUs: startUs });
    await lane.settle({ kind: "delivered", messages: 10, expired: 0, items: 10, rejectedItems: 0 });
    const { instanceId } = store;
    await store.close();
    damagePage(path, rootOf(path, "dedupe"));
    const again = await open();
    expect(setAside()).toHaveLength(1);
    expect(again.instanceId).toBe(instanceId);
    const ledger = await ledgerOf(again);
    expect(ledger.sources.plant).toMatchObject({ received: 2001, accepted: 2000 });
    expect(ledger.lanes[0]).toMatchObject({ owed: 2000, delivered: 10, pending: 1990 });
    const [first] = await again.lane(metricsLane).read(0, 1);
    expect(text(first?.payload)).toMatch(/^10 /);
    expect(ledger.deadLetters.kept).toBe(1);
    expect(await again.append([arrival("n", owedBy(again, [metricsLane]))])).toMatchObject({ accepted: 1 });
    expect((await again.lane(metricsLane).backlog()).lastId).toBe(2001);
  });

  it("messages that are lost with a damaged page are owed no longer", async () => {
    await (await filled(2000)).close();
    damagePage(path, rootOf(path, "dedupe"));
    damagePage(path, 40);
    const store = await open();
    const { pending, owed } = (await ledgerOf(store)).lanes[0] ?? { pending: 0, owed: 0 };
    const rows = await store.lane(metricsLane).read(0, 5000);
    expect(pending).toBe(rows.length);
    expect(owed).toBeLessThan(2000);
    expect(owed).toBeGreaterThan(1900);
    expect(store.notices.join()).toContain(`${rows.length} messages were carried over, others may be lost`);
    expect(rows.at(-1)?.id).toBe(2000);
  });

  it("keeps no more identities on disk than in memory", async () => {
    const store = await open({ dedupe: { windowSeconds: 3600, entriesMax: 10 } });
    const verdict = owedBy(store, [metricsLane]);
    for (let at = 0; at < 50; at++) await store.append([arrival(`${at}`, verdict, { messageId: `${at}` })]);
    const raw = new DatabaseSync(path, { readOnly: true });
    expect(raw.prepare("SELECT count(*) AS rows FROM dedupe").get()?.rows).toBeLessThanOrEqual(11);
    raw.close();
  });

  it("names a lane that is no longer configured and still keeps messages", async () => {
    const store = await open();
    await store.append([arrival("l", owedBy(store, [logsLane]))]);
    await store.close();
    const again = await open({ lanes: [metricsLane] });
    expect(again.notices.join()).toContain("collector/logs");
  });

  it("a lane that is new to an old store owes only what comes from now on", async () => {
    await (await filled(3)).close();
    const other = { destination: "new", signal: "metrics" as const };
    const store = await open({ lanes: [metricsLane, other] });
    expect(await store.lane(other).position()).toMatchObject({ cursor: 3 });
    expect(await store.lane(other).backlog()).toMatchObject({ messages: 0 });
  });

  describe("with all 48 bits taken", () => {
    const lanes = Array.from({ length: 48 }, (_, at) => ({
      destination: `d${at}`,
      signal: "metrics" as const,
    }));
    const last = lanes[47] ?? metricsLane;

    it("the last lane reads what it owes", async () => {
      const store = await open({ lanes });
      expect(store.lane(last).mask).toBe(2 ** 47);
      await store.append([arrival("all", owedBy(store, lanes)), arrival("last", owedBy(store, [last]))]);
      expect(await store.lane(last).read(0, 10)).toHaveLength(2);
      expect(await store.lane(lanes[0] ?? last).read(0, 10)).toHaveLength(1);
    });

    it("a new lane gets the bit of one that is no longer named and owes nothing", async () => {
      const store = await open({ lanes });
      await store.append([arrival("kept", owedBy(store, lanes.slice(1)))]);
      await store.close();
      const again = await open({ lanes: [metricsLane] });
      expect(again.lane(metricsLane).mask).toBe(1);
      expect(await again.lane(metricsLane).read(0, 10)).toEqual([]);
    });

    it("a new lane is refused while every other one still keeps messages", async () => {
      const store = await open({ lanes });
      await store.append([arrival("kept", owedBy(store, lanes))]);
      await store.close();
      await expect(open({ lanes: [metricsLane] })).rejects.toThrow("at most 48");
    });
  });

  it("ids never start again, also after every row was deleted and a restart", async () => {
    const store = await filled(3);
    const lane = store.lane(metricsLane);
    await lane.seal({ firstId: 1, lastId: 3, sealedAtUs: startUs });
    await lane.settle({ kind: "delivered", messages: 3, expired: 0, items: 3, rejectedItems: 0 });
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    await store.close();
    const raw = new DatabaseSync(path, { readOnly: true });
    expect(raw.prepare("SELECT count(*) AS rows FROM messages").get()).toEqual({ rows: 0 });
    raw.close();
    const again = await filled(1);
    expect((await again.lane(metricsLane).read(0, 1))[0]?.id).toBe(4);
  });

  it("200 concurrent appends go to disk in one or two commits", async () => {
    let commits = 0;
    const store = await open({ onCommit: () => commits++ });
    const verdict = owedBy(store, [metricsLane]);
    await Promise.all(Array.from({ length: 200 }, (_, at) => store.append([arrival(`${at}`, verdict)])));
    expect(commits).toBeLessThanOrEqual(2);
  });

  it("an append that fails leaves its neighbours of the same commit, and no trace in dedupe", async () => {
    const store = await open();
    const verdict = owedBy(store, [metricsLane]);
    const good = arrival("good", verdict, { messageId: "1" });
    const bad = arrival("bad", verdict, { messageId: "2" });
    const broken = { ...bad, arrivedAtUs: 1.5 };
    const [first, second] = await Promise.allSettled([store.append([good]), store.append([bad, broken])]);
    expect(first.status).toBe("fulfilled");
    expect(second.status).toBe("rejected");
    expect(await store.append([good, bad])).toMatchObject({ accepted: 1, duplicates: 1 });
    await ledgerOf(store);
  });
});

describe("migrate()", () => {
  it("applies each step once, in order, with its number", () => {
    const folder = createFolder();
    const db = new Database(folder.path);
    migrate(db, ["CREATE TABLE one(a)"]);
    migrate(db, ["CREATE TABLE one(a)", "ALTER TABLE one ADD COLUMN b"]);
    expect(db.pragma("user_version")).toBe(2);
    expect(db.prepare("SELECT a, b FROM one").all()).toEqual([]);
    db.close();
    folder.remove();
  });

  it("leaves the version where a step fails", () => {
    const folder = createFolder();
    const db = new Database(folder.path);
    expect(() => migrate(db, ["CREATE TABLE one(a)", "CREATE TABLE two(a); CREATE TABLE one(a)"])).toThrow();
    expect(db.pragma("user_version")).toBe(1);
    expect(db.prepare("SELECT name FROM sqlite_schema").all()).toEqual([["one"]]);
    db.close();
    folder.remove();
  });
});

/** A page that opening reads, when it is the dedupe table's. */
function rootOf(path: string, table: string): number {
  const raw = new DatabaseSync(path, { readOnly: true });
  const row = raw.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").get(table);
  raw.close();
  return Number(row?.rootpage);
}

function damagePage(path: string, page: number): void {
  const file = openSync(path, "r+");
  writeSync(file, new Uint8Array(4096).fill(0xff), 0, 4096, (page - 1) * 4096);
  closeSync(file);
}
