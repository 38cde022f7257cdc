/** protobuf-es alone: create and encode a point for each message, in requests of the same size, in memory. */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ExportMetricsServiceRequestSchema } from "../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import {
  AggregationTemporality,
  type MetricSchema,
} from "../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import { scriptOptions, tell } from "./child.ts";
import { deviceOf, metrics, type Workload } from "./messages.ts";
import { perSecond } from "./numbers.ts";

export interface EncodeOptions {
  points: number;
  pointsPerRequest: number;
  workload: Workload;
  temporality: "cumulative" | "delta";
}

const { points, pointsPerRequest, workload, temporality } = scriptOptions<EncodeOptions>();
const { name, valueAt } = metrics[workload.kind];
const startUnixNano = BigInt(Date.now()) * 1_000_000n;
const aggregationTemporality =
  temporality === "delta" ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
/** The finest scale, at which a bucket's base is 2^(2^-20). Source: OTLP, metrics.proto. */
const scale = 20;

const text = (value: string) => ({ value: { case: "stringValue" as const, value } });

const timeOf = (index: number) => startUnixNano + BigInt(index) * 1000n;
const attributesOf = (index: number) => [
  { key: "device", value: text(deviceOf(index, workload.series)) },
  { key: "line", value: text(`${index % 8}`) },
];

type Data = NonNullable<MessageInitShape<typeof MetricSchema>["data"]>;

/** One for each message of a request. */
type PointsOf = <T>(pointAt: (index: number) => T) => T[];

const dataOf: Record<Workload["kind"], (pointsOf: PointsOf) => Data> = {
  gauges: (pointsOf) => ({
    case: "gauge",
    value: {
      dataPoints: pointsOf((index) => ({
        timeUnixNano: timeOf(index),
        value: { case: "asDouble", value: valueAt(index) },
        attributes: attributesOf(index),
      })),
    },
  }),
  counters: (pointsOf) => ({
    case: "sum",
    value: {
      aggregationTemporality,
      isMonotonic: true,
      dataPoints: pointsOf((index) => ({
        startTimeUnixNano: startUnixNano,
        timeUnixNano: timeOf(index),
        value: { case: "asInt", value: BigInt(valueAt(index)) },
        attributes: attributesOf(index),
      })),
    },
  }),
  histograms: (pointsOf) => ({
    case: "exponentialHistogram",
    value: {
      aggregationTemporality,
      dataPoints: pointsOf((index) => {
        const value = valueAt(index);
        return {
          startTimeUnixNano: startUnixNano,
          timeUnixNano: timeOf(index),
          count: 1n,
          sum: value,
          scale,
          positive: { offset: Math.ceil(Math.log2(value) * 2 ** scale) - 1, bucketCounts: [1n] },
          min: value,
          max: value,
          attributes: attributesOf(index),
        };
      }),
    },
  }),
};

function encode(first: number, count: number): Uint8Array {
  const data = dataOf[workload.kind]((pointAt) =>
    Array.from({ length: count }, (_, offset) => pointAt(first + offset)),
  );
  const request = create(ExportMetricsServiceRequestSchema, {
    resourceMetrics: [
      {
        resource: { attributes: [{ key: "service.name", value: text("mqtt-otlp-gateway") }] },
        scopeMetrics: [{ scope: { name: "mqtt-otlp-gateway" }, metrics: [{ name, data }] }],
      },
    ],
  });
  return toBinary(ExportMetricsServiceRequestSchema, request);
}

const startMs = performance.now();
let bytes = 0;
for (let first = 0; first < points; first += pointsPerRequest) {
  bytes += encode(first, Math.min(pointsPerRequest, points - first)).length;
}
tell({ pointsPerSecond: perSecond(points, performance.now() - startMs), bytes });
