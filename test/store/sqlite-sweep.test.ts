import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { LaneName } from "../../pipeline/message.ts";
import type { BatchStore } from "../../pipeline/store/batch-store.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, bytes, metricsLane, owedBy, roomy, startUs } from "./arrivals.ts";
import { createFolder } from "./sqlite-folder.ts";

let folder: ReturnType<typeof createFolder>;
let store: BatchStore;

beforeEach(() => {
  folder = createFolder();
});

afterEach(async () => {
  await store.close();
  folder.remove();
});

async function open(lanes: readonly LaneName[] = roomy.lanes) {
  store = await openSqliteStore({ ...roomy, path: folder.path, lanes });
}

async function settle(name: LaneName, lastId: number) {
  const lane = store.lane(name);
  await lane.seal({ firstId: 1, lastId, sealedAtUs: startUs });
  await lane.settle({ kind: "delivered", messages: lastId, expired: 0, items: lastId, rejectedItems: 0 });
}

function rowsLeft(): number {
  const raw = new DatabaseSync(folder.path, { readOnly: true });
  const row = raw.prepare("SELECT count(*) AS rows FROM messages").get();
  raw.close();
  return Number(row?.rows);
}

const large = "x".repeat(1_000_000);

it.each([
  ["payloads", { payload: bytes(large) }],
  ["properties", { userProperties: [["note", large]] as const }],
])(
  "messages with large %s are deleted a few at a time, so that appends wait for few of them",
  async (_, fields) => {
    await open();
    const one = arrival("1", owedBy(store, [metricsLane]));
    const many = Array(4).fill({ ...one, message: { ...one.message, ...fields } });
    for (let at = 0; at < 5; at++) await store.append(many);
    await settle(metricsLane, 20);
    await setImmediate();
    expect(rowsLeft()).toBeGreaterThan(10);
    expect(rowsLeft()).toBeLessThan(20);
    for (let turn = 0; turn < 10; turn++) await setImmediate();
    expect(rowsLeft()).toBe(0);
  },
);

it("one message larger than a slice is deleted all the same", async () => {
  await open();
  await store.append([arrival("x".repeat(9_000_000), owedBy(store, [metricsLane]))]);
  await settle(metricsLane, 1);
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  expect(rowsLeft()).toBe(0);
});

it("what a lane settled just before the process ended is deleted though its bit went to another", async () => {
  const lanes = Array.from({ length: 48 }, (_, at) => ({
    destination: `d${at}`,
    signal: "metrics" as const,
  }));
  const [first = metricsLane, ...others] = lanes;
  await open(lanes);
  await store.append([
    arrival("settled", owedBy(store, [first])),
    arrival("waits", owedBy(store, others)),
    arrival("settled", owedBy(store, [first])),
  ]);
  const lane = store.lane(first);
  await lane.seal({ firstId: 1, lastId: 3, sealedAtUs: startUs });
  await lane.settle({ kind: "delivered", messages: 2, expired: 0, items: 2, rejectedItems: 0 });
  await store.close();
  expect(rowsLeft()).toBe(3);
  await open([...others, metricsLane]);
  expect(store.lane(metricsLane).mask).toBe(1);
  for (let turn = 0; turn < 3; turn++) await setImmediate();
  expect(rowsLeft()).toBe(1);
  expect(await store.lane(metricsLane).backlog()).toMatchObject({ messages: 0 });
  expect(await store.lane(others[0] ?? metricsLane).read(0, 10)).toHaveLength(1);
});
