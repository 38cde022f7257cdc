import { create, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ExportLogsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import { openGatewayInPlace } from "../../handlers/runtime/gateway-in-place.ts";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import type { Explanation } from "../../pipeline/explain/explanation.ts";
import type { LogRule, MappingRules, MetricRule } from "../../pipeline/mapping/rules.ts";
import { levels, metricTypes } from "../../pipeline/payload/format.ts";
import { endpoint, gateway, load } from "../config/support.ts";
import { log, metric, rules } from "../mapping/support.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { type ReceivedRequest, startSink, type TestSink } from "../support/otlp-sink.ts";

/** Each run opens a gateway and sends to it; `FAST_CHECK_RUNS` raises how many there are. */
const numRuns = Number(process.env.FAST_CHECK_RUNS ?? 60);

let sink: TestSink;
beforeAll(async () => {
  sink = await startSink();
});
afterAll(() => sink.close());

const noonUnixNano = 1_767_614_400_000_000_000n;
const text = fc.string({ unit: "grapheme", maxLength: 8 });
const attributes = fc.uniqueArray(
  fc.record({
    key: fc.constantFrom("device", "line", "site"),
    value: fc.constantFrom("a", "b", "größe", ""),
  }),
  { selector: ({ key }) => key, maxLength: 3 },
);
/** Without one an item would have the time of its arrival. */
const timestamp = fc
  .integer({ min: 0, max: 600 })
  .map((seconds) => noonUnixNano + BigInt(seconds) * 1_000_000_123n);

/** Some values do not fit their type: the message is refused then. */
const value = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 100 }) },
  { weight: 1, arbitrary: fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }) },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
);
const metricItem = fc.record({
  name: fc.constantFrom("temperature", "cycle_time", "größe"),
  type: fc.constantFrom(...metricTypes),
  value,
  timestamp,
  attributes,
});
const logItem = fc.record({ level: fc.constantFrom(...levels), value: text, timestamp, attributes });
const aioPayload = fc.record(
  {
    metrics: fc.array(metricItem, { maxLength: 5 }),
    logs: fc.array(logItem, { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

/** Of a device: members that the rules of the mappings name, some of which are missing. */
const devicePayload = fc.record(
  {
    at: timestamp,
    v: fc.oneof(value, text),
    T: fc.dictionary(fc.constantFrom("in", "out"), fc.record({ Value: value })),
    note: text,
  },
  { requiredKeys: ["at"] },
);

const metricRule: fc.Arbitrary<MetricRule> = fc.oneof(
  fc
    .record({ name: fc.constantFrom("v", "${payload.note}"), type: fc.constantFrom(...metricTypes) })
    .map(metric),
  fc
    .record({
      type: fc.constantFrom(...metricTypes),
      expression: fc.constantFrom("cToF($1)", "$1 * 2", "$1 + ($1 / 2)"),
    })
    .map(({ type, expression }) => metric({ name: "computed", type, value: { inputs: ["v"], expression } })),
  fc
    .record({ type: fc.constantFrom(...metricTypes) })
    .map(({ type }) => metric({ name: "t_${key}", type, each: "T.*", value: { path: "Value" } })),
);
const logRule: fc.Arbitrary<LogRule> = fc.constantFrom(
  log({ value: { path: "note" } }),
  log({ level: "error", value: { path: "note" }, when: { inputs: ["v"], expression: "$1 > 50" } }),
);
const mapping: fc.Arbitrary<MappingRules> = fc
  .record({
    metrics: fc.array(metricRule, { maxLength: 3 }),
    logs: fc.array(logRule, { maxLength: 2 }),
    filter: fc.option(fc.constant({ inputs: ["v"], expression: "$1 < 10" }), { nil: undefined, freq: 3 }),
    onMissing: fc.constantFrom("skip", "deadLetter"),
  })
  .map((fields) =>
    rules({
      ...fields,
      timestamp: { path: "at", unit: "ns" },
      attributes: { topic: "${topic.1}", note: "${payload.note}" },
    }),
  );

interface Case {
  destination: string;
  mappings: readonly MappingRules[];
  payload: object;
}
const settings = fc.constantFrom(
  "temporality: cumulative",
  "temporality: delta",
  "histogramAggregation: exponential",
  "windowSeconds: 60, resourceAttributes: { service.name: plant }",
  "signals: [logs]",
  "topicFilters: [site/#]",
  "requestBytesMax: 1024",
  "seriesMax: 1",
);
const anyCase: fc.Arbitrary<Case> = fc.oneof(
  fc.record({ destination: settings, mappings: fc.constant([]), payload: aioPayload }),
  fc.record({ destination: settings, mappings: mapping.map((one) => [one]), payload: devicePayload }),
);

/** One that acknowledges what its only receiver took, and that has received nothing yet. */
function configOf({ destination, mappings }: Case): GatewayConfig {
  const config = load(`${endpoint(`host: ${sink.url}\nbatching: {}`)}---
${gateway(`acknowledge: delivered
store: { type: memory }
sources:
  - { name: devices, adapter: mqtt, authentication: { method: None }, attributes: { place: "\${topic.2}" } }
destinations:
  - { endpointRef: collector, ${destination} }`)}`);
  return { ...config, mappings };
}

// Not in TypeScript's library yet. Source: ECMA-262, "JSON.rawJSON".
const { rawJSON } = JSON as unknown as { rawJSON(literal: string): unknown };

function print(body: unknown): string {
  return JSON.stringify(body, (_, member) => (typeof member === "bigint" ? rawJSON(String(member)) : member));
}

/** What a receiver of OTLP/JSON would make of a request: the message, but for when its log records were seen. */
function received(signal: "metrics" | "logs", json: JsonValue): JsonValue {
  const plain = JSON.parse(JSON.stringify(json), (name, member) => {
    if (name === "observedTimeUnixNano") return undefined;
    const isId = name === "traceId" || name === "spanId";
    return isId ? Buffer.from(member, "hex").toString("base64") : member;
  }) as JsonValue;
  return signal === "metrics"
    ? toJson(ExportMetricsServiceRequestSchema, fromJson(ExportMetricsServiceRequestSchema, plain))
    : toJson(ExportLogsServiceRequestSchema, fromJson(ExportLogsServiceRequestSchema, plain));
}

function sent({ request }: ReceivedRequest): JsonValue {
  if (request.$typeName === "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest") {
    return toJson(ExportMetricsServiceRequestSchema, request);
  }
  const logs = create(ExportLogsServiceRequestSchema, request);
  for (const { scopeLogs } of logs.resourceLogs) {
    for (const { logRecords } of scopeLogs) for (const record of logRecords) record.observedTimeUnixNano = 0n;
  }
  return toJson(ExportLogsServiceRequestSchema, logs);
}

/** What became of the message, in the words of an explanation. */
function verdictOf(counts: Record<string, number>): string {
  const name = ["accepted", "expired", "filtered", "deadLettered"].find((each) => counts[each] === 1);
  return name ?? "none";
}

describe("an explanation", () => {
  it("has the verdict and the very requests of the gateway that then gets the message", async () => {
    const met = { exports: 0, refusals: 0, filtered: 0 };
    await fc.assert(
      fc.asyncProperty(anyCase, fc.boolean(), async (one, hasTrace) => {
        const opened = await openGatewayInPlace(configOf(one), {
          logger: createFakeLogger(),
          environment: {},
        });
        const post = async (path: string) => {
          const userProperties = hasTrace
            ? [["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]]
            : [];
          const body = print({ topic: "plant/north", payload: one.payload, properties: { userProperties } });
          const headers = { "content-type": "application/json" };
          const request = new Request(`http://127.0.0.1${path}`, { method: "POST", headers, body });
          return (await opened.fetch(request)).json();
        };
        const before = sink.requests.length;
        try {
          const explanation = (await post("/explain")) as Explanation;
          expect(sink.requests).toHaveLength(before);
          const counts = (await post("/webhooks/devices")) as Record<string, number>;
          expect(explanation.verdict).toBe(verdictOf(counts));

          const exports = explanation.lanes.filter((lane) => lane.exports);
          const told = exports.map(({ signal, request }) => [signal, received(signal, request)]);
          const got = sink.requests.slice(before).map((each) => [each.signal, sent(each)]);
          expect(Object.fromEntries(told)).toEqual(Object.fromEntries(got));
          expect(got).toHaveLength(told.length);
          if (explanation.isDelivered) expect(got.length).toBeGreaterThan(0);
          met.exports += got.length;
          if (explanation.verdict === "deadLettered") met.refusals += 1;
          if (explanation.verdict === "filtered") met.filtered += 1;
        } finally {
          await opened.close();
        }
      }),
      { numRuns },
    );
    // A property that holds because nothing happens would be none.
    expect(met.exports).toBeGreaterThan(numRuns / 5);
    expect(met.refusals).toBeGreaterThan(0);
  }, 120_000);
});
