import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { BatchStore } from "../../pipeline/store/batch-store.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { connectStore, openThreadedStore } from "../../pipeline/store/thread.ts";
import { arrival, invalid, ledgerOf, metricsLane, owedBy, roomy, text } from "./arrivals.ts";
import { createFolder } from "./sqlite-folder.ts";

const pageBytes = 4096;

let folder: ReturnType<typeof createFolder>;
let store: BatchStore;

beforeEach(() => {
  folder = createFolder();
});

afterEach(async () => {
  await store.close();
  folder.remove();
});

async function open() {
  store = await openSqliteStore({ ...roomy, path: folder.path });
  return store;
}

async function fillAndClose(count: number, body = "x".repeat(100)) {
  await open();
  const verdict = owedBy(store, [metricsLane]);
  for (let at = 0; at < count; at += 1000) {
    await store.append(
      Array.from({ length: 1000 }, (_, offset) => arrival(`${at + offset} ${body}`, verdict)),
    );
  }
  await store.append([arrival("dead", invalid)]);
  await store.close();
}

function damage(pages: readonly number[]) {
  const file = openSync(folder.path, "r+");
  for (const page of pages) {
    writeSync(file, new Uint8Array(pageBytes).fill(0xff), 0, pageBytes, (page - 1) * pageBytes);
  }
  closeSync(file);
}

function rootOf(table: string): number {
  const raw = new DatabaseSync(folder.path, { readOnly: true });
  const row = raw.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?").get(table);
  raw.close();
  return Number(row?.rootpage);
}

const setAside = () => readdirSync(folder.folder).filter((name) => /\.damaged-[^.]*Z$/.test(name));

it("a page of messages that cannot be read is noticed when the store is opened", async () => {
  await fillAndClose(2000);
  damage([40]);
  await open();
  expect(setAside()).toHaveLength(1);
  const rows = await store.lane(metricsLane).read(0, 5000);
  expect(rows.length).toBeGreaterThan(1900);
  expect((await ledgerOf(store)).lanes[0]).toMatchObject({ pending: rows.length });
});

it("what lies between two damaged pages is carried over", async () => {
  await fillAndClose(4000);
  damage([40, 110]);
  await open();
  const rows = await store.lane(metricsLane).read(0, 5000);
  expect(rows.length).toBeGreaterThan(3900);
  expect(rows.length).toBeLessThan(4000);
  expect(rows.at(-1)?.id).toBe(4000);
  for (const { id, payload } of rows) expect(text(payload)).toMatch(new RegExp(`^${id - 1} x+$`));
});

it.each(["meta", "counters", "sources", "deaths", "state"])(
  "messages are carried over though %s is lost",
  async (table) => {
    await fillAndClose(1000);
    damage([rootOf(table)]);
    await open();
    expect(store.notices.join()).toContain("1000 messages were carried over, others may be lost");
    expect((await ledgerOf(store)).lanes[0]).toMatchObject({ pending: 1000 });
    await store.append([arrival("next", owedBy(store, [metricsLane])), arrival("dead", invalid)]);
    expect((await store.lane(metricsLane).read(1000, 10)).map(({ id }) => id)).toEqual([1001]);
    expect((await store.deadLetters.list({ afterId: 0, limit: 10 })).map(({ id }) => id)).toEqual([1, 2]);
  },
);

it.each([
  { lost: "messages were lost: they may be the ones", pages: () => [40], kind: "accepted" },
  { lost: "dead letters alone were lost", pages: () => [rootOf("dead_letters")], kind: "duplicates" },
])("repeats are $kind when $lost", async ({ pages, kind }) => {
  await open();
  const arrivals = () => {
    const verdict = owedBy(store, [metricsLane]);
    const body = "x".repeat(100);
    return Array.from({ length: 2000 }, (_, n) => arrival(`${n} ${body}`, verdict, { messageId: `${n}` }));
  };
  await store.append(arrivals());
  await store.close();
  damage(pages());
  await open();
  expect(setAside()).toHaveLength(1);
  expect(await store.append(arrivals())).toMatchObject({ [kind]: 2000 });
});

it.each([
  { pages: () => [40], what: "are carried over", values: ["21.5"] },
  { pages: () => [rootOf("last_values")], what: "are unknown when one of them is lost", values: [] },
])("last values $what", async ({ pages, values }) => {
  await open();
  const met = [{ rule: "Mapping thermostat", input: "t", member: "", value: "21.5" }];
  await store.append([{ ...arrival("1", owedBy(store, [metricsLane])), met }]);
  await store.close();
  await fillAndClose(2000);
  damage(pages());
  await open();
  expect(setAside()).toHaveLength(1);
  expect(store.notices.join()).toContain("others may be lost");
  expect((await store.lastValues()).map(({ value }) => value)).toEqual(values);
});

it("nothing else is lost of a damaged store that an earlier version left behind", async () => {
  await fillAndClose(10);
  const raw = new DatabaseSync(folder.path);
  raw.exec("DROP TABLE last_values; PRAGMA user_version = 1");
  raw.close();
  writeFileSync(`${folder.path}.salvage`, "gateway.db.damaged-1");
  renameSync(folder.path, `${folder.path}.damaged-1`);
  await open();
  expect(store.notices.join()).toContain("1000 messages were carried over, nothing else was lost");
});

it("nothing is carried over when the lanes are lost, and the store works", async () => {
  await fillAndClose(1000);
  damage([rootOf("lanes")]);
  await open();
  expect(store.notices.join()).toContain("nothing could be carried over");
  expect(await store.append([arrival("1", owedBy(store, [metricsLane]))])).toMatchObject({ accepted: 1 });
  await ledgerOf(store);
});

it("a large store is checked at the opening after a page could not be read", async () => {
  await fillAndClose(20_000, "x".repeat(900));
  damage([500]);
  const threaded = await openThreadedStore({ ...roomy, path: folder.path });
  store = threaded;
  expect(threaded.notices).toEqual([]);
  const connection = await connectStore(threaded.connect());
  await expect(connection.lane(metricsLane).read(0, 20_000)).rejects.toThrow("malformed");
  await connection.close();
  await threaded.close();
  await open();
  expect(setAside()).toHaveLength(1);
  const { pending } = (await ledgerOf(store)).lanes[0] ?? { pending: 0 };
  expect(pending).toBeGreaterThan(19_900);
  expect(pending).toBeLessThan(20_000);
  await store.close();
  await open();
  expect(store.notices).toEqual([]);
});

it.each([
  { moved: "the WAL", files: ["-wal"], isFresh: false },
  { moved: "the database too", files: ["-wal", ""], isFresh: false },
  { moved: "all, and with a fresh database", files: ["-wal", ""], isFresh: true },
])("a salvage that was interrupted with $moved set aside starts again", async ({ files, isFresh }) => {
  const fresh = `${folder.folder}/fresh.db`;
  await (await openSqliteStore({ ...roomy, path: fresh })).close();
  const whole = `${folder.folder}/whole.db`;
  store = await openSqliteStore({ ...roomy, path: whole });
  const verdict = owedBy(store, [metricsLane]);
  await store.append(Array.from({ length: 100 }, (_, at) => arrival(`${at}`, verdict)));
  // As the process leaves them that dies: the messages stand in the WAL alone.
  for (const suffix of ["", "-wal"]) copyFileSync(whole + suffix, folder.path + suffix);
  await store.close();
  writeFileSync(`${folder.path}.salvage`, "gateway.db.damaged-1");
  for (const suffix of files) renameSync(folder.path + suffix, `${folder.path}.damaged-1${suffix}`);
  if (isFresh) copyFileSync(fresh, folder.path);
  await open();
  expect(store.notices.join()).toContain("gateway.db.damaged-1; 100 messages were carried over");
  expect((await ledgerOf(store)).lanes[0]).toMatchObject({ pending: 100 });
  expect(existsSync(`${folder.path}.damaged-1`)).toBe(true);
  await store.close();
  await open();
  expect(store.notices).toEqual([]);
  expect((await ledgerOf(store)).lanes[0]).toMatchObject({ pending: 100 });
});
