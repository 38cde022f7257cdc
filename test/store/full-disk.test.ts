import { spawnSync } from "node:child_process";
import { existsSync, rmSync, statfsSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiskFullError, StoreFullError } from "../../pipeline/errors.ts";
import type { BatchStore } from "../../pipeline/store/batch-store.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, ledgerOf, metricsLane, owedBy, roomy } from "./arrivals.ts";
import { fill, settleAll } from "./fill.ts";
import { createFolder } from "./sqlite-folder.ts";

const bytesMax = 16_000_000;
const diskBytes = 8_000_000;

/**
 * A disk that is really full needs a file system of its own, which only root may mount. Elsewhere the quota of the
 * database file stands in for the disk: SQLite answers both with the same error.
 */
function mountSmallDisk(folder: string): boolean {
  if (process.getuid?.() !== 0) return false;
  return spawnSync("mount", ["-t", "tmpfs", "-o", `size=${diskBytes}`, "tmpfs", folder]).status === 0;
}

describe("on a full disk", () => {
  let folder: ReturnType<typeof createFolder>;
  let isMounted: boolean;
  let store: BatchStore;

  beforeEach(async () => {
    folder = createFolder();
    isMounted = mountSmallDisk(folder.folder);
    store = await openSqliteStore({
      ...roomy,
      path: folder.path,
      bytesMax: isMounted ? bytesMax : 2_000_000,
    });
  });

  afterEach(async () => {
    await store.close();
    if (isMounted) spawnSync("umount", [folder.folder]);
    folder.remove();
  });

  const fillerPath = () => join(folder.folder, "filler");

  /** Somebody else takes every byte that is left. */
  function takeTheRest() {
    if (!isMounted) return;
    const { bavail, bsize } = statfsSync(folder.folder);
    writeFileSync(fillerPath(), new Uint8Array(bavail * bsize));
  }

  it("append() rejects with StoreFullError, and nothing of the request is stored", async () => {
    const { error } = await fill(store);
    expect(error).toBeInstanceOf(isMounted ? DiskFullError : StoreFullError);
    const ledger = await ledgerOf(store);
    expect((ledger.sources.plant?.received ?? 1) % 100).toBe(0);
    expect(await store.lane(metricsLane).read(0, 1e6)).toHaveLength(ledger.sources.plant?.accepted ?? -1);
  });

  it("settling goes on, and append() works again once the disk has room", async () => {
    await fill(store);
    takeTheRest();
    await settleAll(store.lane(metricsLane));
    expect((await ledgerOf(store)).lanes[0]).toMatchObject({ pending: 0 });
    rmSync(fillerPath(), { force: true });
    await store.close();
    store = await openSqliteStore({
      ...roomy,
      path: folder.path,
      bytesMax: isMounted ? bytesMax : 2_000_000,
    });
    const verdict = owedBy(store, [metricsLane]);
    expect(await store.append([arrival("after", verdict)])).toMatchObject({ accepted: 1 });
    expect(statSync(`${folder.path}.reserve`).size).toBeGreaterThan(0);
  });

  it.runIf(existsSync("/dev/full"))(
    "append() says that it is the disk where the reserve finds no room",
    async () => {
      await store.close();
      rmSync(`${folder.path}.reserve`);
      const leaveNoRoom = () => symlinkSync("/dev/full", `${folder.path}.reserve`);
      leaveNoRoom();
      store = await openSqliteStore({ ...roomy, path: folder.path, bytesMax: 2_000_000 });
      leaveNoRoom();
      const refused = store.append([arrival("a", owedBy(store, [metricsLane]))]);
      await expect(refused).rejects.toBeInstanceOf(DiskFullError);
    },
  );

  it("a store opens on a full disk by giving up its reserve, and what it holds can be settled", async () => {
    const verdict = owedBy(store, [metricsLane]);
    await store.append([arrival("before", verdict)]);
    await store.close();
    takeTheRest();
    store = await openSqliteStore({
      ...roomy,
      path: folder.path,
      bytesMax: isMounted ? bytesMax : 2_000_000,
    });
    await settleAll(store.lane(metricsLane));
    expect((await ledgerOf(store)).lanes[0]).toMatchObject({ delivered: 1 });
    expect(existsSync(fillerPath())).toBe(isMounted);
  });
});
