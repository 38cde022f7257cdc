import type { Attribute, MetricItem } from "../payload/format.ts";
import type { Aggregate, Undo } from "./aggregate.ts";
import { attributesKey, writeAttributes } from "./attributes.ts";
import { type ItemTime, isFloat, type Points } from "./metric.ts";
import { type PointSink, Series, type SeriesOptions } from "./series.ts";
import type { SeriesRecord } from "./series-state.ts";
import { tag, type WireWriter } from "./wire.ts";

/** Field numbers of NumberDataPoint and HistogramDataPoint alike. Source: OTLP, metrics.proto. */
const startTag = tag(2, 1);
const timeTag = tag(3, 1);

/** A message time this far ahead of the arrival is a clock that is wrong, and would hold back every later point. */
const aheadNanosMax = 600_000_000_000n;

/** Attributes of the series that takes what is beyond the limit. Source: OpenTelemetry, "Metrics SDK", Cardinality. */
const overflowAttributes: readonly Attribute[] = [{ key: "otel.metric.overflow", value: true }];

/** Where the series of a batch come from. */
export interface SeriesDirectory {
  /** The series as of the last settled batch. */
  get(key: string): SeriesRecord | undefined;
  /** Whether a series of this key may be kept apart: it is known, or there is room for another one. */
  admits(key: string): boolean;
  /** A series is in this batch that is not in the state; take it back with `undo`. */
  open(key: string, undo: Undo[]): void;
}

export interface CumulativeOptions<A> extends SeriesOptions<A> {
  fieldNumber: number;
  tail: Uint8Array;
  /** Begins the key of each series; no other metric has the same. */
  keyPrefix: string;
  directory: SeriesDirectory;
}

/** The points of a sum or histogram: one a series and window. */
export class CumulativePoints<A extends Aggregate<A>> implements Points {
  readonly fieldNumber: number;
  readonly tail: Uint8Array;
  readonly #options: CumulativeOptions<A>;
  readonly #series = new Map<string, Series<A>>();
  #count = 0;
  #size = 0;

  constructor(options: CumulativeOptions<A>) {
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

  add({ attributes, type, value }: MetricItem, time: ItemTime, undo: Undo[]): void {
    const series = this.#find(attributes, undo);
    const { points } = series;
    const growth = series.add(plausible(time), { value, isDouble: isFloat(type) }, undo);
    const added = series.points - points;
    if (growth === 0 && added === 0) return;
    this.#size += growth;
    this.#count += added;
    undo.push(() => {
      this.#size -= growth;
      this.#count -= added;
    });
  }

  finish(writer: WireWriter, changes: Map<string, SeriesRecord>): void {
    for (const [key, series] of this.#series) {
      const emit: PointSink<A> = ({ startUnixNano, timeUnixNano, aggregate }) => {
        writer.open(1, series.pointContentSize(aggregate));
        writer.byte(startTag);
        writer.fixed64(startUnixNano);
        writer.byte(timeTag);
        writer.fixed64(timeUnixNano);
        aggregate.write(writer, (fieldNumber) => writeAttributes(writer, fieldNumber, series.attributes));
      };
      changes.set(this.#options.keyPrefix + key, series.advance(emit));
    }
  }

  #find(attributes: readonly Attribute[], undo: Undo[]): Series<A> {
    const key = attributesKey(attributes);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#options.directory.admits(this.#options.keyPrefix + key))
      return this.#open(key, attributes, undo);
    const overflowKey = attributesKey(overflowAttributes);
    return this.#series.get(overflowKey) ?? this.#open(overflowKey, overflowAttributes, undo);
  }

  #open(key: string, attributes: readonly Attribute[], undo: Undo[]): Series<A> {
    const { directory, keyPrefix } = this.#options;
    const record = directory.get(keyPrefix + key);
    const series = new Series(this.#options, { attributes, record });
    this.#series.set(key, series);
    undo.push(() => this.#series.delete(key));
    if (record === undefined) directory.open(keyPrefix + key, undo);
    return series;
  }
}

function plausible({ itemUnixNano, arrivalUnixNano }: ItemTime): bigint {
  return itemUnixNano > arrivalUnixNano + aheadNanosMax ? arrivalUnixNano : itemUnixNano;
}
