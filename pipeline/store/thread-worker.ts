/** The writer thread: owns the store and serves the threads that use it. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { toError } from "../errors.ts";
import type { BatchStore } from "./batch-store.ts";
import { unpackRequests } from "./packing.ts";
import { openSqliteStore, type SqliteStore } from "./sqlite.ts";
import {
  type Call,
  type FromWriter,
  type Hello,
  packError,
  type Reply,
  type ToWriter,
  type WriterOptions,
} from "./thread-protocol.ts";

async function main(parent: MessagePort, options: WriterOptions): Promise<void> {
  let store: SqliteStore;
  try {
    const onCommit: Parameters<typeof openSqliteStore>[0]["onCommit"] = (commit) =>
      post(parent, { kind: "commit", commit });
    store = await openSqliteStore({ ...options, onCommit });
  } catch (error) {
    post(parent, { kind: "failed", error: packError(toError(error)) });
    return;
  }
  const { instanceId, notices, laneRecords } = store;
  serve(parent, store, { path: options.path, instanceId, notices, lanes: laneRecords });
}

function serve(port: MessagePort, store: SqliteStore, hello: Hello): void {
  const replies = new Replies(port);
  port.on("message", (message: ToWriter) => {
    switch (message.kind) {
      case "append": {
        const requests = unpackRequests(message.packed);
        for (const [index, rows] of requests.entries()) {
          replies.when(message.ids[index] ?? 0, store.appendRows(rows));
        }
        return;
      }
      case "call":
        replies.when(message.id, answer(store, hello, message.call));
        return;
      case "connect":
        serve(message.port, store, hello);
        return;
    }
  });
  post(port, { kind: "hello", hello });
}

async function answer(store: BatchStore, hello: Hello, call: Call): Promise<unknown> {
  if (call.target === "lane") {
    const record = hello.lanes.find(({ bit }) => bit === call.bit);
    if (record === undefined) throw new Error(`Cannot use lane ${call.bit}: the store was opened without it`);
    return invoke(store.lane(record.name)[call.method], call.arguments);
  }
  if (call.target === "deadLetters") {
    const method = store.deadLetters[call.method].bind(store.deadLetters);
    return invoke(method, call.arguments);
  }
  if (call.method === "ledger") return store.ledger();
  return store.close();
}

/** The arguments come from the same method of the same interface in the other thread. */
function invoke(method: (...args: never[]) => Promise<unknown>, args: readonly unknown[]): Promise<unknown> {
  return method(...(args as never[]));
}

function post(port: MessagePort, message: FromWriter): void {
  port.postMessage(message);
}

/** Gathers the replies of one commit: all of them are due in the same run of microtasks. */
class Replies {
  readonly #port: MessagePort;
  #gathered: Reply[] = [];

  constructor(port: MessagePort) {
    this.#port = port;
  }

  when(id: number, result: Promise<unknown>): void {
    result.then(
      (value) => this.#add({ id, value }),
      (error) => this.#add({ id, error: packError(toError(error)) }),
    );
  }

  #add(reply: Reply): void {
    if (this.#gathered.length === 0) {
      queueMicrotask(() => {
        post(this.#port, { kind: "replies", replies: this.#gathered });
        this.#gathered = [];
      });
    }
    this.#gathered.push(reply);
  }
}

if (parentPort !== null) await main(parentPort, workerData);
