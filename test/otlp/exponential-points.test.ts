import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { MetricItem } from "../../pipeline/payload/format.ts";
import {
  at,
  deliver,
  exponentialPoints,
  histogramPoints,
  message,
  metricItems,
  modes,
  rewritten,
  seconds,
  settings,
} from "./fixtures.ts";

const exponential = { ...settings, histogramAggregation: "exponential" } as const;

function measured(value: number | bigint, time: number, more: Partial<MetricItem> = {}): MetricItem {
  return { name: "cycle", type: "f64_histogram", value, timeUnixNano: at(time), attributes: [], ...more };
}

function points(...input: Parameters<typeof deliver>) {
  return exponentialPoints(deliver(...input).metrics).map((point) => ({
    start: seconds(point.startTimeUnixNano),
    time: seconds(point.timeUnixNano),
    count: point.count,
    sum: point.sum,
    scale: point.scale,
    zeros: point.zeroCount,
    buckets: point.positive && [point.positive.offset, ...point.positive.bucketCounts],
  }));
}

describe("exponential histograms", () => {
  it("run on from window to window and from batch to batch", () => {
    const encoder = createMetricsEncoder(exponential);
    expect(points(encoder, measured(2, 1), measured(0, 2), measured(2 ** 160, 7))).toEqual([
      { start: 0, time: 2, count: 2n, sum: 2, scale: 20, zeros: 1n, buckets: [2 ** 20 - 1, 1n] },
      {
        start: 0,
        time: 7,
        count: 3n,
        sum: 2 + 2 ** 160,
        scale: 0,
        zeros: 1n,
        buckets: [0, 1n, ...Array(158).fill(0n), 1n],
      },
    ]);
    const [next] = points(encoder, measured(2 ** 161, 11));
    expect([next?.count, next?.scale, next?.buckets?.length]).toEqual([4n, -1, 82]);
  });

  it("run on while their buckets spread and are put together, also as they are loaded again", () => {
    const saved: Uint8Array[] = [];
    const encoder = createMetricsEncoder(exponential);
    for (let batch = 1; batch <= 300; batch += 1) {
      const value = 1 + batch / 1000;
      const { metrics, state } = deliver(encoder, measured(value, 60 * batch));
      expect(exponentialPoints(metrics).map(({ count }) => count)).toEqual([BigInt(batch)]);
      if (state?.kind === "append") saved.splice(0, state.dropOldest ?? 0);
      if (state) saved.push(state.bytes);
    }
    const restarted = createMetricsEncoder(exponential);
    restarted.load(saved);
    const next = measured(5, 60 * 301);
    expect(points(restarted, next)).toEqual(points(encoder, next));
  });

  it("are cumulative or delta", () => {
    const encoder = createMetricsEncoder({ ...exponential, temporality: "delta" });
    const { metrics } = deliver(encoder, measured(2, 1), measured(2, 7));
    expect(metrics[0]?.data.value).toMatchObject({ aggregationTemporality: 1 });
    expect(points(encoder, measured(4, 12))).toEqual([
      { start: 7, time: 12, count: 1n, sum: 4, scale: 20, zeros: 0n, buckets: [2 ** 21 - 1, 1n] },
    ]);
  });

  it("go on after a restart", () => {
    const { state } = deliver(createMetricsEncoder(exponential), measured(-1, 1), measured(3, 1));
    const after = createMetricsEncoder(exponential);
    after.load([state?.bytes ?? new Uint8Array()]);
    expect(points(after, measured(3, 6))[0]).toMatchObject({
      start: 0,
      count: 3n,
      sum: undefined,
      scale: 20,
    });
  });

  it("begin anew when explicit bounds are wanted instead, and the other way round", () => {
    const { state } = deliver(createMetricsEncoder(exponential), measured(3, 1));
    const explicit = createMetricsEncoder(settings);
    explicit.load([state?.bytes ?? new Uint8Array()]);
    const changed = deliver(explicit, measured(3, 2));
    expect(histogramPoints(changed.metrics)[0]).toMatchObject({ count: 1n, startTimeUnixNano: at(1) });
    const back = createMetricsEncoder(exponential);
    back.load([state?.bytes ?? new Uint8Array(), changed.state?.bytes ?? new Uint8Array()]);
    expect(points(back, measured(3, 3))[0]).toMatchObject({ start: 2, count: 1n });
  });

  it("begin anew when what was kept of them is damaged", () => {
    const encoder = createMetricsEncoder(exponential);
    const { state } = deliver(encoder, measured(3, 1));
    const bytes = state?.bytes ?? new Uint8Array();
    // The values are the last 64 bytes and begin with the scale, which is never above 20.
    bytes[bytes.length - 64] = 99;
    const after = createMetricsEncoder(exponential);
    after.load([bytes]);
    expect(points(after, measured(3, 6))[0]).toMatchObject({ start: 5, count: 1n });
  });

  it.each(modes)("have exact sizes whatever comes late, also where counts grow by a byte: %s", (_, mode) => {
    const reading = fc.tuple(
      fc.constantFrom(0, 1, 1, 1, 1, 1.1, 1000, -3, 1e300),
      fc.integer({ min: 0, max: 24 }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.array(reading, { minLength: 1, maxLength: 300, size: "max" }), { maxLength: 3 }),
        fc.integer({ min: 300, max: 1500 }),
        (batches, requestBytesMax) => {
          const encoder = createMetricsEncoder({ ...settings, ...mode, requestBytesMax });
          for (const batch of batches) {
            const encoding = encoder.begin();
            for (const [value, time] of batch) encoding.add(message(), metricItems(measured(value, time)));
            const { request = new Uint8Array() } = encoding.finish();
            expect(request.length).toBeLessThanOrEqual(requestBytesMax);
            expect(rewritten(request)).toHaveLength(request.length);
            encoding.commit();
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
