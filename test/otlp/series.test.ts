import { describe, expect, it } from "vitest";
import { createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import { SeriesState } from "../../pipeline/otlp/series-state.ts";
import type { MetricItem } from "../../pipeline/payload/format.ts";
import {
  at,
  counter,
  decodeMetrics,
  deliver,
  encode,
  histogramPoints,
  message,
  metricItems,
  noonUs,
  numberPoints,
  settings,
  spans,
} from "./fixtures.ts";

const int64Max = 9223372036854775807n;

function upDown(value: number | bigint, seconds: number): MetricItem {
  return counter(value, seconds, { type: "i64_up_down_counter" });
}

describe("sums", () => {
  it("add up increments, one point a window, from the lower edge of the first window", () => {
    const { metrics, items } = deliver(
      createMetricsEncoder(settings),
      counter(1, 1),
      counter(2, 4),
      counter(4, 7),
      counter(8, 14),
    );
    expect(spans(metrics)).toEqual([
      [0, 4, 3n],
      [0, 7, 7n],
      [0, 14, 15n],
    ]);
    expect(items).toBe(3);
  });

  it("windows hold their upper edge and not their lower one", () => {
    const { metrics } = deliver(
      createMetricsEncoder(settings),
      counter(1, 5),
      counter(2, 5.000001),
      counter(4, 10),
    );
    expect(spans(metrics)).toEqual([
      [0, 5, 1n],
      [0, 10, 7n],
    ]);
  });

  it("sort the windows of a batch whose messages came in another order", () => {
    const { metrics } = deliver(
      createMetricsEncoder(settings),
      counter(1, 14),
      counter(2, 1),
      counter(4, 7),
      counter(8, 2),
    );
    expect(spans(metrics)).toEqual([
      [0, 2, 10n],
      [0, 7, 14n],
      [0, 14, 15n],
    ]);
  });

  it("go on over batches with the same start", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, counter(1, 1));
    expect(spans(deliver(encoder, counter(2, 33)).metrics)).toEqual([[0, 33, 3n]]);
  });

  it("a second batch in the same window makes a newer point", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, counter(1, 1));
    expect(spans(deliver(encoder, counter(2, 3)).metrics)).toEqual([[0, 3, 3n]]);
  });

  it("a late value joins the next point", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, counter(1, 12));
    expect(spans(deliver(encoder, counter(2, 7), counter(4, 13), counter(8, 1)).metrics)).toEqual([
      [10, 13, 15n],
    ]);
  });

  it("late values alone make a point 1 ms after the last one", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, counter(1, 12));
    expect(spans(deliver(encoder, counter(2, 12), counter(4, 3)).metrics)).toEqual([[10, 12.001, 7n]]);
  });

  it("points are at least 1 ms apart, also across a window's edge", () => {
    const { metrics } = deliver(createMetricsEncoder(settings), counter(1, 5), counter(2, 5.0001));
    expect(spans(metrics)).toEqual([
      [0, 5, 1n],
      [0, 5.001, 3n],
    ]);
  });

  it("a time more than ten minutes ahead of the arrival counts as the arrival", () => {
    const encoder = createMetricsEncoder(settings);
    expect(spans(deliver(encoder, counter(1, 600)).metrics)).toEqual([[595, 600, 1n]]);
    const other = createMetricsEncoder(settings);
    expect(spans(deliver(other, counter(1, 600.000001)).metrics)).toEqual([[-5, 0, 1n]]);
  });

  it("takes the arrival when the payload has no time", () => {
    const encoding = createMetricsEncoder(settings).begin();
    encoding.add(message({ arrivedAtUs: noonUs + 3_000_000 }), metricItems(counter(1)));
    const { request = new Uint8Array() } = encoding.finish();
    expect(spans(decodeMetrics(request))).toEqual([[0, 3, 1n]]);
  });

  it("begin no earlier than the epoch", () => {
    const { metrics } = deliver(createMetricsEncoder(settings), counter(1, undefined, { timeUnixNano: 1n }));
    expect(spans(metrics)[0]?.[0]).toBe(-Number(at(0)) / 1e9);
  });

  it("are one series for every order of the attributes, and another for other values", () => {
    const ab = [
      { key: "a", value: "1" },
      { key: "b", value: "2" },
    ];
    const { metrics } = deliver(
      createMetricsEncoder(settings),
      counter(1, 1, { attributes: ab }),
      counter(2, 1, { attributes: ab.toReversed() }),
      counter(4, 1, { attributes: [{ key: "a", value: "1sb2" }] }),
      counter(8, 1, { attributes: [{ key: "a", value: 1 }] }),
      counter(16, 1),
    );
    expect(spans(metrics).map(([, , value]) => value)).toEqual([3n, 4n, 8n, 16n]);
  });

  it("attribute texts that look the same on the wire are one series", () => {
    const { metrics } = deliver(
      createMetricsEncoder(settings),
      counter(1, 1, { attributes: [{ key: "a", value: "\ud800" }] }),
      counter(2, 1, { attributes: [{ key: "a", value: "\udc00" }] }),
    );
    expect(spans(metrics)).toEqual([[0, 1, 3n]]);
  });

  it("stay exact beyond 2^53", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, counter(9007199254740993n, 1));
    expect(spans(deliver(encoder, counter(9007199254740992n, 6), counter(1, 6)).metrics)).toEqual([
      [0, 6, 18014398509481986n],
    ]);
  });

  it("of integers and floats are one series, a double from the first float on", () => {
    const encoder = createMetricsEncoder(settings);
    expect(spans(deliver(encoder, counter(1, 1)).metrics)).toEqual([[0, 1, 1n]]);
    expect(spans(deliver(encoder, counter(0.5, 6, { type: "f64_counter" })).metrics)).toEqual([[0, 6, 1.5]]);
    expect(spans(deliver(encoder, counter(2, 11)).metrics)).toEqual([[0, 11, 3.5]]);
  });

  it("that may fall do so", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, upDown(5, 1));
    expect(spans(deliver(encoder, upDown(-8, 6)).metrics)).toEqual([[0, 6, -3n]]);
  });

  it("that pass int64 begin a new sequence at the window's edge", () => {
    const encoder = createMetricsEncoder(settings);
    expect(spans(deliver(encoder, counter(int64Max, 1)).metrics)).toEqual([[0, 1, int64Max]]);
    expect(spans(deliver(encoder, counter(1, 22)).metrics)).toEqual([[20, 22, 1n]]);
    expect(spans(deliver(encoder, counter(1, 27)).metrics)).toEqual([[20, 27, 2n]]);
  });

  it("that pass int64 downwards begin a new sequence at the last point when that is later", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, upDown(-int64Max - 1n, 1));
    expect(spans(deliver(encoder, upDown(-1, 3)).metrics)).toEqual([[1, 3, -1n]]);
  });

  it("that pass int64 within a window make two points", () => {
    const { metrics, items } = deliver(
      createMetricsEncoder(settings),
      counter(int64Max, 1),
      counter(int64Max, 2),
      counter(1, 1),
      counter(1, 7),
    );
    expect(spans(metrics)).toEqual([
      [0, 1, int64Max],
      [1, 2, int64Max],
      [2, 2.001, 1n],
      [2, 7, 2n],
    ]);
    expect(items).toBe(4);
  });

  it("of doubles begin a new sequence instead of becoming infinite", () => {
    const encoder = createMetricsEncoder(settings);
    const huge = (seconds: number) => counter(1.5e308, seconds, { type: "f64_counter" });
    deliver(encoder, huge(1));
    expect(spans(deliver(encoder, huge(6)).metrics)).toEqual([[5, 6, 1.5e308]]);
  });
});

describe("sequences", () => {
  it("an encoding that is not committed leaves no trace", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, counter(1, 1));
    encode(encoder, counter(100, 6), counter(1, 6, { name: "scrap" })).finish();
    expect(encoder.series).toBe(1);
    expect(spans(deliver(encoder, counter(2, 6)).metrics)).toEqual([[0, 6, 3n]]);
  });

  it("the same messages give the same bytes, however often they are encoded", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, counter(1, 1));
    const first = encode(encoder, counter(2, 6), counter(4, 12));
    const again = encode(encoder, counter(2, 6), counter(4, 12));
    expect(again.finish()).toEqual(first.finish());
    expect(again.finish()).toEqual(first.finish());
  });

  it("go on after a restart", () => {
    const before = createMetricsEncoder(settings);
    const chunks = [deliver(before, counter(1, 1)), deliver(before, counter(2, 6))].map(
      ({ state }) => state?.bytes ?? new Uint8Array(),
    );
    const after = createMetricsEncoder(settings);
    after.load(chunks);
    expect(spans(deliver(after, counter(4, 11)).metrics)).toEqual([[0, 11, 7n]]);
  });

  it.each([
    ["the resource", { resourceAttributes: { ...settings.resourceAttributes, site: "north" } }],
    [
      "an attribute of the resource",
      { resourceAttributes: { ...settings.resourceAttributes, "service.name": "x" } },
    ],
  ])("begin anew when %s changes, at the last point or the window's edge", (_, change) => {
    const before = createMetricsEncoder(settings);
    const { state } = deliver(before, counter(1, 1), counter(1, 1, { name: "scrap" }));
    const after = createMetricsEncoder({ ...settings, ...change });
    after.load([state?.bytes ?? new Uint8Array()]);
    const { metrics } = deliver(after, counter(2, 3), counter(2, 12, { name: "scrap" }));
    expect(spans(metrics)).toEqual([
      [1, 3, 2n],
      [10, 12, 2n],
    ]);
    expect(spans(deliver(after, counter(2, 13)).metrics)).toEqual([[1, 13, 4n]]);
  });

  it("do not depend on the order of the resource's attributes, nor on the window", () => {
    const { state } = deliver(createMetricsEncoder(settings), counter(1, 1));
    const after = createMetricsEncoder({
      ...settings,
      windowMs: 1000,
      resourceAttributes: Object.fromEntries(Object.entries(settings.resourceAttributes).reverse()),
    });
    after.load([state?.bytes ?? new Uint8Array()]);
    expect(spans(deliver(after, counter(2, 3)).metrics)).toEqual([[0, 3, 3n]]);
  });

  it("restart() ends those that the items touch and no others", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, counter(1, 1), counter(1, 1, { name: "scrap" }));
    expect(encoder.restart(message(), metricItems(counter(100, 12))).commit()?.kind).toBe("append");
    const { metrics } = deliver(encoder, counter(2, 14), counter(2, 14, { name: "scrap" }));
    expect(spans(metrics)).toEqual([
      [12, 14, 2n],
      [0, 14, 3n],
    ]);
  });

  it("restart() starts at the window's edge when that is later", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, counter(1, 1));
    encoder.restart(message(), metricItems(counter(100, 2))).commit();
    expect(spans(deliver(encoder, counter(2, 14)).metrics)).toEqual([[10, 14, 2n]]);
  });

  it("restart() keeps a series apart that only the refused message had", () => {
    const encoder = createMetricsEncoder(settings);
    encoder.restart(message(), metricItems(counter(100, 2))).commit();
    expect(spans(deliver(encoder, counter(2, 2)).metrics)).toEqual([[2, 2.001, 2n]]);
  });

  it("restart() begins behind the points of messages that went with the refused one", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, counter(1, 1), counter(1, 1, { name: "scrap" }));
    const restart = encoder.restart(message(), metricItems(counter(100, 12)));
    restart.follow(message(), metricItems(counter(2, 14)));
    restart.follow(message(), metricItems(counter(4, 23)));
    restart.follow(message(), metricItems(counter(8, 24, { name: "scrap" })));
    restart.commit();
    const { metrics } = deliver(encoder, counter(2, 14), counter(4, 23), counter(8, 24, { name: "scrap" }));
    expect(spans(metrics)).toEqual([
      [23, 23.001, 6n],
      [0, 24, 9n],
    ]);
  });

  it("restart() ends those of every message that was refused, behind what followed", () => {
    const encoder = createMetricsEncoder(settings);
    const scrap = { name: "scrap" };
    deliver(encoder, counter(1, 1), counter(1, 1, scrap));
    const restart = encoder.restart(message(), metricItems(counter(100, 12)));
    restart.also(message(), metricItems(counter(100, 13, scrap)));
    restart.follow(message(), metricItems(counter(8, 24, scrap)));
    restart.commit();
    expect(spans(deliver(encoder, counter(2, 14), counter(8, 24, scrap)).metrics)).toEqual([
      [12, 14, 2n],
      [24, 24.001, 8n],
    ]);
  });

  it("restart() leaves series alone that only messages after the refused one touch", () => {
    const encoder = createMetricsEncoder(settings);
    const other = { attributes: [{ key: "line", value: "2" }] };
    deliver(encoder, counter(1, 1), counter(1, 1, other));
    const restart = encoder.restart(message(), metricItems(counter(100, 12)));
    restart.follow(message(), metricItems(counter(2, 14, other)));
    restart.commit();
    expect(spans(deliver(encoder, counter(2, 14, other)).metrics)).toEqual([[0, 14, 3n]]);
  });

  it("restart() holds after a restart of the process", () => {
    const before = createMetricsEncoder(settings);
    const { state } = deliver(before, counter(1, 1));
    const ended = before.restart(message(), metricItems(counter(100, 2))).commit();
    const after = createMetricsEncoder(settings);
    after.load([state?.bytes ?? new Uint8Array(), ended?.bytes ?? new Uint8Array()]);
    expect(spans(deliver(after, counter(2, 14)).metrics)).toEqual([[10, 14, 2n]]);
  });

  it("restart() has nothing to save for gauges", () => {
    const gauge: MetricItem = { name: "temperature", type: "f64_gauge", value: 1, attributes: [] };
    expect(createMetricsEncoder(settings).restart(message(), metricItems(gauge)).commit()).toBeUndefined();
  });

  it("begin anew, all of them, when a later part of what was saved is damaged", () => {
    const before = createMetricsEncoder(settings);
    const [intact, damaged] = [deliver(before, counter(100, 1)), deliver(before, counter(100, 11))];
    const after = createMetricsEncoder(settings);
    after.load([intact.state?.bytes ?? new Uint8Array()]);
    expect(after.series).toBe(1);
    expect(() => after.load([damaged.state?.bytes.subarray(0, 9) ?? new Uint8Array()])).toThrow(
      "Cannot load",
    );
    expect(after.series).toBe(0);
    const { metrics, state } = deliver(after, counter(2, 24));
    expect(spans(metrics)).toEqual([[20, 24, 2n]]);
    expect(state?.kind).toBe("replace");
  });

  it("begin anew, with a new start, when what was saved is damaged", () => {
    const { state } = deliver(createMetricsEncoder(settings), counter(100, 1));
    const after = createMetricsEncoder(settings);
    expect(() => after.load([state?.bytes.subarray(0, 9) ?? new Uint8Array()])).toThrow("Cannot load");
    expect(after.series).toBe(0);
    const { metrics, state: fresh } = deliver(after, counter(2, 14));
    expect(spans(metrics)).toEqual([[10, 14, 2n]]);
    expect(fresh?.kind).toBe("replace");
  });

  it.each<[MetricItem["type"], string]>([
    ["u64_counter", "monotonicSum"],
    ["u64_histogram", "histogram"],
  ])("begin anew when the saved values of a %s are not as many as they must be", (type, kind) => {
    const { state } = deliver(createMetricsEncoder(settings), counter(100, 1, { type }));
    const saved = new SeriesState();
    saved.load([state?.bytes ?? new Uint8Array()]);
    const key = `${kind} 5,0,parts `;
    const record = saved.get(key);
    if (record === undefined) throw new Error("the series has another key");
    const damaged = saved.update(new Map([[key, { ...record, values: new BigInt64Array(99) }]]));
    const after = createMetricsEncoder(settings);
    after.load([damaged?.bytes ?? new Uint8Array()]);
    const { metrics } = deliver(after, counter(2, 14, { type }));
    const [point] = type === "u64_counter" ? numberPoints(metrics) : histogramPoints(metrics);
    expect(point?.startTimeUnixNano).toBe(at(10));
  });
});
