import type { AnyValue, KeyValue } from "../gen/opentelemetry/proto/common/v1/common_pb.ts";
import { type LogRecord, SeverityNumberSchema } from "../gen/opentelemetry/proto/logs/v1/logs_pb.ts";
import {
  type AggregationTemporality,
  AggregationTemporalitySchema,
  type ExponentialHistogramDataPoint,
  type ExponentialHistogramDataPoint_Buckets,
  type HistogramDataPoint,
  type Metric,
  type NumberDataPoint,
} from "../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import { printable } from "./printable.ts";
import type { SinkRequest } from "./sink-server.ts";

/** Of a body, and of the attributes together: a payload may be megabytes long. */
const partCharsMax = 2_000;

/** One line for each data point or log record of a request, in order. Integers are exact to the last digit. */
export function* formatItems(request: SinkRequest): Generator<string> {
  for (const line of formatRequest(request)) yield printable(line);
}

function* formatRequest(request: SinkRequest): Generator<string> {
  if (request.$typeName === "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest") {
    for (const { scopeMetrics } of request.resourceMetrics) {
      for (const { metrics } of scopeMetrics) for (const metric of metrics) yield* formatMetric(metric);
    }
  } else {
    for (const { scopeLogs } of request.resourceLogs) {
      for (const { logRecords } of scopeLogs) for (const record of logRecords) yield formatLogRecord(record);
    }
  }
}

function* formatMetric({ name, unit, data }: Metric): Generator<string> {
  const line = (point: { timeUnixNano: bigint; attributes: KeyValue[] }, type: string, value: string) =>
    words(
      formatTime(point.timeUnixNano),
      type,
      name,
      value,
      unit && `[${unit}]`,
      bounded(formatAttributes(point.attributes)),
    );
  switch (data.case) {
    case "gauge":
      for (const point of data.value.dataPoints) yield line(point, "gauge", formatNumber(point));
      break;
    case "sum": {
      const type = words(data.value.isMonotonic ? "sum" : "updown", temporality(data.value));
      for (const point of data.value.dataPoints) yield line(point, type, formatNumber(point));
      break;
    }
    case "histogram": {
      const type = words("histogram", temporality(data.value));
      for (const point of data.value.dataPoints) yield line(point, type, formatHistogram(point));
      break;
    }
    case "exponentialHistogram": {
      const type = words("exponential-histogram", temporality(data.value));
      for (const point of data.value.dataPoints) yield line(point, type, formatExponentialHistogram(point));
      break;
    }
    case "summary":
      for (const point of data.value.dataPoints) {
        const quantiles = point.quantileValues.map(({ quantile, value }) => `p${quantile * 100}=${value}`);
        yield line(point, "summary", words(`count=${point.count}`, `sum=${point.sum}`, ...quantiles));
      }
  }
}

function formatLogRecord(record: LogRecord): string {
  const { timeUnixNano, severityNumber, severityText, body, traceId, spanId, attributes } = record;
  // A number that no severity is named for is shown as it is.
  const severity = SeverityNumberSchema.value[severityNumber]?.localName ?? String(severityNumber);
  return words(
    formatTime(timeUnixNano || record.observedTimeUnixNano),
    "log",
    severity,
    severityText && `(${severityText})`,
    bounded(formatValue(body)),
    traceId.length > 0 ? `trace=${hex(traceId)}` : "",
    spanId.length > 0 ? `span=${hex(spanId)}` : "",
    bounded(formatAttributes(attributes)),
  );
}

function formatNumber({ value }: NumberDataPoint): string {
  return value.case === undefined ? "-" : formatScalar(value.value);
}

function formatHistogram(point: HistogramDataPoint): string {
  const buckets = point.bucketCounts.map((count, index) => `≤${point.explicitBounds[index] ?? "∞"}:${count}`);
  return words(formatExtent(point), buckets.length > 0 ? `buckets=${buckets.join(",")}` : "");
}

function formatExponentialHistogram(point: ExponentialHistogramDataPoint): string {
  const side = (name: string, buckets: ExponentialHistogramDataPoint_Buckets | undefined) =>
    buckets === undefined ? "" : `${name}=${buckets.offset}:${buckets.bucketCounts.join(",")}`;
  return words(
    formatExtent(point),
    `scale=${point.scale}`,
    `zero=${point.zeroCount}`,
    side("positive", point.positive),
    side("negative", point.negative),
  );
}

function formatExtent({ count, sum, min, max }: HistogramDataPoint | ExponentialHistogramDataPoint): string {
  const optional = (name: string, value: number | undefined) =>
    value === undefined ? "" : `${name}=${formatScalar(value)}`;
  return words(`count=${count}`, optional("sum", sum), optional("min", min), optional("max", max));
}

function temporality(data: { aggregationTemporality: AggregationTemporality }): string {
  return (AggregationTemporalitySchema.value[data.aggregationTemporality]?.localName ?? "").toLowerCase();
}

function formatAttributes(attributes: readonly KeyValue[]): string {
  if (attributes.length === 0) return "";
  return `{${attributes.map(({ key, value }) => `${key}=${formatValue(value)}`).join(", ")}}`;
}

function formatValue(any: AnyValue | undefined): string {
  if (any?.value.case === undefined) return "null";
  switch (any.value.case) {
    case "stringValue":
      return JSON.stringify(any.value.value);
    case "bytesValue":
      return `0x${hex(any.value.value)}`;
    case "arrayValue":
      return `[${any.value.value.values.map(formatValue).join(", ")}]`;
    case "kvlistValue":
      return formatAttributes(any.value.value.values) || "{}";
    default:
      return formatScalar(any.value.value);
  }
}

function bounded(text: string): string {
  const more = text.length - partCharsMax;
  return more > 0 ? `${text.slice(0, partCharsMax)}… (${more} more characters)` : text;
}

function formatScalar(value: number | bigint | boolean): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** RFC 3339 with all nine digits; `-` when it is not known. */
function formatTime(unixNano: bigint): string {
  if (unixNano === 0n) return "-";
  const seconds = new Date(Number(unixNano / 1_000_000_000n) * 1000).toISOString().slice(0, -5);
  return `${seconds}.${String(unixNano % 1_000_000_000n).padStart(9, "0")}Z`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function words(...parts: string[]): string {
  return parts.filter((part) => part !== "").join(" ");
}
