import type { Attribute } from "../payload/format.ts";
import type { Aggregate, Reading, Undo } from "./aggregate.ts";
import { attributesSize } from "./attributes.ts";
import type { SeriesRecord } from "./series-state.ts";
import { fixed64FieldSize, lengthDelimitedSize } from "./wire.ts";

const millisecondNanos = 1_000_000n;

/** All increments of one window, which become one point. */
interface Slot<A> {
  /** The window spans (lower, lower + length]. */
  lowerUnixNano: bigint;
  /** Newest time of a reading in it. */
  newestUnixNano: bigint;
  aggregate: A;
}

/** What all series of a metric have in common. */
export interface SeriesOptions<A> {
  /** Of the settings that a sequence belongs to. */
  fingerprint: number;
  windowNanos: bigint;
  create: () => A;
  /** Undefined: the record is damaged. */
  restore: (record: SeriesRecord) => A | undefined;
}

export type PointSink<A> = (point: { startUnixNano: bigint; timeUnixNano: bigint; aggregate: A }) => void;

/**
 * What one batch adds to one series of a sum or histogram.
 *
 * Readings gather in windows of message time, and each window becomes one cumulative point. A reading that is not
 * newer than the last point of the batches before counts as 1 ms newer, so that it joins the next point. A sequence
 * starts at the lower edge of its first window, and ends when the settings change, a sum leaves its range, or a
 * message of it was refused after it may have been delivered; the next one starts at its own window's edge or at
 * the last point, whichever is later.
 *
 * Source: OpenTelemetry, "Metrics Data Model", Temporality and Resets and Gaps.
 */
export class Series<A extends Aggregate<A>> {
  readonly attributes: readonly Attribute[];
  readonly #attributesSize: number;
  readonly #options: SeriesOptions<A>;
  /** The series as of the last settled batch. */
  readonly #record: SeriesRecord | undefined;
  /** The sum of the sequence so far; undefined when the next point begins a new one. */
  readonly #running: A | undefined;
  readonly #timeUnixNanoMin: bigint;
  /** Ascending. Two of the same window when the increments of one leave the range of a sum. */
  readonly #slots: Slot<A>[] = [];
  #current = -1;

  constructor(
    options: SeriesOptions<A>,
    { attributes, record }: { attributes: readonly Attribute[]; record: SeriesRecord | undefined },
  ) {
    this.attributes = attributes;
    this.#attributesSize = attributesSize(attributes);
    this.#options = options;
    this.#record = record;
    this.#running = record?.fingerprint === options.fingerprint ? options.restore(record) : undefined;
    this.#timeUnixNanoMin = record === undefined ? 1n : record.timeUnixNano + millisecondNanos;
  }

  get points(): number {
    return this.#slots.length;
  }

  /** Add a reading; `undo` receives how to take it back. Gives by how many bytes the points grew. */
  add(messageUnixNano: bigint, reading: Reading, undo: Undo[]): number {
    const time = messageUnixNano > this.#timeUnixNanoMin ? messageUnixNano : this.#timeUnixNanoMin;
    const at = this.#find(time);
    const slot = at === -1 ? undefined : this.#slots[at];
    if (slot === undefined || time > slot.lowerUnixNano + this.#options.windowNanos) {
      return this.#insert(at + 1, time, reading, undo);
    }
    const sizeBefore = this.#pointSize(slot);
    const taken = slot.aggregate.record(reading);
    if (taken === undefined) return this.#insert(at + 1, time, reading, undo);
    undo.push(taken);
    if (time > slot.newestUnixNano) {
      const newest = slot.newestUnixNano;
      slot.newestUnixNano = time;
      undo.push(() => {
        slot.newestUnixNano = newest;
      });
    }
    const growth = this.#pointSize(slot) - sizeBefore;
    return growth === 0 ? 0 : growth + this.#spread(at, undo);
  }

  /** Hand the points to `emit` in the order of their times. Gives the series after them. */
  advance(emit: PointSink<A>): SeriesRecord {
    const { create, fingerprint } = this.#options;
    const record = this.#record;
    const begun = this.#running;
    let aggregate = create();
    if (begun !== undefined) aggregate.merge(begun);
    let isBegun = begun !== undefined;
    let startUnixNano = record?.startUnixNano ?? 0n;
    let timeUnixNano = record?.timeUnixNano;
    for (const slot of this.#slots) {
      if (!isBegun || !aggregate.merge(slot.aggregate)) {
        isBegun = true;
        aggregate = create();
        aggregate.merge(slot.aggregate);
        startUnixNano = latest(slot.lowerUnixNano, timeUnixNano ?? 0n);
      }
      timeUnixNano =
        timeUnixNano === undefined
          ? slot.newestUnixNano
          : latest(slot.newestUnixNano, timeUnixNano + millisecondNanos);
      emit({ startUnixNano, timeUnixNano, aggregate });
    }
    return { fingerprint, startUnixNano, timeUnixNano: timeUnixNano ?? 0n, ...aggregate.save() };
  }

  #insert(at: number, time: bigint, reading: Reading, undo: Undo[]): number {
    const { create, windowNanos } = this.#options;
    const aggregate = create();
    const earlier = at === 0 ? this.#running : this.#slots[at - 1]?.aggregate;
    if (earlier !== undefined) aggregate.follow(earlier);
    aggregate.record(reading);
    const slot = {
      lowerUnixNano: ((time - 1n) / windowNanos) * windowNanos,
      newestUnixNano: time,
      aggregate,
    };
    this.#slots.splice(at, 0, slot);
    this.#current = at;
    undo.push(() => {
      this.#slots.splice(at, 1);
      this.#current = -1;
    });
    return this.#pointSize(slot) + this.#spread(at, undo);
  }

  /** Index of the last slot whose window begins before the time; -1 when there is none. */
  #find(time: bigint): number {
    const slots = this.#slots;
    const current = slots[this.#current];
    if (
      current !== undefined &&
      time > current.lowerUnixNano &&
      time <= current.lowerUnixNano + this.#options.windowNanos
    ) {
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

  /** Let the slots behind follow the one at `from`. Gives by how many bytes their points grew. */
  #spread(from: number, undo: Undo[]): number {
    let growth = 0;
    for (let at = from + 1; at < this.#slots.length; at += 1) {
      const earlier = this.#slots[at - 1];
      const slot = this.#slots[at];
      if (earlier === undefined || slot === undefined) break;
      const sizeBefore = this.#pointSize(slot);
      const taken = slot.aggregate.follow(earlier.aggregate);
      if (taken === undefined) break;
      undo.push(taken);
      growth += this.#pointSize(slot) - sizeBefore;
    }
    return growth;
  }

  /** Bytes of a point as a field of its metric. */
  #pointSize({ aggregate }: Slot<A>): number {
    return lengthDelimitedSize(this.pointContentSize(aggregate));
  }

  /** Bytes of a point without its tag and length. */
  pointContentSize(aggregate: A): number {
    return 2 * fixed64FieldSize + this.#attributesSize + aggregate.pointSize;
  }
}

function latest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
