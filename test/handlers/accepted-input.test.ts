import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ExportLogsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import { createLogsEncoder, createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { levels, metricTypes } from "../../pipeline/payload/format.ts";
import { openSqliteStore, type SqliteStore } from "../../pipeline/store/sqlite.ts";
import { settings } from "../otlp/fixtures.ts";
import { createFolder } from "../store/sqlite-folder.ts";
import { createTestApp, lanes, sourceConfig } from "../support/app.ts";

/**
 * Aim: what was acknowledged as accepted can always be delivered; one message that could not be read back would
 * hold its lane up for ever. Method: messages at the edges of what is valid go through the real routes into a real
 * store, and are read, encoded and decoded again by both lanes.
 */
const numRuns = Number(process.env.FAST_CHECK_RUNS ?? 300);

const numbers = [
  "0",
  "-0",
  "1",
  "-1",
  "0.1",
  "9223372036854775807",
  "-9223372036854775808",
  "9007199254740993",
];
const number = fc.oneof(
  fc.constantFrom(...numbers, "5e-324", "1.7976931348623157e308", "-1.7976931348623157e308", "1e22"),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);
const time = fc.constantFrom("0", "1", "1754851200000000001", "9223372036854775808", "18446744073709551615");
const text = fc
  .oneof(
    fc.constantFrom("", "a", "constructor", "__proto__", "\u0000", "\ufeff", "traceparent", "é".repeat(3000)),
    fc.constantFrom("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-0-0-01"),
    fc.string({ unit: "binary" }),
  )
  .map((value) => JSON.stringify(value));
const name = text.map((value) => (value === '""' ? '"x"' : value));
const attributes = fc
  .array(fc.tuple(name, text), { maxLength: 3 })
  .map((pairs) => `[${pairs.map(([key, value]) => `{"key":${key},"value":${value}}`)}]`);
const metric = fc
  .tuple(name, fc.constantFrom(...metricTypes), number, time, attributes, text)
  .map(
    ([name, type, value, time, attributes, description]) =>
      `{"name":${name},"type":"${type}","value":${value},"timestamp":${time},"attributes":${attributes},"description":${description}}`,
  );
const log = fc
  .tuple(text, fc.constantFrom(...levels), time, attributes)
  .map(
    ([value, level, time, attributes]) =>
      `{"value":${value},"level":"${level}","timestamp":${time},"attributes":${attributes}}`,
  );
const message = fc
  .tuple(
    fc.array(metric, { maxLength: 2 }),
    fc.array(log, { maxLength: 2 }),
    fc.constantFrom("1970-01-01T00:00:00Z", "2254-12-31T23:59:60-23:59", "2026-01-05T10:00:00Z"),
    fc.constantFrom("null", "1", "4294967295"),
    fc.array(fc.tuple(text, text), { maxLength: 2 }),
  )
  .map(
    ([metrics, logs, publishedAt, expiry, properties]) =>
      `{"topic":"t","payload":{"metrics":[${metrics}],"logs":[${logs}]},"publishedAt":"${publishedAt}",` +
      `"properties":{"messageExpiryInterval":${expiry},"userProperties":[${properties.map(([a, b]) => `[${a},${b}]`)}]}}`,
  );

const schemas = { metrics: ExportMetricsServiceRequestSchema, logs: ExportLogsServiceRequestSchema };
let folder: ReturnType<typeof createFolder>;
let store: SqliteStore;

beforeEach(async () => {
  folder = createFolder();
  store = await openSqliteStore({
    path: folder.path,
    bytesMax: 1e9,
    deadLetterBytesMax: 1e8,
    dedupe: { windowSeconds: 0, entriesMax: 0 },
    lanes,
  });
});

afterEach(async () => {
  await store.close();
  folder.remove();
});

describe("an accepted message", () => {
  it("can be read and encoded by every lane that owes it", async () => {
    const test = createTestApp({
      sources: [sourceConfig({ name: "mqtt", adapter: "mqtt" })],
      limits: { bodyBytesMax: 1e6, payloadBytesMax: 1e6 },
      wrapStore: () => store,
    });
    const encoders = { metrics: createMetricsEncoder(settings), logs: createLogsEncoder(settings) };
    const cursors = { metrics: 0, logs: 0 };
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 4 }), async (messages) => {
        const response = await test.post("/webhooks/mqtt", `[${messages}]`, {
          "Content-Type": "application/json",
        });
        expect(response.status).toBe(200);
        accepted += ((await response.json()) as { accepted: number }).accepted;
        for (const lane of lanes.map((one) => store.lane(one))) {
          const { signal } = lane.name;
          const encoding = encoders[signal].begin();
          for (const stored of await lane.read(cursors[signal], 100)) {
            cursors[signal] = stored.id;
            const parsed = aioFormat.parse(stored, { lenient: false });
            expect(parsed.kind === "items" && encoding.add(stored, parsed.items)).toBe(true);
          }
          const { request } = encoding.finish();
          if (request) expect(() => fromBinary(schemas[signal], request)).not.toThrow();
          encoding.commit();
        }
      }),
      { numRuns },
    );
    expect(accepted).toBeGreaterThan(numRuns / 10);
  });
});
