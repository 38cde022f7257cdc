import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Database } from "../../pipeline/store/sqlite/driver.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, metricsLane, owedBy, roomy, startUs } from "./arrivals.ts";
import { createFolder } from "./sqlite-folder.ts";

const normal = 1;
const full = 2;

let folder: ReturnType<typeof createFolder>;
let db: Database;

beforeEach(() => {
  folder = createFolder();
  db = new Database(folder.path);
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE numbers(number)");
});

afterEach(() => {
  vi.restoreAllMocks();
  folder.remove();
});

describe("writeLazily()", () => {
  it("leaves the commits after it as safe as those before", () => {
    const during = db.writeLazily(() => db.pragma("synchronous"));
    expect(during).toBe(normal);
    expect(db.pragma("synchronous")).toBe(full);
    db.close();
  });

  it("does so when its work fails", () => {
    expect(() => db.writeLazily(() => db.exec("INSERT INTO nowhere VALUES (1)"))).toThrow("nowhere");
    expect(db.pragma("synchronous")).toBe(full);
    db.close();
  });

  it("closes a connection whose commits cannot be made safe again, and ends the thread with it", () => {
    const exec = Database.prototype.exec;
    const later = vi.spyOn(globalThis, "setImmediate");
    later.mockImplementation((() => undefined) as never);
    vi.spyOn(db, "exec").mockImplementation((sql) => {
      if (sql === "PRAGMA synchronous = FULL") throw new Error("no");
      return exec.call(db, sql);
    });
    expect(() => db.writeLazily(() => undefined)).toThrow("no");
    expect(() => db.write(() => undefined)).toThrow("not open");
    expect(later).toHaveBeenCalledOnce();
    expect(later.mock.calls[0]?.[0]).toThrow("no");
  });

  it("is for sweeps alone: every append and settlement is synced by itself", async () => {
    db.close();
    const met: unknown[] = [];
    const write = Database.prototype.write;
    vi.spyOn(Database.prototype, "write").mockImplementation(function <T>(this: Database, work: () => T): T {
      met.push(this.pragma("synchronous"));
      return write.call(this, work) as T;
    });
    const store = await openSqliteStore({ ...roomy, path: `${folder.path}.other` });
    const lane = store.lane(metricsLane);
    for (let id = 1; id <= 3; id++) {
      await store.append([arrival(String(id), owedBy(store, [metricsLane]))]);
      await lane.seal({ firstId: id, lastId: id, sealedAtUs: startUs });
      await lane.settle({ kind: "delivered", messages: 1, expired: 0, items: 1, rejectedItems: 0 });
      await setImmediate();
    }
    await store.close();
    expect(met.filter((synchronous) => synchronous === normal)).toHaveLength(3);
    expect(met.filter((synchronous) => synchronous === full).length).toBeGreaterThanOrEqual(9);
  });
});
