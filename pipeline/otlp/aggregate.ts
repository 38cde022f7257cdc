import type { SeriesRecord } from "./series-record.ts";
import type { TraceContext } from "./trace-ids.ts";
import type { WireWriter } from "./wire.ts";

/** Takes one change back. Called in the reverse order of the changes. */
export type Undo = () => void;

/** One reading as it is added: integers exact, bigint beyond 2^53−1. */
export interface Reading {
  value: number | bigint;
  /** Of a float type: what it is added to is a double from then on. */
  isDouble: boolean;
  timeUnixNano: bigint;
  /** Where in a sampled trace it was taken. */
  trace?: TraceContext | undefined;
}

/** What readings are added up to: within one window of a batch, and over a whole sequence. */
export interface Aggregate<Self> {
  /** Bytes in a data point beside its attributes and times, also when it is merged into what it follows. */
  readonly pointSize: number;
  /** Add a reading. Undefined: it begins a new sequence, as a sum does out of its range; nothing was added then. */
  record(reading: Reading): Undo | undefined;
  /** Begin as the point behind `earlier`: take over what that one decides about the size of this one. */
  follow(earlier: Self): void;
  /** A reading was added to an earlier point: take over what it decides about this one's size. Undefined: nothing. */
  recordEarlier(reading: Reading): Undo | undefined;
  /** Add all that `later` holds. False: that begins a new sequence; nothing was added then. */
  merge(later: Self): boolean;
  /** Write the fields of a data point with numbers up to those of its attributes, then the attributes, then the rest. */
  write(writer: WireWriter, writeAttributes: (fieldNumber: number) => void): void;
  save(): Pick<SeriesRecord, "flag" | "values">;
}
