/**
 * Our messages against those of OpenTelemetry's JavaScript implementation, field by field: metrics and answers in
 * both directions, logs as its encoder writes them.
 */
import { createRequire } from "node:module";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ProtobufLogsSerializer } from "@opentelemetry/otlp-transformer";
import { describe, expect, it } from "vitest";
import {
  ExportLogsServiceRequestSchema,
  ExportLogsServiceResponseSchema,
} from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import {
  ExportMetricsServiceRequestSchema,
  ExportMetricsServiceResponseSchema,
} from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import { AnyValueSchema } from "../../gen/opentelemetry/proto/common/v1/common_pb.ts";
import { SeverityNumber } from "../../gen/opentelemetry/proto/logs/v1/logs_pb.ts";
import { AggregationTemporality } from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";

interface TheirType {
  decode(bytes: Uint8Array): unknown;
  encode(message: unknown): { finish(): Uint8Array };
  fromObject(object: unknown): unknown;
  toObject(message: unknown, options: object): unknown;
}
const root = createRequire(import.meta.url)("otlp-decoder/build/src/generated/root.js") as {
  opentelemetry: { proto: { collector: { metrics: { v1: Record<string, TheirType> } } } };
};
const { metrics } = root.opentelemetry.proto.collector;

/** Longs as text and bytes as base64, so that nothing is rounded and everything can be compared. */
const plain = { longs: String, bytes: String, enums: Number, json: true };

/** Our message and the same in their words: each side writes it, the other reads it. */
function expectSame<Desc extends DescMessage>(
  schema: Desc,
  their: TheirType | undefined,
  ours: MessageInitShape<Desc>,
  theirs: object,
): void {
  if (their === undefined) throw new Error(`No ${schema.typeName} in the other implementation`);
  const message = create(schema, ours);
  expect(their.toObject(their.decode(toBinary(schema, message)), plain)).toEqual(theirs);
  expect(fromBinary(schema, new Uint8Array(their.encode(their.fromObject(theirs)).finish()))).toEqual(
    message,
  );
}

function metricRequest(metric: object): MessageInitShape<typeof ExportMetricsServiceRequestSchema> {
  return { resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] };
}

function expectSameMetric(ours: object, theirs: object): void {
  const type = metrics.v1.ExportMetricsServiceRequest;
  expectSame(ExportMetricsServiceRequestSchema, type, metricRequest(ours), metricRequest(theirs));
}

const timeUnixNano = 1754851200000000001n;
const startTimeUnixNano = 1754851200000000000n;
const times = { timeUnixNano, startTimeUnixNano };
const theirTimes = { timeUnixNano: "1754851200000000001", startTimeUnixNano: "1754851200000000000" };
const attributes = [{ key: "line", value: { value: { case: "stringValue" as const, value: "7" } } }];
const theirAttributes = [{ key: "line", value: { stringValue: "7" } }];

describe("metrics on the wire", () => {
  it("agree on resource, scope, schema URLs, name, description, unit and metadata", () => {
    expectSame(
      ExportMetricsServiceRequestSchema,
      metrics.v1.ExportMetricsServiceRequest,
      {
        resourceMetrics: [
          {
            resource: { attributes, droppedAttributesCount: 1 },
            schemaUrl: "https://r.example",
            scopeMetrics: [
              {
                scope: { name: "mqtt-otlp-gateway", version: "1", attributes, droppedAttributesCount: 2 },
                schemaUrl: "https://s.example",
                metrics: [{ name: "m", description: "d", unit: "Cel", metadata: attributes }],
              },
            ],
          },
        ],
      },
      {
        resourceMetrics: [
          {
            resource: { attributes: theirAttributes, droppedAttributesCount: 1 },
            schemaUrl: "https://r.example",
            scopeMetrics: [
              {
                scope: {
                  name: "mqtt-otlp-gateway",
                  version: "1",
                  attributes: theirAttributes,
                  droppedAttributesCount: 2,
                },
                schemaUrl: "https://s.example",
                metrics: [{ name: "m", description: "d", unit: "Cel", metadata: theirAttributes }],
              },
            ],
          },
        ],
      },
    );
  });

  it("agree on gauges of doubles", () => {
    const values = [0, 21.5, -1e-300, Number.MAX_VALUE, 5e-324];
    expectSameMetric(
      {
        data: {
          case: "gauge",
          value: {
            dataPoints: values.map((value) => ({
              ...times,
              attributes,
              value: { case: "asDouble", value },
              flags: 1,
            })),
          },
        },
      },
      {
        gauge: {
          dataPoints: values.map((asDouble) => ({
            ...theirTimes,
            attributes: theirAttributes,
            asDouble,
            flags: 1,
          })),
        },
      },
    );
  });

  it("agree on sums of 64-bit integers, at both ends of their range", () => {
    const values = [2n ** 63n - 1n, -(2n ** 63n), -1n, 0n, 9007199254740993n];
    for (const aggregationTemporality of [AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE]) {
      for (const isMonotonic of [true, false]) {
        expectSameMetric(
          {
            data: {
              case: "sum",
              value: {
                aggregationTemporality,
                isMonotonic,
                dataPoints: values.map((value) => ({ ...times, value: { case: "asInt", value } })),
              },
            },
          },
          {
            sum: {
              aggregationTemporality,
              ...(isMonotonic ? { isMonotonic } : {}),
              dataPoints: values.map((value) => ({ ...theirTimes, asInt: String(value) })),
            },
          },
        );
      }
    }
  });

  it("agree on histograms, also where sum, min and max are 0 or missing", () => {
    const counts = [1n, 2n ** 53n + 1n, 0n];
    const point = {
      ...times,
      attributes,
      count: 2n ** 53n + 2n,
      bucketCounts: counts,
      explicitBounds: [-1.5, 10],
    };
    const theirPoint = {
      ...theirTimes,
      attributes: theirAttributes,
      count: "9007199254740994",
      bucketCounts: counts.map(String),
      explicitBounds: [-1.5, 10],
    };
    const extents = [{ sum: 12.5, min: -2, max: 9.75 }, { sum: 0, min: 0, max: 0 }, {}];
    expectSameMetric(
      {
        data: {
          case: "histogram",
          value: {
            aggregationTemporality: 2,
            dataPoints: extents.map((extent) => ({ ...point, ...extent })),
          },
        },
      },
      {
        histogram: {
          aggregationTemporality: 2,
          dataPoints: extents.map((extent) => ({ ...theirPoint, ...extent })),
        },
      },
    );
  });

  it("agree on exponential histograms, with negative scale and offsets", () => {
    expectSameMetric(
      {
        data: {
          case: "exponentialHistogram",
          value: {
            aggregationTemporality: 1,
            dataPoints: [
              {
                ...times,
                attributes,
                count: 10n,
                sum: 3.5,
                scale: -4,
                zeroCount: 1n,
                positive: { offset: -160, bucketCounts: [1n, 0n, 2n ** 63n] },
                negative: { offset: 7, bucketCounts: [3n] },
                min: -1,
                max: 2,
                zeroThreshold: 1e-9,
                flags: 1,
              },
            ],
          },
        },
      },
      {
        exponentialHistogram: {
          aggregationTemporality: 1,
          dataPoints: [
            {
              ...theirTimes,
              attributes: theirAttributes,
              count: "10",
              sum: 3.5,
              scale: -4,
              zeroCount: "1",
              positive: { offset: -160, bucketCounts: ["1", "0", "9223372036854775808"] },
              negative: { offset: 7, bucketCounts: ["3"] },
              min: -1,
              max: 2,
              zeroThreshold: 1e-9,
              flags: 1,
            },
          ],
        },
      },
    );
  });

  it("agree on summaries", () => {
    const quantileValues = [{ quantile: 0.5, value: 1.5 }];
    expectSameMetric(
      {
        data: {
          case: "summary",
          value: { dataPoints: [{ ...times, attributes, count: 3n, sum: 4.5, quantileValues, flags: 1 }] },
        },
      },
      {
        summary: {
          dataPoints: [
            { ...theirTimes, attributes: theirAttributes, count: "3", sum: 4.5, quantileValues, flags: 1 },
          ],
        },
      },
    );
  });

  it("agree on exemplars", () => {
    const traceId = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
    const spanId = Uint8Array.from({ length: 8 }, (_, index) => 255 - index);
    const ids = { traceId: "AQIDBAUGBwgJCgsMDQ4PEA==", spanId: "//79/Pv6+fg=" };
    expectSameMetric(
      {
        data: {
          case: "gauge",
          value: {
            dataPoints: [
              {
                exemplars: [
                  {
                    timeUnixNano,
                    traceId,
                    spanId,
                    filteredAttributes: attributes,
                    value: { case: "asInt", value: -5n },
                  },
                  { timeUnixNano, value: { case: "asDouble", value: 0.5 } },
                ],
              },
            ],
          },
        },
      },
      {
        gauge: {
          dataPoints: [
            {
              exemplars: [
                {
                  timeUnixNano: theirTimes.timeUnixNano,
                  ...ids,
                  filteredAttributes: theirAttributes,
                  asInt: "-5",
                },
                { timeUnixNano: theirTimes.timeUnixNano, asDouble: 0.5 },
              ],
            },
          ],
        },
      },
    );
  });

  it("agree on the answer", () => {
    expectSame(
      ExportMetricsServiceResponseSchema,
      metrics.v1.ExportMetricsServiceResponse,
      { partialSuccess: { rejectedDataPoints: 2n ** 63n - 1n, errorMessage: "too old" } },
      { partialSuccess: { rejectedDataPoints: "9223372036854775807", errorMessage: "too old" } },
    );
  });
});

/** Their encoder's input for one record; the rest of a record is added to it. */
type TheirLogs = Parameters<typeof ProtobufLogsSerializer.serializeRequest>[0];
const theirRecord: TheirLogs[number] = {
  hrTime: [1754851200, 1],
  hrTimeObserved: [1754851200, 999_999_999],
  resource: {
    attributes: { "service.name": "plant-7" },
    schemaUrl: "https://r.example",
    merge: (other) => other ?? theirRecord.resource,
    getRawAttributes: () => [["service.name", "plant-7"]],
  },
  instrumentationScope: { name: "mqtt-otlp-gateway", version: "1", schemaUrl: "https://s.example" },
  attributes: {},
  droppedAttributesCount: 0,
};

function theirLogBytes(record: Partial<TheirLogs[number]>): Uint8Array {
  const bytes = ProtobufLogsSerializer.serializeRequest([{ ...theirRecord, ...record }]);
  if (bytes === undefined) throw new Error("The other implementation wrote nothing");
  return new Uint8Array(bytes);
}

describe("logs on the wire", () => {
  it("agree on every field of a record", () => {
    const bytes = theirLogBytes({
      severityNumber: 17,
      severityText: "error",
      body: "Überdruck ☃",
      attributes: { line: "7" },
      droppedAttributesCount: 3,
      spanContext: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 },
      eventName: "e",
    });
    const ours = create(ExportLogsServiceRequestSchema, {
      resourceLogs: [
        {
          resource: {
            attributes: [
              { key: "service.name", value: { value: { case: "stringValue", value: "plant-7" } } },
            ],
          },
          schemaUrl: "https://r.example",
          scopeLogs: [
            {
              scope: { name: "mqtt-otlp-gateway", version: "1" },
              schemaUrl: "https://s.example",
              logRecords: [
                {
                  timeUnixNano,
                  observedTimeUnixNano: 1754851200999999999n,
                  severityNumber: SeverityNumber.ERROR,
                  severityText: "error",
                  body: { value: { case: "stringValue", value: "Überdruck ☃" } },
                  attributes,
                  droppedAttributesCount: 3,
                  flags: 1,
                  traceId: new Uint8Array(Buffer.from("0af7651916cd43dd8448eb211c80319c", "hex")),
                  spanId: new Uint8Array(Buffer.from("b7ad6b7169203331", "hex")),
                  eventName: "e",
                },
              ],
            },
          ],
        },
      ],
    });
    expect(fromBinary(ExportLogsServiceRequestSchema, bytes)).toEqual(ours);
    // Ours reads what theirs wrote; that it reads the same from what it wrote itself proves the other direction.
    const written = toBinary(ExportLogsServiceRequestSchema, ours);
    expect(fromBinary(ExportLogsServiceRequestSchema, written)).toEqual(ours);
  });

  it.each([
    ["a boolean", false, { case: "boolValue", value: false }],
    ["an integer", -(2 ** 53) + 1, { case: "intValue", value: -(2n ** 53n) + 1n }],
    ["a double", -0.5, { case: "doubleValue", value: -0.5 }],
    ["bytes", Uint8Array.of(0, 255), { case: "bytesValue", value: Uint8Array.of(0, 255) }],
  ])("agree on a body that is %s", (_name, body, value) => {
    const { resourceLogs } = fromBinary(ExportLogsServiceRequestSchema, theirLogBytes({ body }));
    expect(resourceLogs[0]?.scopeLogs[0]?.logRecords[0]?.body?.value).toEqual(value);
  });

  it("agree on a body of nested lists and maps", () => {
    const bytes = theirLogBytes({ body: { list: ["a", 1], map: { line: "7" } } });
    const body = fromBinary(ExportLogsServiceRequestSchema, bytes).resourceLogs[0]?.scopeLogs[0]
      ?.logRecords[0]?.body;
    const expected = create(AnyValueSchema, {
      value: {
        case: "kvlistValue",
        value: {
          values: [
            {
              key: "list",
              value: {
                value: {
                  case: "arrayValue",
                  value: {
                    values: [
                      { value: { case: "stringValue", value: "a" } },
                      { value: { case: "intValue", value: 1n } },
                    ],
                  },
                },
              },
            },
            { key: "map", value: { value: { case: "kvlistValue", value: { values: attributes } } } },
          ],
        },
      },
    });
    expect(body).toEqual(expected);
  });

  it("agree on the answer", () => {
    const ours = create(ExportLogsServiceResponseSchema, {
      partialSuccess: { rejectedLogRecords: 3n, errorMessage: "too old" },
    });
    const answer = ProtobufLogsSerializer.deserializeResponse(
      toBinary(ExportLogsServiceResponseSchema, ours),
    );
    expect(answer.partialSuccess).toMatchObject({ errorMessage: "too old" });
    expect(Number(answer.partialSuccess?.rejectedLogRecords)).toBe(3);
  });

  it("name severities by the numbers of the data model", () => {
    const { UNSPECIFIED, TRACE, DEBUG, INFO, WARN, ERROR, FATAL, FATAL4 } = SeverityNumber;
    expect([UNSPECIFIED, TRACE, DEBUG, INFO, WARN, ERROR, FATAL, FATAL4]).toEqual([
      0, 1, 5, 9, 13, 17, 21, 24,
    ]);
  });
});
