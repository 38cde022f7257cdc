import type { Attribute } from "../payload/format.ts";
import type { Aggregate, Reading, Undo } from "./aggregate.ts";
import { attributesSize } from "./attributes.ts";
import { type Exemplar, exemplarSize } from "./exemplar.ts";
import type { SeriesRecord } from "./series-record.ts";
import { fixed64FieldSize, lengthDelimitedSize } from "./wire.ts";

const millisecondNanos = 1_000_000n;

/** All readings of one window, which become one point. */
interface Slot<A> {
  /** The window spans (lower, upper]. */
  lowerUnixNano: bigint;
  upperUnixNano: bigint;
  /** Newest time of a reading in it. */
  newestUnixNano: bigint;
  aggregate: A;
  /** Of the last reading that came from a sampled trace. */
  exemplar: Exemplar | undefined;
}

/** What all series of a metric have in common. */
export interface SeriesOptions<A> {
  temporality: "cumulative" | "delta";
  /** The readings are totals: even a delta point needs the one before, and nobody knows when the first one began. */
  isTotal: boolean;
  /** Of the settings that a sequence belongs to. */
  fingerprint: number;
  windowNanos: bigint;
  create: () => A;
  /** Undefined: the record is damaged. */
  restore: (record: SeriesRecord) => A | undefined;
}

/** What a point holds beside the attributes of its series. */
export interface Point<A> {
  /** Bytes of it all, without tag and length. */
  contentSize: number;
  startUnixNano: bigint;
  timeUnixNano: bigint;
  aggregate: A;
  exemplar: Exemplar | undefined;
}

/**
 * What one batch adds to one series of a sum or histogram.
 *
 * Readings gather in windows of message time, and each window becomes one point. A reading that is not newer than
 * the last point of the batches before counts as 1 ms newer, so that it joins the next point. A sequence starts at
 * the lower edge of its first window, and ends when the settings change, a sum leaves its range, a meter begins
 * again, or a message of it was refused after it may have been delivered; the next one starts at its own window's
 * edge or at the last point, whichever is later. Totals whose beginning is unknown start at their own first point.
 *
 * A cumulative point holds the sequence so far. A delta point holds its own window, and starts where the point
 * before it ended: between two points nothing is left out and nothing counts twice.
 *
 * Source: OpenTelemetry, "Metrics Data Model", Temporality and Resets and Gaps.
 */
export class Series<A extends Aggregate<A>> {
  /** In the state. */
  readonly key: string;
  readonly attributes: readonly Attribute[];
  readonly #attributesSize: number;
  readonly #options: SeriesOptions<A>;
  /** The series as of the last settled batch. */
  readonly #record: SeriesRecord | undefined;
  /** Whether a point builds on the ones before it. */
  readonly #accumulates: boolean;
  /** Whether the next point goes on with the sequence of the record. */
  readonly #continues: boolean;
  /** The sequence so far, if its points build on it. */
  readonly #running: A | undefined;
  readonly #timeUnixNanoMin: bigint;
  /** Ascending. Two of the same window when a sequence ends in it. */
  readonly #slots: Slot<A>[] = [];
  #current = -1;

  constructor(
    options: SeriesOptions<A>,
    {
      key,
      attributes,
      record,
    }: { key: string; attributes: readonly Attribute[]; record: SeriesRecord | undefined },
  ) {
    this.key = key;
    this.attributes = attributes;
    this.#attributesSize = attributesSize(attributes);
    this.#options = options;
    this.#record = record;
    this.#accumulates = options.isTotal || options.temporality === "cumulative";
    const isCurrent = record?.fingerprint === options.fingerprint;
    this.#running = isCurrent && this.#accumulates ? options.restore(record) : undefined;
    this.#continues = this.#accumulates ? this.#running !== undefined : isCurrent;
    this.#timeUnixNanoMin = record === undefined ? 1n : record.timeUnixNano + millisecondNanos;
  }

  get points(): number {
    return this.#slots.length;
  }

  /** Add a reading; `undo` receives how to take it back. Gives by how many bytes the points grew. */
  add(reading: Reading, undo: Undo[]): number {
    const time = latest(reading.timeUnixNano, this.#timeUnixNanoMin);
    const at = this.#find(time);
    const slot = at === -1 ? undefined : this.#slots[at];
    if (slot === undefined || time > slot.upperUnixNano) {
      return this.#insert(at + 1, time, reading, undo);
    }
    const { aggregate, exemplar } = slot;
    const sizeBefore = aggregate.pointSize;
    const takeBack = aggregate.record(reading);
    if (takeBack === undefined) return this.#insert(at + 1, time, reading, undo);
    undo.push(takeBack);
    if (time > slot.newestUnixNano) {
      const newest = slot.newestUnixNano;
      slot.newestUnixNano = time;
      undo.push(() => {
        slot.newestUnixNano = newest;
      });
    }
    if (reading.trace !== undefined) this.#exemplify(slot, exemplarOf(reading, time), undo);
    const { pointSize } = aggregate;
    const isSameSize = pointSize === sizeBefore && slot.exemplar === exemplar;
    const growth = isSameSize
      ? 0
      : this.#fieldSize(pointSize, slot.exemplar) - this.#fieldSize(sizeBefore, exemplar);
    return at + 1 === this.#slots.length ? growth : growth + this.#spread(at + 1, reading, undo);
  }

  #exemplify(slot: Slot<A>, exemplar: Exemplar | undefined, undo: Undo[]): void {
    const before = slot.exemplar;
    slot.exemplar = exemplar;
    undo.push(() => {
      slot.exemplar = before;
    });
  }

  /** Whether its sequence goes on and can be stated again without a reading. */
  get canRestate(): boolean {
    return this.#running !== undefined && this.#options.temporality === "cumulative";
  }

  /** Add a point without a reading, which states the sequence again. Gives its bytes. */
  restate(timeUnixNano: bigint, undo: Undo[]): number {
    const slot = {
      lowerUnixNano: timeUnixNano,
      upperUnixNano: timeUnixNano,
      newestUnixNano: timeUnixNano,
      aggregate: this.#aggregateAt(0),
      exemplar: undefined,
    };
    return this.#place(0, slot, undo);
  }

  /**
   * Hand the points to `emit` in the order of their times. Gives the series after them, changed by messages that
   * arrived up to `changedUnixNano`; undefined: as before.
   */
  advance(emit: (point: Point<A>) => void, changedUnixNano: bigint | undefined): SeriesRecord {
    const { create, fingerprint, isTotal, temporality } = this.#options;
    const isDelta = temporality === "delta";
    const record = this.#record;
    let aggregate = create();
    if (this.#running !== undefined) aggregate.merge(this.#running);
    let continues = this.#continues;
    let startUnixNano = record?.startUnixNano ?? 0n;
    let timeUnixNano = record?.timeUnixNano ?? 0n;
    for (const { lowerUnixNano, newestUnixNano, aggregate: added, exemplar } of this.#slots) {
      const beforeUnixNano = timeUnixNano;
      timeUnixNano = latest(newestUnixNano, beforeUnixNano + millisecondNanos);
      const isUnknown = isTotal && !isDelta && !continues;
      if (!this.#accumulates) {
        aggregate = added;
      } else if (!continues || !aggregate.merge(added)) {
        aggregate = create();
        aggregate.merge(added);
        continues = false;
      }
      if (continues) {
        if (isDelta) startUnixNano = beforeUnixNano;
      } else if (isUnknown) {
        startUnixNano = timeUnixNano;
      } else {
        const startsUnixNano = latest(lowerUnixNano, beforeUnixNano);
        // A sequence of one point may have started where it ended. The next one must differ from it.
        startUnixNano = startsUnixNano === startUnixNano ? startsUnixNano + 1n : startsUnixNano;
      }
      continues = true;
      const contentSize = this.#contentSize(aggregate.pointSize, exemplar);
      emit({ contentSize, startUnixNano, timeUnixNano, aggregate, exemplar });
    }
    return {
      fingerprint,
      startUnixNano,
      timeUnixNano,
      changedUnixNano: changedUnixNano ?? record?.changedUnixNano ?? 0n,
      ...(this.#accumulates ? aggregate.save() : nothingSaved),
    };
  }

  #insert(at: number, time: bigint, reading: Reading, undo: Undo[]): number {
    const { windowNanos } = this.#options;
    const aggregate = this.#aggregateAt(at);
    aggregate.record(reading);
    const lowerUnixNano = ((time - 1n) / windowNanos) * windowNanos;
    const slot = {
      lowerUnixNano,
      upperUnixNano: lowerUnixNano + windowNanos,
      newestUnixNano: time,
      aggregate,
      exemplar: exemplarOf(reading, time),
    };
    return this.#place(at, slot, undo) + this.#spread(at + 1, reading, undo);
  }

  /** An aggregate for a new slot, which knows the ones before it. */
  #aggregateAt(at: number): A {
    const aggregate = this.#options.create();
    const earlier = at === 0 ? this.#running : this.#slots[at - 1]?.aggregate;
    if (earlier !== undefined && this.#accumulates) aggregate.follow(earlier);
    return aggregate;
  }

  /** Gives the bytes of the slot's point. */
  #place(at: number, slot: Slot<A>, undo: Undo[]): number {
    this.#slots.splice(at, 0, slot);
    this.#current = at;
    undo.push(() => {
      this.#slots.splice(at, 1);
      this.#current = -1;
    });
    return this.#fieldSize(slot.aggregate.pointSize, slot.exemplar);
  }

  /** Index of the last slot whose window begins before the time; -1 when there is none. */
  #find(time: bigint): number {
    const slots = this.#slots;
    const current = slots[this.#current];
    if (current !== undefined && time > current.lowerUnixNano && time <= current.upperUnixNano) {
      return this.#current;
    }
    let low = 0;
    let high = slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const slot = slots[middle];
      if (slot !== undefined && slot.lowerUnixNano < time) low = middle + 1;
      else high = middle;
    }
    this.#current = low - 1;
    return low - 1;
  }

  /** Tell the slots from `from` on of a reading that came before them. Gives by how many bytes their points grew. */
  #spread(from: number, reading: Reading, undo: Undo[]): number {
    let growth = 0;
    if (!this.#accumulates) return growth;
    for (let at = from; at < this.#slots.length; at += 1) {
      const slot = this.#slots[at];
      if (slot === undefined) break;
      const { aggregate, exemplar } = slot;
      const sizeBefore = aggregate.pointSize;
      const takeBack = aggregate.recordEarlier(reading);
      if (takeBack === undefined) break;
      undo.push(takeBack);
      growth += this.#fieldSize(aggregate.pointSize, exemplar) - this.#fieldSize(sizeBefore, exemplar);
    }
    return growth;
  }

  /** Bytes of a point as a field of its metric. */
  #fieldSize(pointSize: number, exemplar: Exemplar | undefined): number {
    return lengthDelimitedSize(this.#contentSize(pointSize, exemplar));
  }

  #contentSize(pointSize: number, exemplar: Exemplar | undefined): number {
    const size = 2 * fixed64FieldSize + this.#attributesSize + pointSize;
    return exemplar === undefined ? size : size + exemplarSize;
  }
}

/** A delta sequence goes on from its last time alone. */
const nothingSaved: Pick<SeriesRecord, "flag" | "values"> = { flag: false, values: new BigInt64Array() };

function exemplarOf(reading: Reading, timeUnixNano: bigint): Exemplar | undefined {
  return reading.trace && { timeUnixNano, reading, trace: reading.trace };
}

function latest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
