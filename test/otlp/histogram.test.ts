import { describe, expect, it } from "vitest";
import { createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { MetricItem } from "../../pipeline/payload/format.ts";
import { at, deliver, encode, histogramPoints, message, rewritten, seconds, settings } from "./fixtures.ts";

function measured(value: number | bigint, time: number, more: Partial<MetricItem> = {}): MetricItem {
  return { name: "cycle", type: "f64_histogram", value, timeUnixNano: at(time), attributes: [], ...more };
}

function points(...input: Parameters<typeof deliver>) {
  return histogramPoints(deliver(...input).metrics).map((point) => ({
    start: seconds(point.startTimeUnixNano),
    time: seconds(point.timeUnixNano),
    count: point.count,
    sum: point.sum,
    buckets: point.bucketCounts,
    min: point.min,
    max: point.max,
  }));
}

describe("histograms", () => {
  it("count values in buckets with inclusive upper bounds, cumulatively", () => {
    const encoder = createMetricsEncoder(settings);
    const { metrics } = deliver(encoder, measured(0, 1), measured(5, 2), measured(5.5, 3), measured(99, 4));
    expect(histogramPoints(metrics)[0]?.explicitBounds).toEqual([0, 5, 10]);
    expect(metrics[0]?.data.case === "histogram" && metrics[0].data.value.aggregationTemporality).toBe(2);
    expect(points(encoder, measured(1, 6), measured(2, 11))).toEqual([
      { start: 0, time: 6, count: 5n, sum: 110.5, buckets: [1n, 2n, 1n, 1n], min: 0, max: 99 },
      { start: 0, time: 11, count: 6n, sum: 112.5, buckets: [1n, 3n, 1n, 1n], min: 0, max: 99 },
    ]);
  });

  it("take large integers as doubles", () => {
    const [point] = points(createMetricsEncoder(settings), measured(2n ** 62n, 1, { type: "u64_histogram" }));
    expect([point?.sum, point?.min, point?.buckets]).toEqual([2 ** 62, 2 ** 62, [0n, 0n, 0n, 1n]]);
  });

  it("leave the sum out from the first negative value of the sequence on", () => {
    const encoder = createMetricsEncoder(settings);
    const sums = [
      ...points(encoder, measured(1, 1), measured(2, 11), measured(-1, 6)),
      ...points(encoder, measured(1, 21)),
    ];
    expect(sums.map(({ time, sum, min, count }) => [time, sum, min, count])).toEqual([
      [1, 1, 1, 1n],
      [6, undefined, -1, 2n],
      [11, undefined, -1, 3n],
      [21, undefined, -1, 4n],
    ]);
  });

  it("leave the sum out of later points too when an earlier window turns negative after them", () => {
    const encoder = createMetricsEncoder(settings);
    const sums = points(encoder, measured(1, 1), measured(2, 11), measured(-1, 2));
    expect(sums.map(({ time, sum }) => [time, sum])).toEqual([
      [2, undefined],
      [11, undefined],
    ]);
  });

  it("have the bounds of their metric's name, whatever it is", () => {
    const encoder = createMetricsEncoder({
      ...settings,
      histogramBounds: { default: [], byMetricName: { cycle: [0.1, 1] } },
    });
    const { metrics } = deliver(encoder, measured(0.5, 1), measured(1, 1, { name: "constructor" }));
    expect(
      histogramPoints(metrics).map(({ explicitBounds, bucketCounts }) => [explicitBounds, bucketCounts]),
    ).toEqual([
      [
        [0.1, 1],
        [0n, 1n, 0n],
      ],
      [[], [1n]],
    ]);
  });

  it("begin anew when their bounds change", () => {
    const before = createMetricsEncoder(settings);
    const { state } = deliver(before, measured(-1, 1), measured(1, 1, { name: "torque" }));
    const after = createMetricsEncoder({
      ...settings,
      histogramBounds: { default: [0, 5, 10], byMetricName: { cycle: [1] } },
    });
    after.load([state?.bytes ?? new Uint8Array()]);
    const next = deliver(after, measured(2, 3), measured(2, 3, { name: "torque" }));
    expect(
      histogramPoints(next.metrics).map(({ startTimeUnixNano, bucketCounts, sum }) => [
        seconds(startTimeUnixNano),
        bucketCounts,
        sum,
      ]),
    ).toEqual([
      [1, [0n, 1n], 2],
      [0, [0n, 2n, 0n, 0n], 3],
    ]);
    expect(points(after, measured(2, 9))[0]).toMatchObject({ start: 1, count: 2n, sum: 4 });
  });

  it("go on after a restart, without the sum when a value was negative", () => {
    const { state } = deliver(createMetricsEncoder(settings), measured(-1, 1), measured(3, 1));
    const after = createMetricsEncoder(settings);
    after.load([state?.bytes ?? new Uint8Array()]);
    expect(points(after, measured(99, 6))).toEqual([
      { start: 0, time: 6, count: 3n, sum: undefined, buckets: [1n, 1n, 0n, 1n], min: -1, max: 99 },
    ]);
  });

  it("a refused message leaves no trace in them", () => {
    const encoder = createMetricsEncoder(settings);
    const kept = [measured(1, 1), measured(2, 11)];
    const alone = encode(encoder, ...kept).finish();
    const limited = createMetricsEncoder({ ...settings, requestBytesMax: alone.request?.length ?? 0 });
    const encoding = encode(limited, ...kept);
    const refused = [measured(-5, 0.5), measured(-5, 6), measured(1, 1, { name: "torque" })];
    expect(encoding.add(message(), { metrics: refused, logs: [] })).toBe(false);
    expect(encoding.finish()).toEqual(alone);
  });

  it("are written as protobuf-es writes them, field by field", () => {
    const { request } = deliver(createMetricsEncoder(settings), measured(1, 1), measured(-2, 7));
    expect(rewritten(request)).toHaveLength(request.length);
  });
});
