import { statSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StoreFullError } from "../../pipeline/errors.ts";
import type { BatchStore, StoreOptions } from "../../pipeline/store/batch-store.ts";
import { divideSpace } from "../../pipeline/store/sqlite/space.ts";
import { openSqliteStore } from "../../pipeline/store/sqlite.ts";
import { arrival, invalid, ledgerOf, metricsLane, owedBy, roomy, startUs } from "./arrivals.ts";
import { fill, settleAll } from "./fill.ts";
import { createFolder } from "./sqlite-folder.ts";

const bytesMax = 2_000_000;

describe("with the smallest quota", () => {
  let folder: ReturnType<typeof createFolder>;
  let store: BatchStore;

  async function open(options: Partial<StoreOptions> = {}) {
    store = await openSqliteStore({ ...roomy, path: folder.path, bytesMax, ...options });
  }

  beforeEach(async () => {
    folder = createFolder();
    await open();
  });

  afterEach(async () => {
    await store.close();
    folder.remove();
  });

  const bytesOnDisk = () =>
    ["", "-wal", ".reserve"].reduce(
      (sum, suffix) => sum + (statSync(folder.path + suffix, { throwIfNoEntry: false })?.size ?? 0),
      0,
    );

  it("append() takes messages for at least a quarter of the quota, then refuses, and never passes it", async () => {
    const { appendedBytes, error } = await fill(store);
    expect(error).toEqual(
      new StoreFullError("Cannot store the messages: the store's quota is used up, limit is 2000000 bytes"),
    );
    expect(appendedBytes).toBeGreaterThan(bytesMax / 4);
    expect(bytesOnDisk()).toBeLessThanOrEqual(bytesMax);
    expect((await store.ledger()).store).toEqual({ bytes: bytesOnDisk(), bytesMax });
  });

  it("append() that was refused stored nothing and counted nothing", async () => {
    await fill(store);
    const before = await ledgerOf(store);
    const verdict = owedBy(store, [metricsLane]);
    const large = Array.from({ length: 100 }, (_, at) =>
      arrival("x".repeat(200), verdict, { messageId: `${at}` }),
    );
    await expect(store.append(large)).rejects.toBeInstanceOf(StoreFullError);
    expect(await ledgerOf(store)).toEqual(before);
  });

  it("append() works again after a settlement, over and over", async () => {
    const lane = store.lane(metricsLane);
    for (let round = 0; round < 3; round++) {
      const { appendedBytes } = await fill(store);
      expect(appendedBytes).toBeGreaterThan(bytesMax / 4);
      await settleAll(lane);
      expect(bytesOnDisk()).toBeLessThanOrEqual(bytesMax);
    }
    await ledgerOf(store);
  });

  it("dead letters do not take the messages' share, nor messages theirs", async () => {
    const letters = Array.from({ length: 100 }, () => arrival("x".repeat(200), invalid));
    for (let times = 0; times < 60; times++) await store.append(letters);
    const { deadLetters } = await store.ledger();
    expect(deadLetters.kept + deadLetters.discarded).toBe(6000);
    expect(deadLetters.discarded).toBeGreaterThan(0);
    expect((await fill(store)).appendedBytes).toBeGreaterThan(bytesMax / 4);
    expect(bytesOnDisk()).toBeLessThanOrEqual(bytesMax);
  });

  it("a lane can save its state and bury messages when the store is full", async () => {
    await fill(store);
    const lane = store.lane(metricsLane);
    for (const { id } of await lane.read(0, 200)) {
      await lane.seal({ firstId: id, lastId: id, sealedAtUs: startUs });
      const state = { kind: "replace" as const, bytes: new Uint8Array(200_000) };
      await lane.settle({
        kind: "dead",
        messageId: id,
        reason: "refused",
        detail: "INVALID_ARGUMENT",
        possiblyDelivered: false,
        expired: 0,
        state,
      });
    }
    expect((await ledgerOf(store)).lanes[0]).toMatchObject({ deadLettered: 200 });
    expect(bytesOnDisk()).toBeLessThanOrEqual(bytesMax);
    // The reserve is for a full disk: within the quota there is room for settling without it.
    expect(statSync(`${folder.path}.reserve`).size).toBe(bytesMax / 8);
  });

  it("text counts with the bytes that it takes on disk", async () => {
    const verdict = owedBy(store, [metricsLane]);
    const wide = arrival("x", verdict);
    const request = Array(10).fill({ ...wide, message: { ...wide.message, topic: "€".repeat(12_000) } });
    const appendOn = async () => {
      for (;;) await store.append(request);
    };
    await expect(appendOn()).rejects.toBeInstanceOf(StoreFullError);
    expect(bytesOnDisk()).toBeLessThanOrEqual(bytesMax);
    // What settling and dead letters may need is still free.
    const { walBytes, reserveBytes, settlingBytes, deadLetterBytes } = divideSpace({ ...roomy, bytesMax });
    const messageBytes = bytesMax - walBytes - reserveBytes - settlingBytes - deadLetterBytes;
    expect(statSync(folder.path).size).toBeLessThanOrEqual(messageBytes);
  });

  it("append() refuses one message that is larger than its share, and takes the next", async () => {
    const verdict = owedBy(store, [metricsLane]);
    await expect(store.append([arrival("x".repeat(bytesMax), verdict)])).rejects.toBeInstanceOf(
      StoreFullError,
    );
    expect(await store.append([arrival("x", verdict)])).toMatchObject({ accepted: 1 });
  });
});
