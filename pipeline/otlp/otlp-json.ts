/** Encoded requests as a reader gets to see them: OTLP/JSON, and the series that their points belong to. */
import { fromBinary, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { ExportLogsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import {
  type AnyValue,
  type KeyValue,
  KeyValueSchema,
} from "../../gen/opentelemetry/proto/common/v1/common_pb.ts";
import { AggregationTemporality, type Metric } from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import type { Signal } from "../message.ts";

/** One series of a metric, as its receiver tells it from others. */
export interface NamedSeries {
  name: string;
  unit: string;
  type: "gauge" | "sum" | "upDownSum" | "histogram" | "exponentialHistogram";
  /** Undefined: a gauge, which has none. */
  temporality?: "cumulative" | "delta" | undefined;
  /** Integers that a number cannot hold are strings. */
  attributes: Readonly<Record<string, string | number | boolean | null>>;
}

/**
 * A request in OTLP/JSON: enumerations are numbers, and trace and span ids hexadecimal.
 *
 * Source: OTLP specification, "JSON Protobuf Encoding".
 */
export function toOtlpJson(signal: Signal, request: Uint8Array): JsonObject {
  const options = { enumAsInteger: true } as const;
  const json =
    signal === "metrics"
      ? toJson(
          ExportMetricsServiceRequestSchema,
          fromBinary(ExportMetricsServiceRequestSchema, request),
          options,
        )
      : toJson(ExportLogsServiceRequestSchema, fromBinary(ExportLogsServiceRequestSchema, request), options);
  return withHexIds(json) as JsonObject;
}

/** Protobuf's own JSON has base64 for all bytes. Attributes are lists of `key` and `value`: no id is one of theirs. */
function withHexIds(json: JsonValue): JsonValue {
  if (Array.isArray(json)) return json.map(withHexIds);
  if (typeof json !== "object" || json === null) return json;
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [
      name,
      isIdName(name) && typeof value === "string"
        ? Buffer.from(value, "base64").toString("hex")
        : withHexIds(value),
    ]),
  );
}

function isIdName(name: string): boolean {
  return name === "traceId" || name === "spanId";
}

/** Each series that a request of metrics has points of, once. */
export function seriesOf(request: Uint8Array): NamedSeries[] {
  const { resourceMetrics } = fromBinary(ExportMetricsServiceRequestSchema, request);
  return resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics.flatMap(seriesOfMetric)),
  );
}

function seriesOfMetric({ name, unit, data }: Metric): NamedSeries[] {
  const points = new Map<string, readonly KeyValue[]>();
  for (const { attributes } of data.value?.dataPoints ?? []) {
    points.set(JSON.stringify(attributes.map((attribute) => toJson(KeyValueSchema, attribute))), attributes);
  }
  const kind = kindOf(data);
  return Array.from(points.values(), (attributes) => ({
    name,
    unit,
    ...kind,
    attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)])),
  }));
}

function kindOf(data: Metric["data"]): Pick<NamedSeries, "type" | "temporality"> {
  switch (data.case) {
    case "sum": {
      const { isMonotonic, aggregationTemporality } = data.value;
      return { type: isMonotonic ? "sum" : "upDownSum", temporality: nameOf(aggregationTemporality) };
    }
    case "histogram":
    case "exponentialHistogram":
      return { type: data.case, temporality: nameOf(data.value.aggregationTemporality) };
    default:
      return { type: "gauge" };
  }
}

function nameOf(temporality: AggregationTemporality): "cumulative" | "delta" {
  return temporality === AggregationTemporality.DELTA ? "delta" : "cumulative";
}

/** Attributes of points are scalars. */
function plain(any: AnyValue | undefined): string | number | boolean | null {
  const value = any?.value.value;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return typeof value === "object" || value === undefined ? null : value;
}
