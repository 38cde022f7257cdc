import type { SeriesRecord } from "./series-state.ts";
import type { WireWriter } from "./wire.ts";

/** Takes one change back. Called in the reverse order of the changes. */
export type Undo = () => void;

/** One reading as it is added: integers exact, bigint beyond 2^53−1. */
export interface Reading {
  value: number | bigint;
  /** Of a float type: what it is added to is a double from then on. */
  isDouble: boolean;
}

/** What increments are added up to: within one window of a batch, and over a whole sequence. */
export interface Aggregate<Self> {
  /** Bytes in a data point beside its attributes and times, also when it is merged into what it follows. */
  readonly pointSize: number;
  /** Add a reading. Undefined: the sum would leave its range; nothing was added then. */
  record(reading: Reading): Undo | undefined;
  /** Take over what an earlier point of the sequence decides about the size of this one. Undefined: nothing new. */
  follow(earlier: Self): Undo | undefined;
  /** Add all that `other` holds. False: the sum would leave its range; nothing was added then. */
  merge(other: Self): boolean;
  /** Write the fields of a data point with numbers up to those of its attributes, then the attributes, then the rest. */
  write(writer: WireWriter, writeAttributes: (fieldNumber: number) => void): void;
  save(): Pick<SeriesRecord, "flag" | "values">;
}
