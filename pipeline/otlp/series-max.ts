import type { MetricItem } from "../payload/format.ts";
import { attributesKey } from "./attributes.ts";
import { hashOf } from "./fingerprint.ts";

/** Says that a metric has more series than `seriesMax`. */
export type OnSeriesMax = (limit: {
  metric: string;
  seriesMax: number;
  /**
   * Shared: what more there is goes into one series that stands for them all. Kept: they are gauges, each reading of
   * which is a point of its own, and as one series would tell nothing.
   */
  readings: "shared" | "kept";
  /** The rule that makes the metric of raw payloads, and its attributes that vary. */
  rule?: string | undefined;
  attributes?: readonly string[] | undefined;
}) => void;

/** Most rules and metrics that are told of: a sender may make up any number of names. */
const tellersMax = 100;

/** Tells it once for each rule, and for each metric that comes without one. */
export class SeriesMaxTeller {
  readonly #seriesMax: number;
  readonly #onSeriesMax: OnSeriesMax | undefined;
  /** Rules and metrics whose series are shared, and rules whose gauges are kept. */
  readonly #shared = new Set<string>();
  readonly #kept = new Set<string>();
  /** Hashes of the gauge series that rules have made since the start, at most `seriesMax`. */
  readonly #gauges = new Set<number>();

  constructor(seriesMax: number, onSeriesMax: OnSeriesMax | undefined) {
    this.#seriesMax = seriesMax;
    this.#onSeriesMax = onSeriesMax;
  }

  /** A reading found no room for a series of its own. */
  passed({ name, madeBy }: Pick<MetricItem, "name" | "madeBy">): void {
    const teller = madeBy === undefined ? `metric ${name}` : `rule ${madeBy.rule}`;
    if (this.#shared.has(teller) || this.#shared.size === tellersMax) return;
    this.#shared.add(teller);
    this.#onSeriesMax?.({ metric: name, seriesMax: this.#seriesMax, readings: "shared", ...madeBy });
  }

  /** A gauge's reading. Those of no rule are not counted: their sender has chosen each attribute. */
  gauge({ name, madeBy, attributes }: Pick<MetricItem, "name" | "madeBy" | "attributes">): void {
    if (madeBy === undefined || this.#kept.has(madeBy.rule)) return;
    const hash = hashOf(`${name} ${attributesKey(attributes)}`);
    if (this.#gauges.has(hash)) return;
    if (this.#gauges.size < this.#seriesMax) {
      this.#gauges.add(hash);
      return;
    }
    this.#kept.add(madeBy.rule);
    this.#onSeriesMax?.({ metric: name, seriesMax: this.#seriesMax, readings: "kept", ...madeBy });
  }
}
