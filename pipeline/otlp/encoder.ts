import type { Items } from "../payload/format.ts";
import type { StateChange, StoredMessage } from "../store/batch-store.ts";

/**
 * Items to encoded OTLP requests, for one lane. Holds the lane's series state as of the last settled batch, and
 * is a pure function of that state, the messages, the instant of sealing and its settings: encoding a batch again
 * gives the same bytes.
 */
export interface Encoder {
  /**
   * The state that the store kept, in order. Called once, before anything is encoded.
   *
   * Errors: Error when it cannot be read. Every series begins anew then, and the next change replaces what was kept.
   */
  load(chunks: readonly Uint8Array[]): void;
  /** Begin a batch. One at a time: the one before was committed or is forgotten. */
  begin(): Encoding;
  /**
   * A message with these items was refused although an attempt before may have delivered it: the series that they
   * touch begin a new sequence.
   */
  restart(message: StoredMessage, items: Items): Restart;
  /** Series in the state. */
  readonly series: number;
}

/** What a refused message takes with it: the sequences that it may have been part of. */
export interface Restart {
  /** The attempt held this message too, behind the refused one: its points count as sent, so that none is repeated. */
  follow(message: StoredMessage, items: Items): void;
  /** End the sequences. Gives what to save; undefined when no series is touched. Call once. */
  commit(): StateChange | undefined;
}

export interface Encoding {
  /**
   * Add one message. False: with it the request would pass `requestBytesMax`; nothing was added then, and the
   * encoding holds what it held before.
   */
  add(message: StoredMessage, items: Items): boolean;
  /** Messages added. */
  readonly messages: number;
  /** The request, exactly as large as it was accounted; undefined when there is nothing to send. Call once. */
  finish(): { request: Uint8Array | undefined; items: number };
  /** The batch was accepted: its values enter the state. Gives what to save. Call once, after `finish`. */
  commit(): StateChange | undefined;
}
