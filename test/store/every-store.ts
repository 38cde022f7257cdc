import { afterAll } from "vitest";
import { openMemoryStore } from "../../pipeline/store/memory.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { openThreadedStore } from "../../pipeline/store/thread.ts";
import { roomy } from "./arrivals.ts";
import type { StoreHarness } from "./contract/subject.ts";
import { diskHarness } from "./sqlite-folder.ts";

/** Every kind of store by its name; what they leave on disk is removed after the tests of the file. */
export function everyStore(): readonly { name: string; harness: StoreHarness }[] {
  const inPlace = diskHarness(openSqliteStore);
  const inThread = diskHarness(openThreadedStore);
  afterAll(inPlace.removeAll);
  afterAll(inThread.removeAll);
  return [
    { name: "memory", harness: { open: async (options) => openMemoryStore({ ...roomy, ...options }) } },
    { name: "sqlite", harness: inPlace.harness },
    { name: "sqlite in its thread", harness: inThread.harness },
  ];
}
