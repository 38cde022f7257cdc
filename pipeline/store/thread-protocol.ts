/**
 * What crosses between the writer thread and the threads that use it.
 *
 * ```
 * client ── ToWriter (append: one buffer a turn; call) ──▶ writer
 * client ◀── FromWriter (hello once; replies, gathered a turn) ── writer
 * ```
 */
import type { MessagePort } from "node:worker_threads";
import { DiskFullError, StoreFullError, StoreLockedError, StoreVersionError } from "../errors.ts";
import type { DeadLetterStore, Lane, StoreOptions } from "./batch-store.ts";
import type { LaneRecord } from "./sqlite/lanes.ts";

export type WriterOptions = Omit<StoreOptions, "onCommit">;

export type LaneMethod = Exclude<keyof Lane, "name" | "mask">;

/** Which object of the store a call is for. */
export type Call =
  | { target: "lane"; bit: number; method: LaneMethod; arguments: readonly unknown[] }
  | { target: "deadLetters"; method: keyof DeadLetterStore; arguments: readonly unknown[] }
  | { target: "store"; method: "lastValues" | "ledger" | "close" };

export type ToWriter =
  /** Ids of the requests in the order in which they are packed. */
  | { kind: "append"; ids: readonly number[]; packed: ArrayBuffer }
  | { kind: "call"; id: number; call: Call }
  | { kind: "connect"; port: MessagePort };

/** What a thread needs to know to use the store. */
export interface Hello {
  path: string;
  instanceId: string;
  notices: readonly string[];
  lanes: readonly LaneRecord[];
}

export type Reply = { id: number; value: unknown } | { id: number; error: CrossedError };

export type FromWriter =
  | { kind: "hello"; hello: Hello }
  | { kind: "failed"; error: CrossedError }
  | { kind: "replies"; replies: readonly Reply[]; commits: readonly Commit[] };

/** What `onCommit` is called with. */
export type Commit = Parameters<NonNullable<StoreOptions["onCommit"]>>[0];

export interface CrossedError {
  name: string;
  message: string;
}

const errorClasses = { DiskFullError, StoreFullError, StoreLockedError, StoreVersionError };

/** A structured clone would make every error a plain one. */
export function packError({ name, message }: Error): CrossedError {
  return { name, message };
}

export function unpackError({ name, message }: CrossedError): Error {
  const ErrorClass = name in errorClasses ? errorClasses[name as keyof typeof errorClasses] : Error;
  return new ErrorClass(message);
}
