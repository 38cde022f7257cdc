import { describe, expect, it } from "vitest";
import { createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { Encoder } from "../../pipeline/otlp/encoder.ts";
import {
  counter,
  deliver,
  encode,
  histogramPoints,
  message,
  metricItems,
  plainAttributes,
  seconds,
  sequencePoints,
  settings,
  spans,
} from "./fixtures.ts";

const delta = { ...settings, temporality: "delta" } as const;

function restarted(state: Uint8Array | undefined, options: typeof settings = delta): Encoder {
  const encoder = createMetricsEncoder(options);
  encoder.load(state === undefined ? [] : [state]);
  return encoder;
}

describe("delta points", () => {
  it("hold their own window, and start where the one before ended", () => {
    const encoder = createMetricsEncoder(delta);
    expect(spans(deliver(encoder, counter(1, 1), counter(2, 3), counter(4, 7)).metrics)).toEqual([
      [0, 3, 3n],
      [3, 7, 4n],
    ]);
    expect(spans(deliver(encoder, counter(8, 500)).metrics)).toEqual([[7, 500, 8n]]);
  });

  it("are marked as such, with monotonicity", () => {
    const { metrics } = deliver(createMetricsEncoder(delta), counter(1, 1));
    expect(metrics[0]?.data.value).toMatchObject({ aggregationTemporality: 1, isMonotonic: true });
  });

  it("never come from sums that may fall", () => {
    const encoder = createMetricsEncoder(delta);
    const level = (value: number, time: number) => counter(value, time, { type: "i64_up_down_counter" });
    deliver(encoder, level(5, 1));
    const { metrics } = deliver(encoder, level(-2, 6));
    expect(metrics[0]?.data.value).toMatchObject({ aggregationTemporality: 2, isMonotonic: false });
    expect(spans(metrics)).toEqual([[0, 6, 3n]]);
  });

  it("take a late reading into the next point, without an overlap", () => {
    const encoder = createMetricsEncoder(delta);
    deliver(encoder, counter(1, 7));
    expect(spans(deliver(encoder, counter(2, 3)).metrics)).toEqual([[7, 7.001, 2n]]);
  });

  it("put a late reading of the same batch into its window", () => {
    const { metrics } = deliver(
      createMetricsEncoder(delta),
      counter(1, 12),
      counter(2, 3),
      counter(4, 7),
      counter(8, 4),
    );
    expect(spans(metrics)).toEqual([
      [0, 4, 10n],
      [4, 7, 4n],
      [7, 12, 1n],
    ]);
  });

  it("go on after a restart, and a batch that is sent again has the same bytes", () => {
    const { state } = deliver(createMetricsEncoder(delta), counter(1, 1));
    const sent = encode(restarted(state?.bytes), counter(2, 9)).finish();
    expect(encode(restarted(state?.bytes), counter(2, 9)).finish()).toEqual(sent);
    expect(spans(deliver(restarted(state?.bytes), counter(2, 9)).metrics)).toEqual([[1, 9, 2n]]);
  });

  it("keep nothing of a series but its last time", () => {
    const encoder = createMetricsEncoder(delta);
    const first = deliver(encoder, counter(1, 1)).state;
    const wide = deliver(encoder, counter(1, 1, { type: "f64_histogram" })).state;
    expect((wide?.bytes.length ?? 0) - (first?.bytes.length ?? 0)).toBeLessThan(8);
  });

  it("begin a new sequence where cumulative ones ended, and the other way round", () => {
    const { state } = deliver(createMetricsEncoder(settings), counter(5, 3));
    const after = restarted(state?.bytes);
    const changed = deliver(after, counter(2, 4));
    expect(spans(changed.metrics)).toEqual([[3, 4, 2n]]);
    const later = deliver(after, counter(1, 17)).state;
    expect(spans(deliver(restarted(later?.bytes, settings), counter(2, 27)).metrics)).toEqual([[25, 27, 2n]]);
  });

  it("begin anew behind a message that was refused after it may have been delivered", () => {
    const encoder = createMetricsEncoder(delta);
    deliver(encoder, counter(1, 1));
    encoder.restart(message(), metricItems(counter(9, 3))).commit();
    expect(spans(deliver(encoder, counter(2, 4)).metrics)).toEqual([[3, 4, 2n]]);
    expect(spans(deliver(encoder, counter(2, 11)).metrics)).toEqual([[4, 11, 2n]]);
  });

  it("split a window whose increments leave the range of 64 bits", () => {
    const most = 2n ** 63n - 1n;
    const { metrics } = deliver(createMetricsEncoder(delta), counter(most, 1), counter(5, 2));
    expect(spans(metrics)).toEqual([
      [0, 1, most],
      [1, 2, 5n],
    ]);
  });

  it("share one series beyond the limit", () => {
    for (const histogramAggregation of ["explicit", "exponential"] as const) {
      const encoder = createMetricsEncoder({ ...delta, histogramAggregation, seriesMax: 2 });
      const measured = (device: string) =>
        counter(1, 1, { type: "f64_histogram", attributes: [{ key: "device", value: device }] });
      const { metrics } = deliver(encoder, ...["a", "b", "c", "d"].map(measured));
      expect(
        sequencePoints(metrics).map((point) => [
          plainAttributes(point.attributes),
          "count" in point && point.count,
        ]),
      ).toEqual([
        [{ device: "a" }, 1n],
        [{ device: "b" }, 1n],
        [{ "otel.metric.overflow": true }, 2n],
      ]);
    }
  });

  it("of histograms have buckets, least, greatest and sum of their own window", () => {
    const encoder = createMetricsEncoder(delta);
    const measured = (value: number, time: number) => counter(value, time, { type: "f64_histogram" });
    const { metrics } = deliver(encoder, measured(-1, 1), measured(7, 6), measured(8, 7));
    expect(
      histogramPoints(metrics).map(({ startTimeUnixNano, count, sum, min, max, bucketCounts }) => [
        seconds(startTimeUnixNano),
        count,
        sum,
        min,
        max,
        bucketCounts,
      ]),
    ).toEqual([
      [0, 1n, undefined, -1, -1, [1n, 0n, 0n, 0n]],
      [1, 2n, 15, 7, 8, [0n, 0n, 2n, 0n]],
    ]);
  });
});
