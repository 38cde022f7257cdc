import { describe, expect, it } from "vitest";
import { createLogsEncoder, createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { MetricItem } from "../../pipeline/payload/format.ts";
import {
  counter,
  deliver,
  encode,
  message,
  metricItems,
  noonUs,
  settings as plainSettings,
} from "./fixtures.ts";

const settings = { ...plainSettings, seriesMax: 1 };
const madeBy = { rule: "metrics[0] of Mapping plant", attributes: ["device"] };

function of(device: string, more: Partial<MetricItem> = {}): MetricItem {
  return counter(1, 1, { attributes: [{ key: "device", value: device }], ...more });
}

/** What a reading beyond the limit may be of. */
const kinds: [string, Partial<MetricItem>][] = [
  ["a rule's gauge", { name: "speed", type: "f64_gauge", madeBy }],
  ["a counter", {}],
  ["a sum that may fall", { type: "i64_up_down_counter" }],
  ["a histogram", { type: "f64_histogram" }],
];

describe.each(kinds)("overflowedReadings of %s", (_, kind) => {
  const [a, b, c] = ["a", "b", "c"].map((device) => of(device, kind)) as [MetricItem, MetricItem, MetricItem];

  it("has each one without a series of its own, when its batch is committed", () => {
    const encoder = createMetricsEncoder(settings);
    const encoding = encode(encoder, a, b, a, c, b);
    encoding.finish();
    expect(encoder.overflowedReadings).toBe(0);
    encoding.commit();
    expect(encoder.overflowedReadings).toBe(3);
    deliver(encoder, c);
    expect(encoder.overflowedReadings).toBe(4);
    deliver(encoder, a);
    expect(encoder.overflowedReadings).toBe(4);
  });

  it("has nothing of a batch that was thrown away", () => {
    const encoder = createMetricsEncoder(settings);
    encode(encoder, a, b, c).finish();
    deliver(encoder, a, b);
    expect(encoder.overflowedReadings).toBe(1);
  });

  it("has nothing of a message that was taken back", () => {
    const { request } = deliver(createMetricsEncoder(settings), a, b);
    const encoder = createMetricsEncoder({ ...settings, requestBytesMax: request.length });
    const encoding = encode(encoder, a, b);
    const other = { ...c, name: "scrap" };
    expect(encoding.add(message(), metricItems(b, c, other))).toBe(false);
    encoding.finish();
    encoding.commit();
    expect(encoder.overflowedReadings).toBe(1);
  });

  it("has nothing of messages that were refused, nor of those that were sent with them", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, a);
    const restart = encoder.restart(message(), metricItems(b));
    restart.also(message(), metricItems(c));
    restart.follow(message(), metricItems(b, c));
    restart.commit();
    expect(encoder.overflowedReadings).toBe(0);
  });
});

describe("overflowedReadings", () => {
  it("has nothing of series that are stated again", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, of("a"), of("b"));
    const sealedAtUs = noonUs + 120e6;
    const restatement = encoder.restate?.({ sealedAtUs, restateMs: 60_000, seriesIdleMs: 3_600_000 });
    expect(restatement?.items).toBe(2);
    restatement?.commit();
    expect(encoder.overflowedReadings).toBe(1);
  });

  it("has no gauges of no rule, which are all kept", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, ...["a", "b", "c"].map((device) => of(device, { type: "f64_gauge" })));
    expect(encoder.overflowedReadings).toBe(0);
  });

  it("begins with 0 after a restart", () => {
    const { state } = deliver(createMetricsEncoder(settings), of("a"), of("b"));
    const encoder = createMetricsEncoder(settings);
    encoder.load([state?.bytes ?? new Uint8Array()]);
    expect(encoder.overflowedReadings).toBe(0);
  });

  it("is 0 of logs", () => {
    expect(createLogsEncoder(settings).overflowedReadings).toBe(0);
  });
});
