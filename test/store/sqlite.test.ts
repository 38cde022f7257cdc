import { afterAll } from "vitest";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { storeContract } from "./contract.ts";
import { diskHarness } from "./sqlite-folder.ts";

const { harness, removeAll } = diskHarness(openSqliteStore);
afterAll(removeAll);
storeContract("sqlite", harness);
