import type { MetricItem } from "../payload/format.ts";

/** Says that a metric gets no more series: what more there is goes into one that stands for them all. */
export type OnSeriesMax = (limit: {
  metric: string;
  seriesMax: number;
  /** The rule that makes the metric of raw payloads, and its attributes that vary. */
  rule?: string | undefined;
  attributes?: readonly string[] | undefined;
}) => void;

/** Tells it once for each rule, and for each metric that comes without one. */
export function createSeriesMaxTeller(
  seriesMax: number,
  onSeriesMax: OnSeriesMax | undefined,
): (item: Pick<MetricItem, "name" | "madeBy">) => void {
  const told = new Set<string>();
  return ({ name, madeBy }) => {
    const teller = madeBy === undefined ? `metric ${name}` : `rule ${madeBy.rule}`;
    if (told.has(teller)) return;
    told.add(teller);
    onSeriesMax?.({ metric: name, seriesMax, ...madeBy });
  };
}
