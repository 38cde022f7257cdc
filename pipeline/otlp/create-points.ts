import { ExponentialHistogram } from "./exponential.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { sortedAttributes } from "./frame.ts";
import { GaugePoints } from "./gauge-points.ts";
import { Histogram } from "./histogram.ts";
import { Meter } from "./meter.ts";
import type { Points } from "./metric.ts";
import { type MetricIdentity, metricKey } from "./series-key.ts";
import { type SeriesDirectory, SeriesPoints } from "./series-points.ts";
import type { EncoderSettings } from "./settings.ts";
import { Sum } from "./sum.ts";
import { tag } from "./wire.ts";

/** Fields of Sum, Histogram and ExponentialHistogram beside the points. Source: OTLP, metrics.proto. */
const temporalityTag = tag(2, 0);
const monotonicTag = tag(3, 0);
/** Source: OTLP, metrics.proto, AggregationTemporality. */
const temporalityValues = { delta: 1, cumulative: 2 } as const;

/** The data points of a metric, of the kind and temporality that the settings want. */
export function createPoints(
  metric: MetricIdentity,
  settings: EncoderSettings,
  directory: SeriesDirectory,
): Points {
  const { kind } = metric;
  if (kind === "gauge") return new GaugePoints(metric, directory);
  // A sum that may fall has nothing to gain from deltas, and exporters never send it so.
  const temporality = kind === "sum" ? "cumulative" : settings.temporality;
  const sequence = [sortedAttributes(settings.resourceAttributes), temporality];
  const tail = [temporalityTag, temporalityValues[temporality]];
  const common = {
    directory,
    temporality,
    isTotal: kind === "meter",
    windowNanos: BigInt(settings.windowMs) * 1_000_000n,
    keyPrefix: metricKey(metric),
    tail: Uint8Array.from(tail),
  };
  const sum = { ...common, fieldNumber: 7, exemplarsField: 5 };
  const monotonicTail = Uint8Array.from([...tail, monotonicTag, 1]);
  switch (kind) {
    case "sum":
    case "monotonicSum":
      return new SeriesPoints<Sum>({
        ...sum,
        tail: kind === "sum" ? common.tail : monotonicTail,
        fingerprint: fingerprintOf(sequence),
        create: () => new Sum(),
        restore: Sum.restore,
      });
    case "meter":
      return new SeriesPoints<Meter>({
        ...sum,
        tail: monotonicTail,
        fingerprint: fingerprintOf([...sequence, "total"]),
        create: () => new Meter(temporality),
        restore: (record) => Meter.restore(temporality, record),
      });
    case "histogram": {
      if (settings.histogramAggregation === "exponential") {
        return new SeriesPoints<ExponentialHistogram>({
          ...common,
          fieldNumber: 10,
          exemplarsField: 11,
          fingerprint: fingerprintOf([...sequence, "exponential"]),
          create: () => new ExponentialHistogram(),
          restore: ExponentialHistogram.restore,
        });
      }
      const bounds = boundsOf(metric.name, settings);
      return new SeriesPoints<Histogram>({
        ...common,
        fieldNumber: 9,
        exemplarsField: 8,
        fingerprint: fingerprintOf([...sequence, bounds]),
        create: () => new Histogram(bounds),
        restore: (record) => Histogram.restore(bounds, record),
      });
    }
    default:
      return kind satisfies never;
  }
}

function boundsOf(name: string, { histogramBounds }: EncoderSettings): readonly number[] {
  const { default: bounds, byMetricName } = histogramBounds;
  return Object.hasOwn(byMetricName, name) ? (byMetricName[name] ?? bounds) : bounds;
}
