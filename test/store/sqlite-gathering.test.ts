import { DatabaseSync } from "node:sqlite";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { BatchStore } from "../../pipeline/store/batch-store.ts";
import { Messages } from "../../pipeline/store/sqlite/messages.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, metricsLane, owedBy, roomy } from "./arrivals.ts";
import { createFolder } from "./sqlite-folder.ts";

const slowMs = 40;
let folder: ReturnType<typeof createFolder>;
let store: BatchStore;
let commits: number[];

beforeEach(async () => {
  folder = createFolder();
  commits = [];
  const onCommit = ({ messages }: { messages: number }) => commits.push(messages);
  store = await openSqliteStore({ ...roomy, path: folder.path, onCommit });
  // How long this disk takes is not to be seen.
  vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
});

afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await store.close();
  folder.remove();
});

const append = (messageId: string) =>
  store.append([arrival(messageId, owedBy(store, [metricsLane]), { messageId })]);

/** Two requests, one a few turns of the event loop after the other, while no timer fires. */
async function appendInTurn(): Promise<unknown> {
  const first = append("first");
  for (let turns = 0; turns < 5; turns++) await turn();
  return Promise.all([first, append("second")]);
}

it("waits for what comes within a moment where the disk takes long to sync", async () => {
  const exec = DatabaseSync.prototype.exec;
  vi.spyOn(DatabaseSync.prototype, "exec").mockImplementation(function (this: DatabaseSync, sql: string) {
    if (sql === "COMMIT") vi.advanceTimersByTime(slowMs);
    exec.call(this, sql);
  });
  await append("before");
  const appended = appendInTurn();
  for (let turns = 0; turns < 10; turns++) await turn();
  expect(commits).toEqual([1]);
  vi.runAllTimers();
  await appended;
  expect(commits).toEqual([1, 2]);
});

it("does not wait where it is the work that takes long", async () => {
  const insert = Messages.prototype.insert;
  vi.spyOn(Messages.prototype, "insert").mockImplementation(function (this: Messages, messages) {
    vi.advanceTimersByTime(slowMs);
    insert.call(this, messages);
  });
  await append("before");
  await appendInTurn();
  expect(commits).toEqual([1, 1, 1]);
});
