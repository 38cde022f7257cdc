import type { Items } from "../payload/format.ts";
import type { StateChange, StoredMessage } from "../store/batch-store.ts";

/**
 * Items to encoded OTLP requests, for one lane. Holds the lane's series state as of the last settled batch, and
 * is a pure function of that state, the messages, the instant of sealing and its settings: encoding a batch again
 * gives the same bytes.
 */
export interface Encoder {
  /**
   * The state that the store kept, in order, at once or in parts. Before anything is encoded.
   *
   * Errors: Error when it cannot be read. Every series begins anew then, and the next change replaces what was kept.
   *         No more is loaded.
   */
  load(chunks: readonly Uint8Array[]): void;
  /** Begin a batch. One at a time: the one before was committed or is forgotten. */
  begin(): Encoding;
  /**
   * A message with these items was refused although an attempt before may have delivered it: the series that they
   * touch begin a new sequence.
   */
  restart(message: StoredMessage, items: Items): Restart;
  /**
   * A request with the cumulative series that are quiet now but were not long ago, so that no receiver takes them
   * for gone: each with its last value and at the instant of sealing, the one stated longest ago first, as many as
   * fit. A pure function of the state and the options. It takes the place of a batch: see `begin()`.
   *
   * Undefined: none is due. The method is left out where nothing has a state.
   */
  restate?(options: RestatementOptions): Restatement | undefined;
  /** Series in the state: of sums, histograms and gauges that rules make. */
  readonly series: number;
  /**
   * Readings that had no series of their own and went into one that others share, in batches that were committed since
   * the encoder was made.
   */
  readonly overflowedReadings: number;
}

export interface RestatementOptions {
  /** Time of the points; one of a series whose last point is not older is 1 ms later than that. */
  sealedAtUs: number;
  /** A series is due when it was neither stated nor changed by a message for so long. */
  restateMs: number;
  /** Series that no message has changed for so long are stated no more. */
  seriesIdleMs: number;
  /** Series in one request, at least 1; undefined: as many as fit. */
  seriesMax?: number | undefined;
}

/** A request that states series again: a batch without messages. */
export interface Restatement {
  request: Uint8Array;
  /** Points in it. */
  items: number;
  /** It was accepted, or refused for good: either way its times count as used. Gives what to save. Call once. */
  commit(): StateChange | undefined;
}

/** What a refused message takes with it: the sequences that it may have been part of. */
export interface Restart {
  /** This message behind it was refused too. Before anything follows. */
  also(message: StoredMessage, items: Items): void;
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
