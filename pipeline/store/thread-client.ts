import type { Transferable } from "node:worker_threads";
import type { AppendResult, Arrival, DeadLetterStore, Lane } from "./batch-store.ts";
import { RequestPacker } from "./packing.ts";
import {
  type Call,
  type Commit,
  type FromWriter,
  type Hello,
  type LaneMethod,
  type Reply,
  type ToWriter,
  unpackError,
} from "./thread-protocol.ts";

/** A Worker or a MessagePort. */
export interface Channel {
  postMessage(message: ToWriter, transfer?: readonly Transferable[]): void;
  on(event: "message", listener: (message: FromWriter) => void): unknown;
  off(event: "message", listener: (message: FromWriter) => void): unknown;
}

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/** One thread's end of the line to the writer thread. */
export class WriterClient {
  readonly #channel: Channel;
  readonly #waiting = new Map<number, Waiting>();
  readonly #gathered = new RequestPacker();
  #gatheredIds: number[] = [];
  #lastId = 0;
  #failure: Error | undefined;

  constructor(channel: Channel, onCommit?: (commit: Commit) => void) {
    this.#channel = channel;
    channel.on("message", (message) => {
      if (message.kind !== "replies") return;
      for (const reply of message.replies) this.#settle(reply);
      for (const commit of message.commits) onCommit?.(commit);
    });
  }

  /** Why every call is rejected; undefined while the writer is there. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Requests of one turn of the event loop cross together. */
  async append(arrivals: readonly Arrival[]): Promise<AppendResult> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#gathered.add(arrivals);
    if (this.#gatheredIds.length === 0) setImmediate(() => this.#post());
    const { id, promise } = this.#wait<AppendResult>();
    this.#gatheredIds.push(id);
    return promise;
  }

  call<T>(call: Call): Promise<T> {
    const { id, promise } = this.#wait<T>();
    if (this.#failure === undefined) {
      this.#post();
      this.#channel.postMessage({ kind: "call", id, call });
    }
    return promise;
  }

  connect(port: Extract<ToWriter, { kind: "connect" }>["port"]): void {
    this.#channel.postMessage({ kind: "connect", port }, [port]);
  }

  /** The writer is gone: everything that waits, and every later call, is rejected. */
  fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#gatheredIds = [];
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #wait<T>(): { id: number; promise: Promise<T> } {
    const id = ++this.#lastId;
    const promise = new Promise<T>((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
    });
    return { id, promise };
  }

  #post(): void {
    if (this.#gatheredIds.length === 0) return;
    const packed = this.#gathered.take();
    this.#channel.postMessage({ kind: "append", ids: this.#gatheredIds, packed }, [packed]);
    this.#gatheredIds = [];
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if ("error" in reply) waiting?.reject(unpackError(reply.error));
    else waiting?.resolve(reply.value);
  }
}

/** Errors: what opening the store met, with its class. */
export function receiveHello(channel: Channel): Promise<Hello> {
  return new Promise((resolve, reject) => {
    const listener = (message: FromWriter) => {
      channel.off("message", listener);
      if (message.kind === "hello") resolve(message.hello);
      else if (message.kind === "failed") reject(unpackError(message.error));
      else reject(new Error(`Cannot open store: met ${message.kind} from the writer thread, wanted hello`));
    };
    channel.on("message", listener);
  });
}

/** A lane whose every call goes to the writer thread. */
export function remoteLane(client: WriterClient, bit: number): Omit<Lane, "name" | "mask"> {
  const call = <T>(method: LaneMethod, ...args: unknown[]) =>
    client.call<T>({ target: "lane", bit, method, arguments: args });
  return {
    position: () => call("position"),
    backlog: () => call("backlog"),
    read: (afterId, rowsMax) => call("read", afterId, rowsMax),
    state: (afterId) => call("state", afterId),
    seal: (batch) => call("seal", batch),
    settle(settlement, next) {
      if (settlement.kind === "unsealed" || settlement.state === undefined) {
        return call("settle", settlement, next);
      }
      // A view is cloned with all of the buffer behind it.
      const state = { ...settlement.state, bytes: settlement.state.bytes.slice() };
      return call("settle", { ...settlement, state }, next);
    },
    postpone: (options) => call("postpone", options),
  };
}

export function remoteDeadLetters(client: WriterClient): DeadLetterStore {
  const call = <T>(method: keyof DeadLetterStore, ...args: unknown[]) =>
    client.call<T>({ target: "deadLetters", method, arguments: args });
  return {
    list: (options) => call("list", options),
    get: (id) => call("get", id),
    delete: (id) => call("delete", id),
    replay: (id, verdict) => call("replay", id, verdict),
  };
}
