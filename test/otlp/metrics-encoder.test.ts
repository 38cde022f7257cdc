import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ExportMetricsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.ts";
import { createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { MetricItem } from "../../pipeline/payload/format.ts";
import {
  at,
  counter,
  type decodeMetrics,
  deliver,
  encode,
  log,
  logItems,
  message,
  metricItems,
  noonUs,
  numberPoints,
  plainAttributes,
  settings,
  spans,
} from "./fixtures.ts";

function gauge(value: number | bigint, more: Partial<MetricItem> = {}): MetricItem {
  return { name: "temperature", type: "f64_gauge", value, attributes: [], ...more };
}

describe("createMetricsEncoder()", () => {
  it("writes one Resource and one scope without a version", () => {
    const { request } = deliver(createMetricsEncoder(settings), gauge(1), counter(1));
    const { resourceMetrics } = fromBinary(ExportMetricsServiceRequestSchema, request);
    expect(resourceMetrics).toHaveLength(1);
    expect(plainAttributes(resourceMetrics[0]?.resource?.attributes ?? [])).toEqual(
      settings.resourceAttributes,
    );
    expect(resourceMetrics[0]?.scopeMetrics.map(({ scope }) => [scope?.name, scope?.version])).toEqual([
      ["mqtt-otlp-gateway", ""],
    ]);
  });

  it("keeps every reading of a gauge, with its own time or else the arrival", () => {
    const { metrics, items } = deliver(
      createMetricsEncoder(settings),
      gauge(21.5, { timeUnixNano: 1754851200000000001n }),
      gauge(21.5, { timeUnixNano: 1754851200000000001n }),
      gauge(22),
    );
    expect(numberPoints(metrics).map(({ timeUnixNano }) => timeUnixNano)).toEqual([
      1754851200000000001n,
      1754851200000000001n,
      at(0),
    ]);
    expect(items).toBe(3);
  });

  it("takes the time 0 for no time", () => {
    const { metrics } = deliver(createMetricsEncoder(settings), gauge(1, { timeUnixNano: 0n }));
    expect(numberPoints(metrics)[0]?.timeUnixNano).toBe(at(0));
  });

  it("writes integers exactly and floats as doubles, in one gauge", () => {
    const { metrics } = deliver(
      createMetricsEncoder(settings),
      gauge(9223372036854775807n, { type: "u64_gauge" }),
      gauge(-9223372036854775808n, { type: "i64_gauge" }),
      gauge(-3, { type: "i64_gauge" }),
      gauge(72),
    );
    expect(metrics).toHaveLength(1);
    expect(numberPoints(metrics).map(({ value }) => value)).toEqual([
      { case: "asInt", value: 9223372036854775807n },
      { case: "asInt", value: -9223372036854775808n },
      { case: "asInt", value: -3n },
      { case: "asDouble", value: 72 },
    ]);
  });

  it("separates metrics of one name by kind and unit, and keeps the longest description", () => {
    const { metrics } = deliver(
      createMetricsEncoder(settings),
      gauge(1, { name: "x", unit: "Cel", description: "short" }),
      gauge(1, { name: "x", unit: "Cel", description: "longer text" }),
      gauge(1, { name: "x", unit: "Cel", description: "brief" }),
      gauge(1, { name: "x" }),
      gauge(1, { name: "x", type: "f64_counter" }),
      gauge(1, { name: "x", type: "f64_up_down_counter" }),
      gauge(1, { name: "x", type: "f64_histogram" }),
    );
    expect(metrics.map(({ name, unit, description, data }) => [name, unit, description, data.case])).toEqual([
      ["x", "Cel", "longer text", "gauge"],
      ["x", "", "", "gauge"],
      ["x", "", "", "sum"],
      ["x", "", "", "sum"],
      ["x", "", "", "histogram"],
    ]);
    const monotonic = metrics.map(({ data }) => data.case === "sum" && data.value.isMonotonic);
    expect(monotonic).toEqual([false, false, true, false, false]);
  });

  it("adds no attributes of the message", () => {
    const { metrics } = deliver(
      createMetricsEncoder(settings),
      gauge(1, { attributes: [{ key: "device", value: "7" }] }),
    );
    expect(plainAttributes(numberPoints(metrics)[0]?.attributes ?? [])).toEqual({ device: "7" });
  });

  it("sends nothing when there is nothing to send", () => {
    const encoding = createMetricsEncoder(settings).begin();
    expect(encoding.add(message(), logItems(log()))).toBe(true);
    expect(encoding.messages).toBe(1);
    expect(encoding.finish()).toEqual({ request: undefined, items: 0 });
    expect(encoding.commit()).toBeUndefined();
  });
});

describe("requestBytesMax", () => {
  const items = metricItems(
    counter(1, 1, { attributes: [{ key: "device", value: "a" }], description: "a long description" }),
    counter(1, 7, { attributes: [{ key: "device", value: "a" }] }),
    gauge(1),
    { name: "cycle", type: "f64_histogram", value: -1, attributes: [] },
  );

  it("add() takes a message that fills the request to the last byte, and no message beyond", () => {
    const { request: full = new Uint8Array() } = (() => {
      const encoding = createMetricsEncoder(settings).begin();
      encoding.add(message(), items);
      return encoding.finish();
    })();
    const exact = createMetricsEncoder({ ...settings, requestBytesMax: full.length }).begin();
    expect(exact.add(message(), items)).toBe(true);
    expect(exact.add(message(), metricItems(gauge(1)))).toBe(false);
    expect(exact.finish().request).toEqual(full);
    const tight = createMetricsEncoder({ ...settings, requestBytesMax: full.length - 1 }).begin();
    expect(tight.add(message(), items)).toBe(false);
    expect(tight.finish()).toEqual({ request: undefined, items: 0 });
  });

  it("add() encodes no more of a message once the request is full", () => {
    let encoded = 0;
    const attributes = [{ key: "topic", value: "x".repeat(1000) }];
    const readings = Array.from(
      { length: 1000 },
      (_, value): MetricItem => ({
        ...gauge(value),
        get attributes() {
          encoded += 1;
          return attributes;
        },
      }),
    );
    const encoding = createMetricsEncoder({ ...settings, requestBytesMax: 10_000 }).begin();
    expect(encoding.add(message(), metricItems(...readings))).toBe(false);
    expect(encoded).toBeGreaterThan(5);
    expect(encoded).toBeLessThan(50);
    expect(encoding.finish()).toEqual({ request: undefined, items: 0 });
  });

  it("a refused message leaves no trace in metrics, sums, descriptions and the series limit", () => {
    const first = counter(1, 1, { attributes: [{ key: "device", value: "a" }] });
    const second = counter(1, 1, { attributes: [{ key: "device", value: "b" }] });
    const alone = encode(createMetricsEncoder({ ...settings, seriesMax: 2 }), first, second).finish();
    const encoder = createMetricsEncoder({
      ...settings,
      seriesMax: 2,
      requestBytesMax: alone.request?.length ?? 0,
    });
    const encoding = encoder.begin();
    expect(encoding.add(message(), metricItems(first))).toBe(true);
    const refused = metricItems(
      counter(5, 1.5, { attributes: [{ key: "device", value: "a" }], description: "more" }),
      counter(5, 8, { attributes: [{ key: "device", value: "c" }] }),
      gauge(1),
    );
    expect(encoding.add(message(), refused)).toBe(false);
    expect(encoding.add(message(), metricItems(second))).toBe(true);
    expect(encoding.finish()).toEqual(alone);
  });

  it("a refused float leaves a sum of integers one of integers", () => {
    const alone = encode(createMetricsEncoder(settings), counter(1, 1)).finish();
    const encoder = createMetricsEncoder({ ...settings, requestBytesMax: alone.request?.length ?? 0 });
    const encoding = encode(encoder, counter(1, 1));
    const refused = metricItems(counter(0.5, 1, { type: "f64_counter" }), gauge(1));
    expect(encoding.add(message(), refused)).toBe(false);
    expect(encoding.finish()).toEqual(alone);
  });
});

describe("seriesMax", () => {
  const device = (value: string) => ({ attributes: [{ key: "device", value }] });
  const attributesOf = (metrics: ReturnType<typeof decodeMetrics>) =>
    numberPoints(metrics).map(({ attributes }) => plainAttributes(attributes));

  it("new attribute sets beyond it share one series for each metric", () => {
    const encoder = createMetricsEncoder({ ...settings, seriesMax: 2 });
    const { metrics } = deliver(
      encoder,
      counter(1, 1, device("a")),
      counter(2, 1, device("b")),
      counter(3, 1, device("c")),
      counter(4, 1, device("d")),
      counter(5, 1, { ...device("d"), name: "scrap" }),
    );
    expect(attributesOf(metrics)).toEqual([
      { device: "a" },
      { device: "b" },
      { "otel.metric.overflow": true },
      { "otel.metric.overflow": true },
    ]);
    expect(spans(metrics).map(([, , value]) => value)).toEqual([1n, 2n, 7n, 5n]);
  });

  it("known series go on, also in later batches", () => {
    const encoder = createMetricsEncoder({ ...settings, seriesMax: 1 });
    deliver(encoder, counter(1, 1, device("a")), counter(1, 1, device("b")));
    const { metrics } = deliver(encoder, counter(1, 6, device("b")), counter(1, 6, device("a")));
    expect(attributesOf(metrics)).toEqual([{ "otel.metric.overflow": true }, { device: "a" }]);
    expect(spans(metrics).map(([, , value]) => value)).toEqual([2n, 2n]);
    expect(encoder.series).toBe(2);
  });

  it("gauges of no rule do not count", () => {
    const encoder = createMetricsEncoder({ ...settings, seriesMax: 1 });
    deliver(encoder, gauge(1, device("a")), gauge(1, device("b")));
    expect(encoder.series).toBe(0);
  });
});

describe("the series of a batch", () => {
  const seriesMax = 8192;
  const wide = { ...settings, seriesMax: 100_000 };
  const ofDevice = (device: number) => counter(1, 1, { attributes: [{ key: "device", value: device }] });
  const devices = (count: number) => Array.from({ length: count }, (_, device) => ofDevice(device));

  it("are limited: add() takes another reading of those that it has, and no further one", () => {
    const encoding = encode(createMetricsEncoder(wide), ...devices(seriesMax));
    expect(encoding.add(message(), metricItems(ofDevice(seriesMax)))).toBe(false);
    expect(encoding.add(message(), metricItems(ofDevice(7)))).toBe(true);
    expect(encoding.finish().items).toBe(seriesMax);
  });

  it("are as many as a message has that is alone", () => {
    const encoding = createMetricsEncoder({ ...wide, requestBytesMax: 10_000_000 }).begin();
    expect(encoding.add(message(), metricItems(...devices(seriesMax + 1)))).toBe(true);
    expect(encoding.add(message(), metricItems(gauge(1)))).toBe(false);
    expect(encoding.finish().items).toBe(seriesMax + 1);
  });

  it("are limited when they are stated again too", () => {
    const encoder = createMetricsEncoder(wide);
    for (const items of [devices(seriesMax), [ofDevice(seriesMax)]]) {
      const encoding = encode(encoder, ...items);
      encoding.finish();
      encoding.commit();
    }
    const options = { sealedAtUs: noonUs + 120e6, restateMs: 60_000, seriesIdleMs: 3_600_000 };
    const first = encoder.restate?.(options);
    expect(first?.items).toBe(seriesMax);
    first?.commit();
    expect(encoder.restate?.(options)?.items).toBe(1);
  });
});
