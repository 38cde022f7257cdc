import type { Attribute, MetricItem, MetricType } from "../payload/format.ts";
import type { Undo } from "./aggregate.ts";
import type { MessageContext } from "./message-context.ts";
import type { SeriesRecord } from "./series-record.ts";
import { lengthDelimitedSize, utf8Size, type WireWriter } from "./wire.ts";

/**
 * What identifies a metric beside its name and unit, and a meter, which is a monotonic sum of totals.
 *
 * Source: OpenTelemetry, "Metrics Data Model", Timeseries Model.
 */
export type MetricKind = "gauge" | "monotonicSum" | "meter" | "sum" | "histogram";

export const metricKinds: Readonly<Record<MetricType, MetricKind>> = {
  u64_counter: "monotonicSum",
  f64_counter: "monotonicSum",
  i64_up_down_counter: "sum",
  f64_up_down_counter: "sum",
  u64_gauge: "gauge",
  i64_gauge: "gauge",
  f64_gauge: "gauge",
  u64_histogram: "histogram",
  f64_histogram: "histogram",
};

/** The kinds where the values of counters are totals. */
export const totalKinds: Readonly<Record<MetricType, MetricKind>> = {
  ...metricKinds,
  u64_counter: "meter",
  f64_counter: "meter",
};

/** Whether the values of a type are floating-point numbers. */
export function isFloat(type: MetricType): boolean {
  return type.startsWith("f64");
}

/** The data points of one metric in one request. */
export interface Points {
  /** Field of Metric that holds the points. */
  readonly fieldNumber: number;
  /** Fields of the data behind the points: temporality and monotonicity. */
  readonly tail: Uint8Array;
  /** How many. */
  readonly count: number;
  /** Bytes with their tags. */
  readonly size: number;
  add(item: MetricItem, context: MessageContext, undo: Undo[]): void;
  /** Add the last point of a series once more, at a later time. False: it has no sequence to go on with. */
  restate(series: SeriesIdentity, timeUnixNano: bigint, undo: Undo[]): boolean;
  /**
   * Write exactly `size` bytes, and give the series to `changes`. `changedUnixNano`: arrival of the newest message;
   * undefined when none was added.
   */
  finish(writer: WireWriter, changes: Map<string, SeriesRecord>, changedUnixNano: bigint | undefined): void;
}

/** One series of a metric. */
export interface SeriesIdentity {
  /** `attributesKey()` of the attributes. */
  key: string;
  attributes: readonly Attribute[];
}

/** One Metric of a request: items of the same name, unit and kind. Source: OTLP, metrics.proto, Metric. */
export class Metric {
  readonly kind: MetricKind;
  readonly unit: string;
  readonly points: Points;
  readonly #name: string;
  readonly #nameSize: number;
  readonly #unitSize: number;
  #description = "";
  #descriptionSize = 0;

  constructor({
    kind,
    name,
    unit,
    points,
  }: { kind: MetricKind; name: string; unit: string; points: Points }) {
    this.kind = kind;
    this.unit = unit;
    this.points = points;
    this.#name = name;
    this.#nameSize = utf8Size(name);
    this.#unitSize = utf8Size(unit);
  }

  /** Bytes as a field of ScopeMetrics. */
  get size(): number {
    return lengthDelimitedSize(this.#contentSize);
  }

  add(item: MetricItem, context: MessageContext, undo: Undo[]): void {
    const description = item.description ?? "";
    if (description.length > this.#description.length) this.#describe(description, undo);
    this.points.add(item, context, undo);
  }

  finish(writer: WireWriter, changes: Map<string, SeriesRecord>, changedUnixNano: bigint | undefined): void {
    const { fieldNumber, tail, size } = this.points;
    writer.open(2, this.#contentSize);
    writer.text(1, this.#name, this.#nameSize);
    if (this.#descriptionSize > 0) writer.text(2, this.#description, this.#descriptionSize);
    if (this.#unitSize > 0) writer.text(3, this.unit, this.#unitSize);
    writer.open(fieldNumber, size + tail.length);
    this.points.finish(writer, changes, changedUnixNano);
    writer.raw(tail);
  }

  /** The longest description of a metric is kept, as the data model says. */
  #describe(description: string, undo: Undo[]): void {
    const before = this.#description;
    const sizeBefore = this.#descriptionSize;
    this.#description = description;
    this.#descriptionSize = utf8Size(description);
    undo.push(() => {
      this.#description = before;
      this.#descriptionSize = sizeBefore;
    });
  }

  get #contentSize(): number {
    return (
      lengthDelimitedSize(this.#nameSize) +
      (this.#descriptionSize === 0 ? 0 : lengthDelimitedSize(this.#descriptionSize)) +
      (this.#unitSize === 0 ? 0 : lengthDelimitedSize(this.#unitSize)) +
      lengthDelimitedSize(this.points.size + this.points.tail.length)
    );
  }
}
