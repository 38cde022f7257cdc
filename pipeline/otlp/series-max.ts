import type { Attribute, MetricItem } from "../payload/format.ts";

/** Attributes of the series that takes what is beyond the limit. Source: OpenTelemetry, "Metrics SDK", Cardinality. */
export const overflowAttributes: readonly Attribute[] = [{ key: "otel.metric.overflow", value: true }];

/** Says that a metric has more series than `seriesMax`: what more there is shares one series. */
export type OnSeriesMax = (limit: {
  metric: string;
  seriesMax: number;
  /** The rule that makes the metric of raw payloads, and its attributes that vary. */
  rule?: string | undefined;
  attributes?: readonly string[] | undefined;
}) => void;

/** Most rules and metrics that are told of: a sender may make up any number of names. */
const tellersMax = 100;

/** Tells it once for each rule, and for each metric that comes without one, and counts the readings. */
export class SeriesMaxTeller {
  /** Readings of committed batches that had no series of their own. */
  overflowedReadings = 0;
  readonly #seriesMax: number;
  readonly #onSeriesMax: OnSeriesMax | undefined;
  /** Rules and metrics that were told of. */
  readonly #told = new Set<string>();

  constructor(seriesMax: number, onSeriesMax: OnSeriesMax | undefined) {
    this.#seriesMax = seriesMax;
    this.#onSeriesMax = onSeriesMax;
  }

  /** A reading found no room for a series of its own. */
  passed({ name, madeBy }: Pick<MetricItem, "name" | "madeBy">): void {
    const teller = madeBy === undefined ? `metric ${name}` : `rule ${madeBy.rule}`;
    if (this.#told.has(teller) || this.#told.size === tellersMax) return;
    this.#told.add(teller);
    this.#onSeriesMax?.({ metric: name, seriesMax: this.#seriesMax, ...madeBy });
  }
}
