import { readdirSync, readlinkSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, it, vi } from "vitest";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, invalid, metricsLane, owedBy, roomy } from "./arrivals.ts";
import { createFolder } from "./sqlite-folder.ts";

/** Where the files lead that this process has open; SQLite's temporary ones are deleted as soon as they are. */
function openFiles(): string[] {
  return readdirSync("/proc/self/fd").flatMap((file) => {
    try {
      return readlinkSync(`/proc/self/fd/${file}`);
    } catch {
      // That of the listing itself.
      return [];
    }
  });
}

// A container may have nothing that can be written but the store's folder.
it.runIf(process.platform === "linux")("append() has files in the store's folder alone", async () => {
  const { path, folder, remove } = createFolder();
  const store = await openSqliteStore({ ...roomy, path, deadLetterBytesMax: 200_000 });
  const met = new Set<string>();
  const exec = DatabaseSync.prototype.exec;
  vi.spyOn(DatabaseSync.prototype, "exec").mockImplementation(function (this: DatabaseSync, sql: string) {
    for (const file of sql === "COMMIT" ? openFiles() : []) met.add(file);
    exec.call(this, sql);
  });
  try {
    // The messages take the pages of dead letters that are discarded in the same transaction.
    const body = "x".repeat(100_000);
    const several = Array.from({ length: 8 }, () => arrival(body, owedBy(store, [metricsLane])));
    for (let round = 0; round < 3; round++) await store.append([arrival(body, invalid), ...several]);
    expect([...met].some((file) => file.startsWith(folder))).toBe(true);
    expect([...met].filter((file) => file.includes("etilqs"))).toEqual([]);
  } finally {
    vi.restoreAllMocks();
    await store.close();
    remove();
  }
});
