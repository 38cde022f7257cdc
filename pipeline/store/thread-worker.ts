/** The writer thread: owns the store and serves the threads that use it. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { toError } from "../errors.ts";
import type { BatchStore } from "./batch-store.ts";
import { unpackRequests } from "./packing.ts";
import { openSqliteStore, type SqliteStore } from "./sqlite.ts";
import {
  type Call,
  type Commit,
  type FromWriter,
  type Hello,
  packError,
  type Reply,
  type ToWriter,
  type WriterOptions,
} from "./thread-protocol.ts";

async function main(parent: MessagePort, options: WriterOptions): Promise<void> {
  const replies = new Replies(parent);
  let store: SqliteStore;
  try {
    store = await openSqliteStore({ ...options, onCommit: (commit) => replies.tell(commit) });
  } catch (error) {
    post(parent, { kind: "failed", error: packError(toError(error)) });
    return;
  }
  const { instanceId, notices, laneRecords } = store;
  serve(parent, replies, store, { path: options.path, instanceId, notices, lanes: laneRecords });
}

function serve(port: MessagePort, replies: Replies, store: SqliteStore, hello: Hello): void {
  port.on("message", (message: ToWriter) => {
    switch (message.kind) {
      case "append": {
        const requests = unpackRequests(message.packed, message.ids.length);
        for (const [index, rows] of requests.entries()) {
          replies.when(message.ids[index] ?? 0, store.appendRows(rows));
        }
        return;
      }
      case "call":
        replies.when(message.id, answer(store, hello, message.call));
        return;
      case "connect":
        serve(message.port, new Replies(message.port), store, hello);
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
  if (call.method === "lastValues") return store.lastValues();
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

/**
 * Gathers what one commit has to say: all of it is due in the same run of microtasks, and each message wakes the
 * thread that it goes to.
 */
class Replies {
  readonly #port: MessagePort;
  #gathered: Reply[] = [];
  #commits: Commit[] = [];

  constructor(port: MessagePort) {
    this.#port = port;
  }

  when(id: number, result: Promise<unknown>): void {
    result.then(
      (value) => this.#add({ id, value }),
      (error) => this.#add({ id, error: packError(toError(error)) }),
    );
  }

  tell(commit: Commit): void {
    this.#schedule();
    this.#commits.push(commit);
  }

  #add(reply: Reply): void {
    this.#schedule();
    this.#gathered.push(reply);
  }

  #schedule(): void {
    if (this.#gathered.length + this.#commits.length > 0) return;
    queueMicrotask(() => {
      post(this.#port, { kind: "replies", replies: this.#gathered, commits: this.#commits });
      this.#gathered = [];
      this.#commits = [];
    });
  }
}

if (parentPort !== null) await main(parentPort, workerData);
