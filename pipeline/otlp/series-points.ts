import type { Attribute, MetricItem } from "../payload/format.ts";
import type { Aggregate, Undo } from "./aggregate.ts";
import { areSame, attributesHash, attributesKey, writeAttributes } from "./attributes.ts";
import { writeExemplar } from "./exemplar.ts";
import { type MessageContext, plausibleTimeOf } from "./message-context.ts";
import { isFloat, type Points, type SeriesIdentity } from "./metric.ts";
import { type Point, Series, type SeriesOptions } from "./series.ts";
import { overflowAttributes } from "./series-max.ts";
import type { SeriesRecord } from "./series-record.ts";
import { tag, type WireWriter } from "./wire.ts";

/** Field numbers that the data points of sums and histograms share. Source: OTLP, metrics.proto. */
const startTag = tag(2, 1);
const timeTag = tag(3, 1);

/** Where the series of a batch come from. */
export interface SeriesDirectory {
  /** Whether a series of this key may be kept apart: it is known, or there is room for another one. */
  admits(key: string): boolean;
  /** Whether a series of this key is kept apart already, in the state or in this batch. */
  knows(key: string): boolean;
  /** A reading has no series of its own; `undo` takes it back. */
  passed(item: MetricItem, undo: Undo[]): void;
  /** A series comes into this batch; `undo` takes it back. Gives it as of the last settled batch. */
  open(key: string, undo: Undo[]): SeriesRecord | undefined;
}

export interface SeriesPointsOptions<A> extends SeriesOptions<A> {
  fieldNumber: number;
  exemplarsField: number;
  tail: Uint8Array;
  /** Begins the key of each series; no other metric has the same. */
  keyPrefix: string;
  directory: SeriesDirectory;
}

/** The points of a sum or histogram: one a series and window. */
export class SeriesPoints<A extends Aggregate<A>> implements Points {
  readonly fieldNumber: number;
  readonly tail: Uint8Array;
  readonly #options: SeriesPointsOptions<A>;
  readonly #series = new Map<string, Series<A>>();
  /** Most of them by `attributesHash()`, so that no key is made for each reading. */
  readonly #byHash = new Map<number, Series<A>>();
  #count = 0;
  #size = 0;

  constructor(options: SeriesPointsOptions<A>) {
    this.fieldNumber = options.fieldNumber;
    this.tail = options.tail;
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  get size(): number {
    return this.#size;
  }

  add(item: MetricItem, context: MessageContext, undo: Undo[]): void {
    const { type, value } = item;
    const series = this.#find(item, undo);
    const { points } = series;
    const isShared = context.isShared || series.attributes === overflowAttributes;
    const reading = {
      // Totals of different series cannot be added up: that one only tells that others are missing.
      value: this.#options.isTotal && isShared ? 0 : value,
      isDouble: isFloat(type),
      timeUnixNano: plausibleTimeOf(item, context),
      trace: context.trace,
    };
    const growth = series.add(reading, undo);
    this.#grow(growth, series.points - points, undo);
  }

  restate({ key, attributes }: SeriesIdentity, timeUnixNano: bigint, undo: Undo[]): boolean {
    const series = this.#open(key, attributes, undo);
    if (!series.canRestate) return false;
    this.#grow(series.restate(timeUnixNano, undo), 1, undo);
    return true;
  }

  finish(writer: WireWriter, changes: Map<string, SeriesRecord>, changedUnixNano: bigint | undefined): void {
    for (const series of this.#series.values()) {
      const emit = (point: Point<A>) => this.#write(writer, series, point);
      changes.set(series.key, series.advance(emit, changedUnixNano));
    }
  }

  #write(writer: WireWriter, series: Series<A>, point: Point<A>): void {
    writer.open(1, point.contentSize);
    writer.byte(startTag);
    writer.fixed64(point.startUnixNano);
    writer.byte(timeTag);
    writer.fixed64(point.timeUnixNano);
    point.aggregate.write(writer, (fieldNumber) => writeAttributes(writer, fieldNumber, series.attributes));
    if (point.exemplar !== undefined) writeExemplar(writer, this.#options.exemplarsField, point.exemplar);
  }

  #grow(size: number, count: number, undo: Undo[]): void {
    if (size === 0 && count === 0) return;
    this.#size += size;
    this.#count += count;
    undo.push(() => {
      this.#size -= size;
      this.#count -= count;
    });
  }

  #find(item: MetricItem, undo: Undo[]): Series<A> {
    const { attributes } = item;
    const hash = attributesHash(attributes);
    const hashed = this.#byHash.get(hash);
    if (hashed !== undefined && areSame(hashed.attributes, attributes)) return hashed;
    const key = attributesKey(attributes);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const { directory, keyPrefix } = this.#options;
    if (directory.admits(keyPrefix + key)) {
      const series = this.#open(key, attributes, undo);
      if (hashed === undefined) {
        this.#byHash.set(hash, series);
        undo.push(() => this.#byHash.delete(hash));
      }
      return series;
    }
    directory.passed(item, undo);
    const overflowKey = attributesKey(overflowAttributes);
    return this.#series.get(overflowKey) ?? this.#open(overflowKey, overflowAttributes, undo);
  }

  #open(key: string, attributes: readonly Attribute[], undo: Undo[]): Series<A> {
    const { directory, keyPrefix } = this.#options;
    const stateKey = keyPrefix + key;
    const record = directory.open(stateKey, undo);
    const series = new Series(this.#options, { key: stateKey, attributes, record });
    this.#series.set(key, series);
    undo.push(() => this.#series.delete(key));
    return series;
  }
}
