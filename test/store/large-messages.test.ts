import { describe, expect, it, onTestFinished } from "vitest";
import { type BatchStore, readBytesMax } from "../../pipeline/store/batch-store.ts";
import { openMemoryStore } from "../../pipeline/store/memory.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, metricsLane, owedBy, roomy } from "./arrivals.ts";
import { createFolder } from "./sqlite-folder.ts";

const openers = [
  ["memory", async () => openMemoryStore(roomy)],
  [
    "sqlite",
    async () => {
      const { path, remove } = createFolder();
      const store = await openSqliteStore({ ...roomy, path });
      onTestFinished(async () => {
        await store.close();
        remove();
      });
      return store;
    },
  ],
] as const satisfies [string, () => Promise<BatchStore>][];

const mega = 1_000_000;

describe.each(openers)("read() of large messages from %s", (_name, open) => {
  /** A store with messages of so many bytes each, and the sizes that its lane reads after an id. */
  async function holding(sizes: readonly number[]) {
    const store = await open();
    const verdict = owedBy(store, [metricsLane]);
    await store.append(sizes.map((size, index) => arrival(String(index % 10).repeat(size), verdict)));
    return async (afterId: number, rowsMax = 500) =>
      (await store.lane(metricsLane).read(afterId, rowsMax)).map(({ payload }) => payload.length);
  }

  it("holds no more once it has the limit, and goes on behind it", async () => {
    const read = await holding(Array(12).fill(mega));
    const sizes = await read(0);
    expect(sizes).toHaveLength(Math.ceil(readBytesMax / mega));
    expect(await read(5)).toHaveLength(5);
    expect(await read(10)).toHaveLength(2);
    expect(await read(12)).toEqual([]);
  });

  it("finds the large ones among small ones, in order", async () => {
    const mixed = [1, 9_000, 0, 3 * mega, 8_192, 8_193, 2 * mega, 7, 8];
    const read = await holding(mixed);
    expect(await read(0)).toEqual(mixed.slice(0, 7));
    expect(await read(7)).toEqual([7, 8]);
    expect(await read(0, 4)).toEqual(mixed.slice(0, 4));
  });

  it("gives one that is larger than the limit by itself", async () => {
    const read = await holding([readBytesMax + 1, 1]);
    expect(await read(0)).toEqual([readBytesMax + 1]);
    expect(await read(1)).toEqual([1]);
  });
});

it("read() from sqlite holds no more once it has the limit in properties, and goes on behind it", async () => {
  const store = await openers[1][1]();
  const one = arrival("1", owedBy(store, [metricsLane]));
  const userProperties = [["note", "x".repeat(mega)]] as const;
  await store.append(Array(12).fill({ ...one, message: { ...one.message, userProperties } }));
  const read = async (afterId: number) =>
    (await store.lane(metricsLane).read(afterId, 500)).map(({ id, userProperties: [note] }) => [
      id,
      note?.[1].length,
    ]);
  expect(await read(0)).toEqual([1, 2, 3, 4, 5].map((id) => [id, mega]));
  expect(await read(10)).toEqual([11, 12].map((id) => [id, mega]));
});
