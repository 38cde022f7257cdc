import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BatchStore, StoreOptions } from "../../pipeline/store/batch-store.ts";
import { roomy } from "./arrivals.ts";
import type { StoreHarness } from "./contract/subject.ts";

/** A new folder for a store, removed with everything in it. */
export function createFolder() {
  const folder = mkdtempSync(join(tmpdir(), "gateway-store-"));
  return {
    folder,
    path: join(folder, "gateway.db"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What the contract suite needs of a store on disk. */
export function diskHarness(open: (options: StoreOptions) => Promise<BatchStore>) {
  const folders: ReturnType<typeof createFolder>[] = [];
  const optionsOf = new WeakMap<BatchStore, StoreOptions>();
  const openWith = async (options: StoreOptions) => {
    const store = await open(options);
    optionsOf.set(store, options);
    return store;
  };
  const harness: StoreHarness = {
    open(options) {
      const folder = createFolder();
      folders.push(folder);
      return openWith({ ...roomy, path: folder.path, ...options });
    },
    async reopen(store, options) {
      const before = optionsOf.get(store);
      if (before === undefined) throw new Error("Opened elsewhere");
      await store.close();
      return openWith({ ...roomy, path: before.path, ...options });
    },
  };
  return {
    harness,
    removeAll() {
      for (const folder of folders.splice(0)) folder.remove();
    },
  };
}
