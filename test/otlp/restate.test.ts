import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLogsEncoder, createMetricsEncoder, type EncoderSettings } from "../../pipeline/otlp/encode.ts";
import type { Encoder, Restatement } from "../../pipeline/otlp/encoder.ts";
import type { MetricItem } from "../../pipeline/payload/format.ts";
import {
  counter,
  decodeMetrics,
  message,
  metricItems,
  modes,
  noonUs,
  plainAttributes,
  rewritten,
  seconds,
  sequencePoints,
  settings,
  spans,
  traceparent,
} from "./fixtures.ts";

/** Sends messages that arrive so many seconds after noon, one batch each. */
function receive(encoder: Encoder, ...arrivals: [number, ...MetricItem[]][]): Uint8Array[] {
  return arrivals.map(([arrived, ...metrics]) => {
    const encoding = encoder.begin();
    encoding.add(
      message({ arrivedAtUs: noonUs + arrived * 1e6, userProperties: [["traceparent", traceparent]] }),
      metricItems(...metrics),
    );
    encoding.finish();
    return encoding.commit()?.bytes ?? new Uint8Array();
  });
}

function restate(encoder: Encoder, at: number, more = {}): Restatement | undefined {
  const options = { sealedAtUs: noonUs + at * 1e6, restateMs: 60_000, seriesIdleMs: 3_600_000, ...more };
  return encoder.restate?.(options);
}

function stated(restatement: Restatement | undefined) {
  return spans(decodeMetrics(restatement?.request ?? new Uint8Array()));
}

function device(name: string): Partial<MetricItem> {
  return { attributes: [{ key: "device", value: name }] };
}

function devices({ request }: Restatement): unknown[] {
  return sequencePoints(decodeMetrics(request)).map((point) => plainAttributes(point.attributes).device);
}

describe("restate()", () => {
  it("states the last value again, at the instant of sealing and with the same start", () => {
    const encoder = createMetricsEncoder(settings);
    receive(encoder, [1, counter(5, 1)], [8, counter(2, 7)]);
    const restatement = restate(encoder, 70);
    expect(stated(restatement)).toEqual([[0, 70, 7n]]);
    expect(restatement?.items).toBe(1);
  });

  it("leaves out what was stated or changed less than restateMs ago", () => {
    const encoder = createMetricsEncoder(settings);
    receive(encoder, [1, counter(5, 1)]);
    expect(restate(encoder, 60.999)).toBeUndefined();
    restate(encoder, 61)?.commit();
    expect(restate(encoder, 120.999)).toBeUndefined();
    expect(stated(restate(encoder, 121))).toEqual([[0, 121, 5n]]);
  });

  it("goes by the arrival for a device whose clock is slow", () => {
    const encoder = createMetricsEncoder(settings);
    receive(encoder, [100, counter(5, -1000)]);
    expect(restate(encoder, 150)).toBeUndefined();
    expect(stated(restate(encoder, 160))).toEqual([[-1000 - 5, 160, 5n]]);
  });

  it("waits for a device whose clock is fast", () => {
    const encoder = createMetricsEncoder(settings);
    receive(encoder, [0, counter(5, 300)]);
    expect(restate(encoder, 300)).toBeUndefined();
    expect(stated(restate(encoder, 360))).toEqual([[295, 360, 5n]]);
  });

  it("ends when nothing has changed for seriesIdleMs, however often it was stated", () => {
    const encoder = createMetricsEncoder(settings);
    receive(encoder, [0, counter(5, 0)]);
    for (const at of [1000, 2000, 3599]) restate(encoder, at)?.commit();
    expect(restate(encoder, 3600, { restateMs: 1000 })).toBeUndefined();
    receive(encoder, [4000, counter(1, 4000)]);
    expect(stated(restate(encoder, 4100))).toEqual([[-5, 4100, 6n]]);
  });

  it("never goes back in time, nor repeats one", () => {
    const encoder = createMetricsEncoder(settings);
    receive(encoder, [0, counter(5, 3)]);
    expect(stated(restate(encoder, 3, { restateMs: 0 }))).toEqual([[0, 3.001, 5n]]);
  });

  it("readings of before it join the point behind it", () => {
    const encoder = createMetricsEncoder(settings);
    receive(encoder, [0, counter(5, 1)]);
    restate(encoder, 70)?.commit();
    const encoding = encoder.begin();
    encoding.add(message(), metricItems(counter(2, 69)));
    const { request = new Uint8Array() } = encoding.finish();
    expect(spans(decodeMetrics(request))).toEqual([[0, 70.001, 7n]]);
  });

  it("takes those that were stated longest ago, as many as fit", () => {
    const encoder = createMetricsEncoder({ ...settings, requestBytesMax: 260 });
    receive(
      encoder,
      [3, counter(1, 3, device("c"))],
      [1, counter(1, 1, device("a"))],
      [2, counter(1, 2, device("b"))],
      [4, counter(1, 4, { name: "other", ...device("d") })],
    );
    const rounds: unknown[][] = [];
    for (let round = 0; round < 3; round += 1) {
      const restatement = restate(encoder, 100 + round);
      if (restatement === undefined) break;
      expect(restatement.request.length).toBeLessThanOrEqual(260);
      rounds.push(devices(restatement));
      restatement.commit();
    }
    expect(rounds.flat()).toEqual(["a", "b", "c", "d"]);
    expect(rounds.length).toBeGreaterThan(1);
  });

  it("goes on behind a series that fits no request any more", () => {
    const long = device("x".repeat(500));
    const [state] = receive(createMetricsEncoder(settings), [
      0,
      counter(1, 0, long),
      counter(2, 0, device("b")),
    ]);
    const smaller = createMetricsEncoder({ ...settings, requestBytesMax: 300 });
    smaller.load([state ?? new Uint8Array()]);
    expect(stated(restate(smaller, 100))).toEqual([[-5, 100, 2n]]);
  });

  it("holds nothing of what is delta, a gauge, or of a sequence that ended", () => {
    const encoder = createMetricsEncoder({ ...settings, temporality: "delta" });
    receive(encoder, [0, counter(1, 0), counter(1, 0, { name: "level", type: "i64_up_down_counter" })]);
    receive(encoder, [0, counter(1, 0, { name: "heat", type: "f64_gauge" })]);
    expect(decodeMetrics(restate(encoder, 100)?.request ?? new Uint8Array()).map(({ name }) => name)).toEqual(
      ["level"],
    );
    encoder
      .restart(message(), metricItems(counter(1, 0, { name: "level", type: "i64_up_down_counter" })))
      .commit();
    expect(restate(encoder, 100)).toBeUndefined();
  });

  it("holds nothing that belongs to other settings", () => {
    const [state] = receive(createMetricsEncoder(settings), [0, counter(1, 0)]);
    const changed = createMetricsEncoder({ ...settings, resourceAttributes: { "service.name": "plant-8" } });
    changed.load([state ?? new Uint8Array()]);
    expect(restate(changed, 100)).toBeUndefined();
  });

  it("has no exemplars, and types its attributes as before", () => {
    const attributes = [
      { key: "z", value: "1" },
      { key: "a", value: 1 },
      { key: "m", value: true },
    ];
    const encoder = createMetricsEncoder(settings);
    receive(encoder, [0, counter(1, 0, { unit: "By", attributes })]);
    const [metric, ...more] = decodeMetrics(restate(encoder, 100)?.request ?? new Uint8Array());
    expect([metric?.name, metric?.unit, more]).toEqual(["parts", "By", []]);
    const [point] = metric === undefined ? [] : sequencePoints([metric]);
    expect(plainAttributes(point?.attributes ?? [])).toEqual({ a: 1n, m: true, z: "1" });
    expect(point?.exemplars).toEqual([]);
  });

  it("changes nothing before it is committed", () => {
    const encoder = createMetricsEncoder(settings);
    receive(encoder, [0, counter(1, 0)]);
    const first = restate(encoder, 100);
    expect(restate(encoder, 100)?.request).toEqual(first?.request);
    first?.commit();
    expect(restate(encoder, 100)).toBeUndefined();
  });

  it("has nothing to say of logs", () => {
    expect(createLogsEncoder(settings).restate).toBeUndefined();
  });

  const item = fc
    .record({
      name: fc.constantFrom("x", "y"),
      type: fc.constantFrom("u64_counter" as const, "f64_histogram" as const, "f64_up_down_counter" as const),
      value: fc.nat({ max: 1_000_000 }),
      device: fc.constantFrom("a", "b", "ö"),
      arrived: fc.integer({ min: 0, max: 500 }),
      behind: fc.integer({ min: -20, max: 100 }),
    })
    .map(({ arrived, behind, device: name, ...rest }): [number, MetricItem] => [
      arrived,
      { ...counter(0, arrived - behind, device(name)), ...rest },
    ]);

  it.each(modes)("is exact, fits, keeps starts, and is the same after a restart: %s", (_, mode) => {
    fc.assert(
      fc.property(
        fc.array(item, { maxLength: 30 }),
        fc.integer({ min: 0, max: 1000 }),
        fc.integer({ min: 250, max: 2000 }),
        (items, at, requestBytesMax) => {
          const options: EncoderSettings = { ...settings, ...mode, requestBytesMax };
          const encoder = createMetricsEncoder(options);
          const again = createMetricsEncoder(options);
          again.load(receive(encoder, ...items));
          const restatement = restate(encoder, at);
          expect(restate(again, at)?.request).toEqual(restatement?.request);
          if (restatement === undefined) return;
          expect(restatement.request.length).toBeLessThanOrEqual(requestBytesMax);
          expect(rewritten(restatement.request)).toHaveLength(restatement.request.length);
          const points = sequencePoints(decodeMetrics(restatement.request));
          expect(points).toHaveLength(restatement.items);
          for (const { startTimeUnixNano, timeUnixNano } of points) {
            expect(timeUnixNano).toBeGreaterThan(startTimeUnixNano);
            expect(seconds(timeUnixNano)).toBe(at);
          }
          const change = restatement.commit();
          again.load([change?.bytes ?? new Uint8Array()]);
          expect(restate(again, at + 60)?.request).toEqual(restate(encoder, at + 60)?.request);
        },
      ),
    );
  });
});
