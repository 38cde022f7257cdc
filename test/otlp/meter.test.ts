import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { Encoder, Encoding } from "../../pipeline/otlp/encoder.ts";
import type { MetricItem } from "../../pipeline/payload/format.ts";
import {
  at,
  counter,
  decodeMetrics,
  deliver,
  message,
  metricItems,
  noonUs,
  rewritten,
  settings,
  spans,
} from "./fixtures.ts";

const delta = { ...settings, temporality: "delta" } as const;

/** One batch of one message a reading, not committed. */
function read(encoder: Encoder, ...totals: MetricItem[]): Encoding {
  const encoding = encoder.begin();
  for (const total of totals) encoding.add(message(), { ...metricItems(total), counterValues: "total" });
  return encoding;
}

function deliverTotals(encoder: Encoder, ...totals: MetricItem[]) {
  const encoding = read(encoder, ...totals);
  const { request = new Uint8Array() } = encoding.finish();
  const metrics = decodeMetrics(request);
  return { request, metrics, spans: spans(metrics), state: encoding.commit()?.bytes ?? new Uint8Array() };
}

describe("counters that post totals", () => {
  it("are stated as they were read, from the first reading on", () => {
    const encoder = createMetricsEncoder(settings);
    expect(deliverTotals(encoder, counter(100, 1), counter(105, 7)).spans).toEqual([
      [1, 1, 100n],
      [1, 7, 105n],
    ]);
    const { metrics } = deliverTotals(encoder, counter(105, 12));
    expect(spans(metrics)).toEqual([[1, 12, 105n]]);
    expect(metrics[0]?.data.value).toMatchObject({ aggregationTemporality: 2, isMonotonic: true });
  });

  it("have the newest reading of each window, whatever order they come in", () => {
    const { spans } = deliverTotals(
      createMetricsEncoder(settings),
      counter(103, 3),
      counter(108, 8),
      counter(101, 1),
      counter(106, 6),
    );
    expect(spans).toEqual([
      [3, 3, 103n],
      [3, 8, 108n],
    ]);
  });

  it("begin a new sequence when a reading is lower than the one before", () => {
    const encoder = createMetricsEncoder(settings);
    deliverTotals(encoder, counter(100, 1));
    expect(deliverTotals(encoder, counter(7, 8)).spans).toEqual([[5, 8, 7n]]);
    expect(deliverTotals(encoder, counter(9, 12)).spans).toEqual([[5, 12, 9n]]);
  });

  it("lose nothing of what was counted before a reset within a window", () => {
    const encoder = createMetricsEncoder(settings);
    const totals = [counter(100, 1), counter(110, 7), counter(5, 8), counter(9, 9)];
    expect(deliverTotals(encoder, ...totals).spans).toEqual([
      [1, 1, 100n],
      [1, 7, 110n],
      [7, 9, 9n],
    ]);
  });

  it("never start a sequence where the one before started", () => {
    const [first, second] = deliverTotals(
      createMetricsEncoder(settings),
      counter(100, 1),
      counter(5, 2),
    ).spans;
    expect([first, second?.slice(1)]).toEqual([
      [1, 1, 100n],
      [2, 5n],
    ]);
    expect(second?.[0]).toBeGreaterThan(1);
  });

  it("do not take a late reading for a reset", () => {
    const encoder = createMetricsEncoder(settings);
    deliverTotals(encoder, counter(105, 7));
    expect(deliverTotals(encoder, counter(103, 3)).spans).toEqual([[7, 7.001, 105n]]);
    expect(deliverTotals(encoder, counter(104, 4), counter(110, 8)).spans).toEqual([[7, 8, 110n]]);
  });

  it("count the same reading once, however often it comes", () => {
    const encoder = createMetricsEncoder(delta);
    deliverTotals(encoder, counter(100, 1));
    expect(deliverTotals(encoder, counter(105, 7), counter(105, 7)).spans).toEqual([[1, 7, 5n]]);
    expect(deliverTotals(encoder, counter(105, 7)).spans).toEqual([[7, 7.001, 0n]]);
  });

  it("are differences where deltas are wanted, and a reset counts from zero", () => {
    const encoder = createMetricsEncoder(delta);
    expect(deliverTotals(encoder, counter(100, 1), counter(105, 7)).spans).toEqual([
      [0, 1, 0n],
      [1, 7, 5n],
    ]);
    const { metrics } = deliverTotals(encoder, counter(112, 11), counter(3, 12), counter(4, 13));
    expect(spans(metrics)).toEqual([
      [7, 11, 7n],
      [11, 13, 4n],
    ]);
    expect(metrics[0]?.data.value).toMatchObject({ aggregationTemporality: 1, isMonotonic: true });
  });

  it.each([
    ["cumulative", settings],
    ["delta", delta],
  ])("go on after a restart, with the same bytes when they are sent again: %s", (_, options) => {
    const before = createMetricsEncoder(options);
    const { state } = deliverTotals(before, counter(100.5, 1, { type: "f64_counter" }));
    const after = createMetricsEncoder(options);
    after.load([state]);
    const next = counter(103, 7, { type: "f64_counter" });
    expect(read(after, next).finish()).toEqual(read(before, next).finish());
    expect(deliverTotals(after, next).spans).toEqual([[1, 7, options === delta ? 2.5 : 103]]);
  });

  it("are exact beyond the integers of doubles", () => {
    const most = 2n ** 63n - 1n;
    expect(deliverTotals(createMetricsEncoder(settings), counter(most, 1)).spans).toEqual([[1, 1, most]]);
    const encoder = createMetricsEncoder(delta);
    deliverTotals(encoder, counter(most - 3n, 1));
    expect(deliverTotals(encoder, counter(most, 7)).spans).toEqual([[1, 7, 3n]]);
  });

  it("begin anew where increments were posted before, and the other way round", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, counter(5, 3));
    expect(deliverTotals(encoder, counter(1000, 9)).spans).toEqual([[9, 9, 1000n]]);
    expect(spans(deliver(encoder, counter(2, 17)).metrics)).toEqual([[15, 17, 2n]]);
    expect(encoder.series).toBe(1);
  });

  it("begin anew with an unknown start behind a message that was refused after it may have been delivered", () => {
    const encoder = createMetricsEncoder(settings);
    deliverTotals(encoder, counter(100, 1));
    encoder.restart(message(), { ...metricItems(counter(105, 3)), counterValues: "total" }).commit();
    expect(deliverTotals(encoder, counter(110, 4)).spans).toEqual([[4, 4, 110n]]);
  });

  it("are stated again while they are quiet, and a reading of before that still counts", () => {
    const encoder = createMetricsEncoder(settings);
    deliverTotals(encoder, counter(100, 1), counter(3, 1, { type: "i64_up_down_counter", name: "level" }));
    const options = { sealedAtUs: noonUs + 70e6, restateMs: 60_000, seriesIdleMs: 3_600_000 };
    const restatement = encoder.restate?.(options);
    expect(restatement && rewritten(restatement.request)).toHaveLength(restatement?.request.length ?? 0);
    expect(spans(decodeMetrics(restatement?.request ?? new Uint8Array()))).toEqual([
      [1, 70, 100n],
      [0, 70, 3n],
    ]);
    restatement?.commit();
    expect(deliverTotals(encoder, counter(106, 69)).spans).toEqual([[1, 70.001, 106n]]);
  });

  it("are not mixed up beyond the limit of series: the point there only tells that others are missing", () => {
    const encoder = createMetricsEncoder({ ...settings, seriesMax: 1 });
    const device = (name: string) => ({ attributes: [{ key: "device", value: name }] });
    const totals = [counter(100, 1, device("a")), counter(900, 2, device("b")), counter(70, 3, device("c"))];
    expect(deliverTotals(encoder, ...totals).spans).toEqual([
      [1, 1, 100n],
      [3, 3, 0n],
    ]);
  });

  it("leave the other types as they are", () => {
    const { metrics } = deliverTotals(
      createMetricsEncoder(settings),
      counter(1, 1, { type: "i64_up_down_counter" }),
      counter(2, 2, { type: "i64_up_down_counter" }),
    );
    expect(spans(metrics)).toEqual([[0, 2, 3n]]);
  });

  it("grow by what the meter counted, over any resets and batches", () => {
    const readings = fc.array(fc.tuple(fc.nat({ max: 100 }), fc.integer({ min: 1, max: 9000 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(fc.array(readings, { minLength: 1, maxLength: 5 }), (batches) => {
        let ms = 0;
        let before: number | undefined;
        let grown = 0;
        const [cumulative, deltas] = [createMetricsEncoder(settings), createMetricsEncoder(delta)];
        const points: [start: number, time: number, value: unknown][] = [];
        let sum = 0;
        // What a meter counted before the end of its first point, nobody knows.
        for (const batch of [[[50, 1] as const], ...batches]) {
          const totals = batch.map(([value, step]) => {
            ms += step;
            if (before !== undefined) grown += value < before ? value : value - before;
            before = value;
            return counter(value, undefined, { timeUnixNano: at(ms / 1000) });
          });
          // The arrival follows the readings, so that none of them counts as far ahead of it.
          const arrived = { arrivedAtUs: noonUs + ms * 1000 };
          for (const encoder of [cumulative, deltas]) {
            const encoding = encoder.begin();
            for (const total of totals) {
              encoding.add(message(arrived), { ...metricItems(total), counterValues: "total" });
            }
            const { request = new Uint8Array() } = encoding.finish();
            encoding.commit();
            expect(rewritten(request)).toHaveLength(request.length);
            const sent = spans(decodeMetrics(request));
            if (encoder === cumulative) points.push(...sent);
            else sum += sent.reduce((all, [, , value]) => all + Number(value), 0);
          }
        }
        const seen = points.reduce((all, [start, , value], i) => {
          const last = points[i - 1];
          if (last === undefined) return 0;
          return all + Number(value) - (last[0] === start ? Number(last[2]) : 0);
        }, 0);
        expect([sum, seen]).toEqual([grown, grown]);
      }),
    );
  });
});
