import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { DiskFullError, StoreFullError, StoreLockedError } from "../../pipeline/errors.ts";
import { connectStore, openThreadedStore, type ThreadedStore } from "../../pipeline/store/thread.ts";
import { packError, unpackError } from "../../pipeline/store/thread-protocol.ts";
import { arrival, bytes, filtered, invalid, metricsLane, owedBy, roomy, startUs, text } from "./arrivals.ts";
import { storeContract } from "./contract.ts";
import { savedState } from "./saved-state.ts";
import { createFolder, diskHarness } from "./sqlite-folder.ts";

const { harness, removeAll } = diskHarness(openThreadedStore);
afterAll(removeAll);
storeContract("sqlite in its thread", harness);

describe("openThreadedStore()", () => {
  const folders: ReturnType<typeof createFolder>[] = [];
  let store: ThreadedStore;

  async function open(options = {}) {
    const folder = createFolder();
    folders.push(folder);
    store = await openThreadedStore({ ...roomy, path: folder.path, ...options });
    return { store, path: folder.path };
  }

  afterEach(async () => {
    await store.close();
    for (const folder of folders.splice(0)) folder.remove();
  });

  it("append() brings every field of a message through the thread", async () => {
    await open();
    const message = {
      source: "plänt",
      topic: "a/ü/€/𝄞",
      payload: bytes("slab of bytes").subarray(8),
      qos: 1 as const,
      retain: false,
      dup: true,
      clientId: "c",
      messageId: "m",
      publishedAtUs: startUs - 1,
      messageExpiryIntervalSeconds: 30,
      contentType: "application/json",
      userProperties: [
        ["name", "1"],
        ["name", "2"],
      ] as const,
    };
    const verdict = owedBy(store, [metricsLane], startUs + 30e6);
    await store.append([{ message, arrivedAtUs: startUs, verdict }]);
    const [stored] = await store.lane(metricsLane).read(0, 10);
    expect({ ...stored, payload: text(stored?.payload) }).toEqual({
      ...message,
      payload: "bytes",
      id: 1,
      arrivedAtUs: startUs,
      expiresAtUs: startUs + 30e6,
    });
  });

  it("append() brings every verdict through the thread", async () => {
    await open();
    const counts = await store.append([
      arrival("1", owedBy(store, [metricsLane])),
      arrival("2", filtered),
      arrival("3", { kind: "expired" }),
      arrival("4", invalid),
    ]);
    expect(counts).toMatchObject({ accepted: 1, duplicates: 0, expired: 1, filtered: 1, deadLettered: 1 });
    const [letter] = await store.deadLetters.list({ afterId: 0, limit: 10 });
    expect(letter).toMatchObject({ reason: "invalidPayload", path: "metrics[0].value" });
  });

  it("append() rejects with StoreFullError of the caller's own class", async () => {
    await open({ bytesMax: 2_000_000 });
    const large = arrival("x".repeat(2_000_000), owedBy(store, [metricsLane]));
    await expect(store.append([large])).rejects.toBeInstanceOf(StoreFullError);
  });

  it.each([StoreFullError, DiskFullError])(
    "a %o keeps its class on the way from the writer",
    (ErrorClass) => {
      const error = unpackError(packError(new ErrorClass("Full")));
      expect(error.constructor).toBe(ErrorClass);
      expect(error.message).toBe("Full");
    },
  );

  it("a second open of the same file rejects with StoreLockedError", async () => {
    const { path } = await open();
    await expect(openThreadedStore({ ...roomy, path })).rejects.toBeInstanceOf(StoreLockedError);
  });

  it("reports commits to the observer, fewer than there are concurrent appends", async () => {
    const commits: number[] = [];
    await open({ onCommit: ({ messages }: { messages: number }) => commits.push(messages) });
    const verdict = owedBy(store, [metricsLane]);
    await Promise.all(Array.from({ length: 200 }, (_, at) => store.append([arrival(`${at}`, verdict)])));
    await store.ledger();
    expect(commits.reduce((sum, messages) => sum + messages, 0)).toBe(200);
    expect(commits.length).toBeLessThan(20);
  });

  it("settle() brings a state that is a view on a slab through the thread", async () => {
    await open();
    await store.append([arrival("1", owedBy(store, [metricsLane]))]);
    const lane = store.lane(metricsLane);
    await lane.seal({ firstId: 1, lastId: 1, sealedAtUs: startUs });
    await lane.settle({
      kind: "delivered",
      messages: 1,
      expired: 0,
      items: 1,
      rejectedItems: 0,
      state: { kind: "append", bytes: bytes("some state").subarray(5) },
    });
    expect((await savedState(lane)).map(text)).toEqual(["state"]);
  });

  it("calls after close() are rejected", async () => {
    await open();
    const closed = store;
    await closed.close();
    await expect(closed.append([arrival("1", filtered)])).rejects.toThrow("writer thread has ended");
    await expect(closed.ledger()).rejects.toThrow("writer thread has ended");
  });

  it("connect() gives another end on which a lane reads, seals and settles", async () => {
    await open();
    const connection = await connectStore(store.connect());
    try {
      await store.append([arrival("1", owedBy(store, [metricsLane]))]);
      const lane = connection.lane(metricsLane);
      expect(connection.instanceId).toBe(store.instanceId);
      expect(lane.mask).toBe(store.lane(metricsLane).mask);
      expect((await lane.read(0, 10)).map(({ payload }) => text(payload))).toEqual(["1"]);
      await lane.seal({ firstId: 1, lastId: 1, sealedAtUs: startUs });
      expect((await lane.position()).open).toMatchObject({ firstId: 1, lastId: 1 });
      await lane.settle({ kind: "delivered", messages: 1, expired: 0, items: 1, rejectedItems: 0 });
      expect(await lane.backlog()).toMatchObject({ messages: 0, lastId: 1 });
      expect(await store.lane(metricsLane).position()).toMatchObject({ cursor: 1, open: undefined });
    } finally {
      await connection.close();
    }
  });

  it("a connection's calls are rejected once the store is closed", async () => {
    await open();
    const connection = await connectStore(store.connect());
    await store.close();
    await expect(
      connection.lane(metricsLane).seal({ firstId: 1, lastId: 1, sealedAtUs: startUs }),
    ).rejects.toThrow("writer thread has ended");
    await connection.close();
  });

  it("a writer thread that dies says so, and rejects what is outstanding and every later call", async () => {
    const failures: Error[] = [];
    await open({ onFailure: (error: Error) => failures.push(error) });
    const port = store.connect();
    // A message that cannot be unpacked is an uncaught error there.
    port.postMessage({ kind: "append", ids: [1], packed: new ArrayBuffer(1) });
    port.start();
    await once(port, "close");
    await expect(store.append([arrival("1", filtered)])).rejects.toThrow();
    await expect(store.lane(metricsLane).position()).rejects.toThrow();
    await store.close();
    expect(failures).toHaveLength(1);
  });

  it("close() is no failure", async () => {
    const failures: Error[] = [];
    await open({ onFailure: (error: Error) => failures.push(error) });
    await store.close();
    expect(failures).toEqual([]);
  });

  it("a connection works in another thread", async () => {
    await open();
    await store.append([arrival("from afar", owedBy(store, [metricsLane]))]);
    const port = store.connect();
    const worker = new Worker(
      `const { parentPort, workerData } = require("node:worker_threads");
       import(workerData.module).then(async ({ connectStore }) => {
         const connection = await connectStore(workerData.port);
         const rows = await connection.lane(workerData.lane).read(0, 10);
         parentPort.postMessage(rows.map(({ topic }) => topic));
         await connection.close();
       });`,
      {
        eval: true,
        workerData: {
          port,
          lane: metricsLane,
          module: new URL("../../pipeline/store/thread.ts", import.meta.url).href,
        },
        transferList: [port],
      },
    );
    const topics: unknown[] = [];
    worker.on("message", (message) => topics.push(message));
    await new Promise((resolve, reject) => {
      worker.once("exit", resolve);
      worker.once("error", reject);
    });
    expect(topics).toEqual([["plant/line1"]]);
  });
});
