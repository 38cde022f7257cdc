import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StoreFullError } from "../../pipeline/errors.ts";
import type { BatchStore, StoreOptions } from "../../pipeline/store/batch-store.ts";
import { Database } from "../../pipeline/store/sqlite/driver.ts";
import { Space } from "../../pipeline/store/sqlite/space.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, ledgerOf, metricsLane, owedBy, roomy } from "./arrivals.ts";
import { fill, settleAll } from "./fill.ts";
import { createFolder } from "./sqlite-folder.ts";

let folder: ReturnType<typeof createFolder>;
let store: BatchStore | undefined;

beforeEach(() => {
  folder = createFolder();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await store?.close();
  store = undefined;
  folder.remove();
});

async function open(options: Partial<StoreOptions> = {}) {
  store = await openSqliteStore({ ...roomy, path: folder.path, ...options });
  return store;
}

/** The next COMMIT fails as SQLite reports it, once; gives how many were tried since. */
function failCommit(message: string): () => number {
  const exec = DatabaseSync.prototype.exec;
  let tried = 0;
  vi.spyOn(DatabaseSync.prototype, "exec").mockImplementation(function (this: DatabaseSync, sql: string) {
    if (sql === "COMMIT" && ++tried === 1) throw new Error(message);
    exec.call(this, sql);
  });
  return () => tried;
}

describe("append() whose COMMIT fails", () => {
  const requests = (target: BatchStore) =>
    ["1", "2", "3"].map((messageId) => arrival(messageId, owedBy(target, [metricsLane]), { messageId }));

  it.each(["disk I/O error", "database or disk is full"])(
    "with %s acknowledges nobody, tries it once, and takes the same messages afterwards",
    async (message) => {
      const target = await open();
      const tried = failCommit(message);
      const outcomes = await Promise.allSettled(requests(target).map((each) => target.append([each])));
      expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
      expect(tried()).toBe(1);
      expect((await ledgerOf(target)).sources).toEqual({});
      expect(await target.append(requests(target))).toMatchObject({ accepted: 3, duplicates: 0 });
      expect(await target.lane(metricsLane).read(0, 10)).toHaveLength(3);
    },
  );

  it("with a full disk rejects with a StoreFullError that says so", async () => {
    const target = await open();
    failCommit("database or disk is full");
    const refusal = target.append(requests(target));
    await expect(refusal).rejects.toBeInstanceOf(StoreFullError);
    await expect(refusal).rejects.toThrow(/^Cannot store the messages: the store's disk is full$/);
  });
});

describe("append() beside one that fails", () => {
  it("takes the small ones of a group with one that is too large", async () => {
    const target = await open({ bytesMax: 2_000_000 });
    const verdict = owedBy(target, [metricsLane]);
    const outcomes = await Promise.allSettled(
      ["x", "x".repeat(1_000_000), "x"].map((body) => target.append([arrival(body, verdict)])),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });

  it("rejects when the quota cannot be looked up, and works again afterwards", async () => {
    const target = await open();
    const verdict = owedBy(target, [metricsLane]);
    vi.spyOn(Space.prototype, "room").mockImplementationOnce(() => {
      throw new Error("disk I/O error");
    });
    await expect(target.append([arrival("1", verdict)])).rejects.toThrow("disk I/O error");
    expect(await target.append([arrival("2", verdict)])).toMatchObject({ accepted: 1 });
  });

  it("keeps its answer when what follows the commit fails", async () => {
    const target = await open();
    vi.spyOn(Space.prototype, "afterCommit").mockImplementationOnce(() => {
      throw new Error("EIO");
    });
    expect(await target.append([arrival("1", owedBy(target, [metricsLane]))])).toMatchObject({ accepted: 1 });
  });

  it("rejects after close()", async () => {
    const target = await open();
    const verdict = owedBy(target, [metricsLane]);
    await target.close();
    await expect(target.append([arrival("1", verdict)])).rejects.toThrow();
  });

  it("is answered when close() comes at the same time", async () => {
    const target = await open();
    const appended = target.append([arrival("1", owedBy(target, [metricsLane]))]);
    await target.close();
    expect(await appended).toMatchObject({ accepted: 1 });
    expect((await ledgerOf(await open())).sources.plant).toMatchObject({ accepted: 1 });
  });
});

describe("openSqliteStore()", () => {
  it.each([
    { name: "journal_mode", met: "memory" },
    { name: "synchronous", met: 1 },
  ])("refuses when $name is $met after it was set, and lets go of the store", async ({ name, met }) => {
    const pragma = Database.prototype.pragma;
    vi.spyOn(Database.prototype, "pragma").mockImplementation(function (this: Database, text: string) {
      return text === name ? met : pragma.call(this, text);
    });
    await expect(open()).rejects.toThrow(`${name} is ${met} after it was set`);
    vi.restoreAllMocks();
    await open();
  });

  it.each(["file", "file/a/b"])("says what stands in the way of its folder %s", async (below) => {
    writeFileSync(`${folder.folder}/file`, "");
    const path = `${folder.folder}/${below}/gateway.db`;
    await expect(open({ path })).rejects.toThrow(
      `Cannot open store ${path}: ${folder.folder}/file is a file, wanted a directory`,
    );
  });

  // A process of its own, which can be ended when it does not fail.
  it.runIf(existsSync("/proc/self"))("fails at once where nobody can make a folder", () => {
    const opening = `
      import { openSqliteStore } from "${new URL("../../pipeline/store/sqlite.ts", import.meta.url)}";
      await openSqliteStore({ path: "/proc/gateway/store/gateway.db" }).catch(({ message }) => console.log(message));
    `;
    const { signal, stdout } = spawnSync(process.execPath, ["--input-type=module", "--eval", opening], {
      encoding: "utf8",
      timeout: 10_000,
    });
    expect({ signal, stdout }).toEqual({
      signal: null,
      stdout: expect.stringMatching(
        "^Cannot open store /proc/gateway/store/gateway.db: ENOENT: .* '/proc/gateway'\n$",
      ),
    });
  });

  it("names the store when SQLite cannot open it", async () => {
    mkdirSync(`${folder.path}.lock`);
    await expect(open()).rejects.toThrow(`Cannot open store ${folder.path}: unable to open database file`);
  });

  it("refuses a database that has tables and no application's number", async () => {
    const raw = new DatabaseSync(folder.path);
    raw.exec("CREATE TABLE photos(a)");
    await expect(open()).rejects.toThrow("another application");
    expect(raw.prepare("SELECT name FROM sqlite_schema").all()).toEqual([{ name: "photos" }]);
    raw.close();
  });

  it.each([
    { left: "an empty file", sql: "" },
    { left: "a database without tables", sql: "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL" },
  ])("goes on with $left, as a first opening that was interrupted leaves it", async ({ sql }) => {
    const raw = new DatabaseSync(folder.path);
    raw.exec(sql);
    raw.close();
    const target = await open();
    expect(target.notices).toEqual([]);
    expect(await target.append([arrival("1", owedBy(target, [metricsLane]))])).toMatchObject({ accepted: 1 });
  });
});

describe("while another connection keeps a snapshot", () => {
  const bytesMax = 2_000_000;
  const walBytes = () => statSync(`${folder.path}-wal`).size;

  function readOn(): DatabaseSync {
    const reader = new DatabaseSync(folder.path, { readOnly: true });
    reader.exec("BEGIN; SELECT * FROM messages");
    return reader;
  }

  it("append() does not wait for it, counts the WAL to the quota, and trims it afterwards", async () => {
    const target = await open({ bytesMax });
    const reader = readOn();
    const startMs = performance.now();
    const { error } = await fill(target);
    // SQLite would wait five seconds for a reader at each commit.
    expect(performance.now() - startMs).toBeLessThan(4000);
    expect(error).toBeInstanceOf(StoreFullError);
    expect((await target.ledger()).store.bytes).toBeLessThanOrEqual(bytesMax);
    expect(walBytes()).toBeGreaterThan(bytesMax / 8);
    reader.close();
    const before = walBytes();
    expect(await target.append([arrival("1", owedBy(target, [metricsLane]))])).toMatchObject({ accepted: 1 });
    expect(walBytes()).toBeLessThan(before);
  });

  it("settling goes on", async () => {
    const target = await open({ bytesMax });
    const reader = readOn();
    await fill(target);
    await settleAll(target.lane(metricsLane));
    expect((await ledgerOf(target)).lanes[0]).toMatchObject({ pending: 0 });
    reader.close();
  });
});
