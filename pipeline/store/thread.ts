import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { toError } from "../errors.ts";
import { type LaneName, laneKey } from "../message.ts";
import type { BatchStore, Lane, Ledger, StoredLastValue, StoreOptions } from "./batch-store.ts";
import { LaneReader } from "./sqlite/lane-reader.ts";
import { openReader } from "./sqlite/open.ts";
import { joinLane } from "./sqlite.ts";
import { receiveHello, remoteDeadLetters, remoteLane, WriterClient } from "./thread-client.ts";
import type { Hello, WriterOptions } from "./thread-protocol.ts";

/** The writer's objects live for one commit; what V8 would take by itself is mostly garbage that it keeps. */
const youngGenerationMbMax = 16;

/** The durable store with its writes in a thread of their own. */
export interface ThreadedStore extends BatchStore {
  /** A port to hand to another thread of this process, for `connectStore` there. */
  connect(): MessagePort;
}

/** The lanes of a store that another thread opened. */
export interface StoreConnection {
  readonly instanceId: string;
  lane(name: LaneName): Lane;
  close(): Promise<void>;
}

/**
 * Open the durable store in a writer thread of its own, so that no commit blocks the caller's thread.
 *
 * Errors: StoreLockedError, StoreVersionError. When the writer thread dies, everything outstanding and every later
 *         call is rejected, and `onFailure` is called.
 */
export async function openThreadedStore(
  options: StoreOptions & { onFailure?(error: Error): void },
): Promise<ThreadedStore> {
  const { onCommit, onFailure, ...writerOptions } = options;
  const worker = new Worker(workerUrl(), {
    workerData: writerOptions satisfies WriterOptions,
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMbMax },
  });
  const client = new WriterClient(worker, onCommit);
  let isClosed = false;
  worker.on("error", (error) => client.fail(toError(error)));
  const exited = new Promise<void>((resolve) => {
    worker.on("exit", () => {
      client.fail(writerEnded());
      if (!isClosed) onFailure?.(client.failure ?? writerEnded());
      resolve();
    });
  });
  const died = exited.then(() => Promise.reject(client.failure));
  const hello = await Promise.race([receiveHello(worker), died]);
  const lanes = lanesOf(hello, ({ bit }) => remoteLane(client, bit));
  return {
    instanceId: hello.instanceId,
    notices: hello.notices,
    append: (arrivals) => client.append(arrivals),
    lane: lanes,
    deadLetters: remoteDeadLetters(client),
    lastValues: () => client.call<StoredLastValue[]>({ target: "store", method: "lastValues" }),
    ledger: () => client.call<Ledger>({ target: "store", method: "ledger" }),
    connect() {
      const { port1, port2 } = new MessageChannel();
      client.connect(port1);
      return port2;
    },
    async close() {
      if (client.failure === undefined) {
        await client.call({ target: "store", method: "close" });
        isClosed = true;
        await worker.terminate();
      }
      await exited;
    },
  };
}

/** Use the lanes of a store that another thread opened: writes go to its writer, reads to a connection of our own. */
export async function connectStore(port: MessagePort): Promise<StoreConnection> {
  const client = new WriterClient(port);
  port.on("close", () => client.fail(writerEnded()));
  const hello = await receiveHello(port);
  const db = openReader(hello.path);
  const lanes = lanesOf(hello, (record) =>
    joinLane(record, new LaneReader(db, record.bit), remoteLane(client, record.bit)),
  );
  return {
    instanceId: hello.instanceId,
    lane: lanes,
    async close() {
      port.close();
      db.close();
    },
  };
}

/** Beside this file, in the form in which this file runs: `.ts` with its types stripped, or compiled. */
function workerUrl(): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./thread-worker.${extension}`, import.meta.url);
}

function writerEnded(): Error {
  return new Error("Cannot use store: its writer thread has ended");
}

function lanesOf(
  hello: Hello,
  open: (record: Hello["lanes"][number]) => Omit<Lane, "name" | "mask">,
): (name: LaneName) => Lane {
  const lanes = new Map(
    hello.lanes.map((record) => [
      laneKey(record.name),
      { ...open(record), name: record.name, mask: 2 ** record.bit },
    ]),
  );
  return (name) => {
    const lane = lanes.get(laneKey(name));
    if (lane === undefined)
      throw new Error(`Cannot use lane ${laneKey(name)}: the store was opened without it`);
    return lane;
  };
}
