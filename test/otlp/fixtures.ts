import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { ExportLogsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import type { KeyValue } from "../../gen/opentelemetry/proto/common/v1/common_pb.ts";
import type { LogRecord } from "../../gen/opentelemetry/proto/logs/v1/logs_pb.ts";
import type {
  ExponentialHistogramDataPoint,
  HistogramDataPoint,
  Metric,
  NumberDataPoint,
} from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import type { EncoderSettings } from "../../pipeline/otlp/encode.ts";
import type { Encoder, Encoding } from "../../pipeline/otlp/encoder.ts";
import type { Items, LogItem, MetricItem } from "../../pipeline/payload/format.ts";
import type { StateChange, StoredMessage } from "../../pipeline/store/batch-store.ts";

export const settings: EncoderSettings = {
  requestBytesMax: 4_000_000,
  resourceAttributes: { "service.name": "plant-7", "service.instance.id": "01234567" },
  windowMs: 5000,
  histogramBounds: { default: [0, 5, 10], byMetricName: {} },
  seriesMax: 1000,
  temporality: "cumulative",
};

/** All ways to aggregate, by name. */
export const modes: [string, Pick<EncoderSettings, "temporality" | "histogramAggregation">][] = [
  ["cumulative, explicit", { temporality: "cumulative", histogramAggregation: "explicit" }],
  ["cumulative, exponential", { temporality: "cumulative", histogramAggregation: "exponential" }],
  ["delta, explicit", { temporality: "delta", histogramAggregation: "explicit" }],
  ["delta, exponential", { temporality: "delta", histogramAggregation: "exponential" }],
];

/** Of a sampled trace. */
export const traceparent = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`;

/** Noon of some day, at a window's edge: the epoch of the times in these tests. */
export const noonUs = 1_767_614_400_000_000;

/** Nanoseconds of an instant so many seconds after noon. */
export function at(seconds: number): bigint {
  return BigInt(noonUs + Math.round(seconds * 1e6)) * 1000n;
}

export function message(options: Partial<StoredMessage> = {}): StoredMessage {
  return {
    id: 1,
    source: "devices",
    topic: "plant/line1",
    payload: new Uint8Array(),
    userProperties: [],
    arrivedAtUs: noonUs,
    ...options,
  };
}

export function counter(
  value: number | bigint,
  seconds?: number,
  more: Partial<MetricItem> = {},
): MetricItem {
  const timeUnixNano = seconds === undefined ? undefined : at(seconds);
  return { name: "parts", type: "u64_counter", value, timeUnixNano, attributes: [], ...more };
}

export function log(options: Partial<LogItem> = {}): LogItem {
  return { level: "info", severityText: "info", body: "door open", attributes: [], ...options };
}

export function metricItems(...metrics: MetricItem[]): Items {
  return { metrics, logs: [] };
}

export function logItems(...logs: LogItem[]): Items {
  return { metrics: [], logs };
}

export interface Sent {
  request: Uint8Array;
  items: number;
  metrics: Metric[];
}

export function decodeMetrics(request: Uint8Array): Metric[] {
  const decoded = fromBinary(ExportMetricsServiceRequestSchema, request);
  if (decoded.resourceMetrics.length !== 1) throw new Error("wanted one Resource");
  return decoded.resourceMetrics[0]?.scopeMetrics.flatMap(({ metrics }) => metrics) ?? [];
}

export function decodeLogs(request: Uint8Array): LogRecord[] {
  const decoded = fromBinary(ExportLogsServiceRequestSchema, request);
  return decoded.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
}

/** The request as protobuf-es writes it again after reading it. */
export function rewritten(request: Uint8Array): Uint8Array {
  return toBinary(ExportMetricsServiceRequestSchema, fromBinary(ExportMetricsServiceRequestSchema, request));
}

/** One batch of one message a metric, not committed. */
export function encode(encoder: Encoder, ...metrics: MetricItem[]): Encoding {
  const encoding = encoder.begin();
  for (const metric of metrics) {
    if (!encoding.add(message(), metricItems(metric))) throw new Error("the request is full");
  }
  return encoding;
}

/** Send one batch of one message a metric and settle it. */
export function deliver(
  encoder: Encoder,
  ...metrics: MetricItem[]
): Sent & { state: StateChange | undefined } {
  const encoding = encode(encoder, ...metrics);
  const { request, items } = encoding.finish();
  if (request === undefined) throw new Error("nothing to send");
  return { request, items, metrics: decodeMetrics(request), state: encoding.commit() };
}

export function numberPoints(metrics: readonly Metric[]): NumberDataPoint[] {
  return metrics.flatMap(({ data }) =>
    data.case === "gauge" || data.case === "sum" ? data.value.dataPoints : [],
  );
}

export function histogramPoints(metrics: readonly Metric[]): HistogramDataPoint[] {
  return metrics.flatMap(({ data }) => (data.case === "histogram" ? data.value.dataPoints : []));
}

export function exponentialPoints(metrics: readonly Metric[]): ExponentialHistogramDataPoint[] {
  return metrics.flatMap(({ data }) => (data.case === "exponentialHistogram" ? data.value.dataPoints : []));
}

/** All points that belong to a sequence. */
export function sequencePoints(metrics: readonly Metric[]) {
  const numbers = numberPoints(metrics.filter(({ data }) => data.case === "sum"));
  return [...numbers, ...histogramPoints(metrics), ...exponentialPoints(metrics)];
}

/** Points as start and time in seconds after noon, and value. */
export function spans(metrics: readonly Metric[]): [start: number, time: number, value: unknown][] {
  return numberPoints(metrics).map(({ startTimeUnixNano, timeUnixNano, value }) => [
    seconds(startTimeUnixNano),
    seconds(timeUnixNano),
    value.value,
  ]);
}

export function seconds(unixNano: bigint): number {
  return Number(unixNano - at(0)) / 1e9;
}

export function plainAttributes(attributes: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value?.value.value]));
}
