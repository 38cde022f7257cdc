import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { formatItems } from "../../cli/sink-format.ts";
import { ExportLogsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import type { MetricSchema } from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";

function metricLines(metric: MessageInitShape<typeof MetricSchema>): string[] {
  const resourceMetrics = [{ scopeMetrics: [{ metrics: [{ name: "m", ...metric }] }] }];
  return [...formatItems(create(ExportMetricsServiceRequestSchema, { resourceMetrics }))];
}

const time = { timeUnixNano: 1754851200000000001n };
const at = "2025-08-10T18:40:00.000000001Z";

describe("formatItems() of metrics", () => {
  it("shows time, name, value, unit and attributes of a gauge, one line a point", () => {
    const attributes = [
      { key: "room", value: { value: { case: "stringValue" as const, value: 'a "b"\n' } } },
      { key: "floor", value: { value: { case: "intValue" as const, value: 9007199254740993n } } },
      { key: "none" },
    ];
    const dataPoints = [
      { ...time, attributes, value: { case: "asDouble" as const, value: 21.5 } },
      { value: { case: "asDouble" as const, value: -0 } },
      { ...time },
    ];
    expect(metricLines({ unit: "Cel", data: { case: "gauge", value: { dataPoints } } })).toEqual([
      `${at} gauge m 21.5 [Cel] {room="a \\"b\\"\\n", floor=9007199254740993, none=null}`,
      "- gauge m -0 [Cel]",
      `${at} gauge m - [Cel]`,
    ]);
  });

  it("shows control characters of names as escapes, so that a device can neither break nor paint a line", () => {
    const dataPoints = [{ ...time, attributes: [{ key: "\u001b[2J" }], value: { case: undefined } }];
    const [line] = metricLines({ name: "a\nb\u009b", data: { case: "gauge", value: { dataPoints } } });
    expect(line).toBe(`${at} gauge a\\u000ab\\u009b - {\\u001b[2J=null}`);
  });

  it("shows integers to the last digit, and of which kind a sum is", () => {
    const dataPoints = [{ ...time, value: { case: "asInt" as const, value: -(2n ** 63n) } }];
    const lines = (isMonotonic: boolean, aggregationTemporality: 1 | 2) =>
      metricLines({ data: { case: "sum", value: { dataPoints, isMonotonic, aggregationTemporality } } });
    expect(lines(true, 2)).toEqual([`${at} sum cumulative m -9223372036854775808`]);
    expect(lines(false, 1)).toEqual([`${at} updown delta m -9223372036854775808`]);
  });

  it("shows count, sum, extent and buckets of a histogram, and leaves out what is not there", () => {
    const dataPoints = [
      { ...time, count: 3n, sum: 0, min: -1, max: 9.5, explicitBounds: [0, 10], bucketCounts: [1n, 2n, 0n] },
      { ...time, count: 1n },
    ];
    const value = { dataPoints, aggregationTemporality: 2 as const };
    expect(metricLines({ data: { case: "histogram", value } })).toEqual([
      `${at} histogram cumulative m count=3 sum=0 min=-1 max=9.5 buckets=≤0:1,≤10:2,≤∞:0`,
      `${at} histogram cumulative m count=1`,
    ]);
  });

  it("shows scale, zeros and both sides of an exponential histogram", () => {
    const buckets = {
      positive: { offset: -2, bucketCounts: [1n, 2n] },
      negative: { offset: 0, bucketCounts: [4n] },
    };
    const dataPoints = [{ ...time, count: 8n, scale: -1, zeroCount: 1n, ...buckets }];
    const value = { dataPoints, aggregationTemporality: 1 as const };
    expect(metricLines({ data: { case: "exponentialHistogram", value } })).toEqual([
      `${at} exponential-histogram delta m count=8 scale=-1 zero=1 positive=-2:1,2 negative=0:4`,
    ]);
  });

  it("shows quantiles of a summary", () => {
    const quantileValues = [{ quantile: 0.5, value: 1.5 }];
    const dataPoints = [{ ...time, count: 2n, sum: 3, quantileValues }];
    expect(metricLines({ data: { case: "summary", value: { dataPoints } } })).toEqual([
      `${at} summary m count=2 sum=3 p50=1.5`,
    ]);
  });

  it("gives no line for a metric without data", () => {
    expect(metricLines({})).toEqual([]);
  });
});

describe("formatItems() of logs", () => {
  const lines = (record: object) => [
    ...formatItems(
      create(ExportLogsServiceRequestSchema, { resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }),
    ),
  ];

  it("shows severity, body, trace and attributes", () => {
    const record = {
      ...time,
      severityNumber: 17,
      severityText: "error",
      body: { value: { case: "stringValue", value: "too hot\nreally" } },
      traceId: new Uint8Array(16).fill(1),
      spanId: new Uint8Array(8).fill(0xff),
      attributes: [{ key: "ok", value: { value: { case: "boolValue", value: false } } }],
    };
    expect(lines(record)).toEqual([
      `${at} log ERROR (error) "too hot\\nreally" trace=${"01".repeat(16)} span=${"ff".repeat(8)} {ok=false}`,
    ]);
  });

  it("falls back on the observed time, and shows a severity without a name as its number", () => {
    const record = { observedTimeUnixNano: time.timeUnixNano, severityNumber: 99 };
    expect(lines(record)).toEqual([`${at} log 99 null`]);
  });

  it("shows bodies of every kind", () => {
    const values = [{ value: { case: "bytesValue", value: Uint8Array.of(0, 255) } }, {}];
    const kvlist = { values: [{ key: "a", value: { value: { case: "doubleValue", value: 0.5 } } }] };
    const body = (value: object) => lines({ body: { value } })[0];
    expect(body({ case: "arrayValue", value: { values } })).toBe("- log UNSPECIFIED [0x00ff, null]");
    expect(body({ case: "kvlistValue", value: kvlist })).toBe("- log UNSPECIFIED {a=0.5}");
    expect(body({ case: "kvlistValue", value: { values: [] } })).toBe("- log UNSPECIFIED {}");
  });

  it("cuts a body and attributes that are too long, and says by how much", () => {
    const text = (length: number) => ({ value: { case: "stringValue", value: "x".repeat(length) } });
    expect(lines({ body: text(1998) })).toEqual([`- log UNSPECIFIED "${"x".repeat(1998)}"`]);
    expect(lines({ body: text(1_000_000), attributes: [{ key: "a", value: text(1997) }] })).toEqual([
      `- log UNSPECIFIED "${"x".repeat(1999)}… (998002 more characters) {a="${"x".repeat(1996)}… (3 more characters)`,
    ]);
  });
});
