import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLogsEncoder, createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { Encoder, Encoding } from "../../pipeline/otlp/encoder.ts";
import type { AddedAttribute, Items, MetricItem } from "../../pipeline/payload/format.ts";
import type { StoredMessage } from "../../pipeline/store/batch-store.ts";
import {
  counter,
  decodeLogs,
  decodeMetrics,
  log,
  logItems,
  message,
  metricItems,
  modes,
  noonUs,
  numberPoints,
  plainAttributes,
  rewritten,
  seconds,
  sequencePoints,
  settings,
} from "./fixtures.ts";

function device(value: string, valuesMax = 2, rule?: string): AddedAttribute {
  return { key: "device", value, valuesMax, rule };
}

function gauge(value: number): MetricItem {
  return { name: "temperature", type: "f64_gauge", value, attributes: [] };
}

/** Metrics of a message whose origin adds these attributes. */
function of(added: AddedAttribute[], ...metrics: MetricItem[]): Items {
  return { ...metricItems(...metrics), added };
}

type Arrival = Items | [Items, Partial<StoredMessage>];

function fill(encoder: Encoder, ...arrivals: Arrival[]): Encoding {
  const encoding = encoder.begin();
  for (const arrival of arrivals) {
    const [items, more] = Array.isArray(arrival) ? arrival : [arrival, {}];
    expect(encoding.add(message(more), items)).toBe(true);
  }
  return encoding;
}

/** One batch, sent and settled. */
function send(encoder: Encoder, ...arrivals: Arrival[]) {
  const encoding = fill(encoder, ...arrivals);
  const { request = new Uint8Array() } = encoding.finish();
  return { request, state: encoding.commit() };
}

/** The value and `attribute` of each point. */
function points(request: Uint8Array, attribute = "device"): [unknown, unknown][] {
  return numberPoints(decodeMetrics(request)).map(({ value, attributes }) => [
    value.value,
    plainAttributes(attributes)[attribute],
  ]);
}

describe("attributes that an origin adds", () => {
  it.each(modes)("are on the points of each kind: %s", (_, mode) => {
    const { request } = send(
      createMetricsEncoder({ ...settings, ...mode }),
      of(
        [device("a"), { key: "line", value: "7" }],
        counter(1, 1),
        counter(1, 1, { name: "b", type: "f64_up_down_counter" }),
        counter(1, 1, { name: "c", type: "u64_histogram" }),
        gauge(1),
      ),
    );
    const metrics = decodeMetrics(request);
    const attributes = [...sequencePoints(metrics), ...numberPoints(metrics)].map(
      (point) => point.attributes,
    );
    expect(new Set(attributes.map((one) => JSON.stringify(plainAttributes(one))))).toEqual(
      new Set(['{"device":"a","line":"7"}']),
    );
    expect(rewritten(request)).toHaveLength(request.length);
  });

  it("stand behind the item's own, which win", () => {
    const own = counter(1, 1, {
      attributes: [
        { key: "device", value: "own" },
        { key: "hot", value: true },
      ],
    });
    const added = [device("a"), { key: "line", value: "7" }];
    const [point] = numberPoints(decodeMetrics(send(createMetricsEncoder(settings), of(added, own)).request));
    expect(plainAttributes(point?.attributes ?? [])).toEqual({ device: "own", hot: true, line: "7" });
  });

  it("are on log records, before those of the message, and with every value", () => {
    const encoding = createLogsEncoder(settings).begin();
    const added = [{ key: "messaging.system", value: "amqp" }];
    const logs = logItems(log(), log({ attributes: [{ key: "device", value: "own" }] }));
    for (const value of ["a", "b", "c"]) {
      encoding.add(message(), { ...logs, added: [device(value, 1), ...added] });
    }
    const records = decodeLogs(encoding.finish().request ?? new Uint8Array());
    const rest = { "messaging.system": "amqp", "messaging.destination.name": "plant/line1" };
    expect(records.map(({ attributes }) => plainAttributes(attributes))).toEqual(
      ["a", "own", "b", "own", "c", "own"].map((value) => ({ device: value, ...rest })),
    );
  });

  it("are added to no more items than a request has room for, however long they are", () => {
    const long = "x".repeat(1_000_000);
    let read = 0;
    const metrics = Array.from({ length: 1000 }, () => ({
      ...gauge(1),
      get value() {
        read += 1;
        return 1;
      },
    }));
    const encoding = createMetricsEncoder(settings).begin();
    expect(encoding.add(message(), of([{ key: "device", value: long }], ...metrics))).toBe(false);
    expect(read).toBeLessThan(10);
    expect(encoding.finish().request).toBeUndefined();
  });

  it("make a series with those of an item that has them itself", () => {
    const own = counter(2, 2, { attributes: [{ key: "device", value: "a" }] });
    const { request } = send(
      createMetricsEncoder(settings),
      of([device("a")], counter(1, 1)),
      metricItems(own),
    );
    expect(points(request)).toEqual([[3n, "a"]]);
  });
});

describe("valuesMax", () => {
  it("puts the values behind the first ones together, and no increment is lost", () => {
    const { request } = send(
      createMetricsEncoder(settings),
      of([device("a")], counter(1, 1)),
      of([device("b")], counter(2, 1)),
      of([device("c")], counter(4, 1)),
      of([device("d")], counter(8, 1)),
      of([device("a")], counter(16, 1)),
    );
    expect(points(request)).toEqual([
      [17n, "a"],
      [2n, "b"],
      [12n, "(other)"],
    ]);
  });

  it("keeps every reading of a gauge", () => {
    const readings = ["a", "b", "c", "d"].map((value, index) => of([device(value)], gauge(index)));
    expect(points(send(createMetricsEncoder(settings), ...readings).request)).toEqual([
      [0, "a"],
      [1, "b"],
      [2, "(other)"],
      [3, "(other)"],
    ]);
  });

  it("counts the values of each source and each attribute by themselves", () => {
    const encoder = createMetricsEncoder(settings);
    const both = (value: string) => [device(value, 1), { key: "line", value, valuesMax: 2 }];
    const other = { source: "others" };
    const { request } = send(
      encoder,
      of(both("a"), gauge(1)),
      of(both("b"), gauge(2)),
      of(both("c"), gauge(3)),
      [of(both("c"), gauge(4)), other],
      [of(both("d"), gauge(5)), other],
    );
    expect(points(request).map(([, value]) => value)).toEqual(["a", "(other)", "(other)", "c", "(other)"]);
    expect(points(request, "line").map(([, value]) => value)).toEqual(["a", "b", "(other)", "c", "d"]);
  });

  it("tells names apart that only differ in where they end", () => {
    const encoder = createMetricsEncoder(settings);
    const { request } = send(
      encoder,
      [of([{ key: "b", value: "x", valuesMax: 1 }], gauge(1)), { source: "a," }],
      [of([{ key: ",b", value: "y", valuesMax: 1 }], gauge(2)), { source: "a" }],
    );
    expect(points(request, "b")[0]).toEqual([1, "x"]);
    expect(points(request, ",b")[1]).toEqual([2, "y"]);
  });

  it("begins anew for an attribute that is made otherwise, also after a restart, and remembers how it was made", () => {
    const first = createMetricsEncoder(settings);
    const { state } = send(first, of([device("a", 1, "x")], gauge(1)), of([device("b", 1, "y,")], gauge(2)));
    const encoder = createMetricsEncoder(settings);
    encoder.load(state ? [state.bytes] : []);
    const { request } = send(
      encoder,
      of([device("c", 1, "y")], gauge(3)),
      of([device("d", 1, "x")], gauge(4)),
      of([device("e", 1, "y,")], gauge(5)),
      of([device("a", 1, "x")], gauge(6)),
    );
    expect(points(request).map(([, value]) => value)).toEqual(["c", "(other)", "(other)", "a"]);
  });

  it("has no effect on an attribute with one value alone", () => {
    const fixed = (value: string) => of([{ key: "device", value }], gauge(1));
    const { request } = send(createMetricsEncoder(settings), fixed("a"), fixed("b"), fixed("c"));
    expect(points(request).map(([, value]) => value)).toEqual(["a", "b", "c"]);
  });

  it("is not used up by a message without metrics", () => {
    const encoder = createMetricsEncoder(settings);
    send(encoder, { ...logItems(log()), added: [device("log", 1)] }, of([device("a", 1)], gauge(1)));
    expect(points(send(encoder, of([device("a", 1)], gauge(2))).request)).toEqual([[2, "a"]]);
  });

  it("is not used up by a message that did not fit", () => {
    const first = of([device("a", 2)], gauge(1));
    const bytes = send(createMetricsEncoder(settings), first).request.length;
    const encoder = createMetricsEncoder({ ...settings, requestBytesMax: bytes + 10 });
    const encoding = encoder.begin();
    expect(encoding.add(message(), first)).toBe(true);
    expect(encoding.add(message(), of([device("b")], gauge(1)))).toBe(false);
    encoding.finish();
    encoding.commit();
    expect(points(send(encoder, of([device("c")], gauge(1))).request)).toEqual([[1, "c"]]);
    expect(points(send(encoder, of([device("b")], gauge(1))).request)[0]?.[1]).not.toBe("b");
  });

  it("is not used up by a batch that was never settled", () => {
    const encoder = createMetricsEncoder(settings);
    fill(encoder, of([device("x")], gauge(1)), of([device("y")], gauge(1))).finish();
    expect(points(send(encoder, of([device("a")], gauge(1)), of([device("b")], gauge(2))).request)).toEqual([
      [1, "a"],
      [2, "b"],
    ]);
  });

  it("stays used up over batches, a restart and a smaller limit", () => {
    const encoder = createMetricsEncoder(settings);
    const { state } = send(encoder, of([device("a")], gauge(1)), of([device("b")], gauge(2)));
    const restarted = createMetricsEncoder(settings);
    restarted.load([state?.bytes ?? new Uint8Array()]);
    const next = [of([device("c", 1)], gauge(3)), of([device("b", 1)], gauge(4))];
    for (const one of [encoder, restarted]) {
      expect(points(send(one, ...next).request)).toEqual([
        [3, "(other)"],
        [4, "b"],
      ]);
    }
  });

  it("takes no room from series, and its values are no series", () => {
    const encoder = createMetricsEncoder({ ...settings, seriesMax: 3 });
    const { state } = send(encoder, of([device("a")], counter(1, 1)), of([device("b")], counter(1, 1)));
    expect(encoder.series).toBe(2);
    const restarted = createMetricsEncoder({ ...settings, seriesMax: 3 });
    restarted.load([state?.bytes ?? new Uint8Array()]);
    expect(restarted.series).toBe(2);
    for (const one of [encoder, restarted]) {
      expect(points(send(one, of([device("c")], counter(1, 1))).request)).toEqual([[1n, "(other)"]]);
    }
  });

  it("is never stated again as a series", () => {
    const encoder = createMetricsEncoder(settings);
    send(encoder, of([device("a")], counter(1, 1)));
    const restatement = encoder.restate?.({
      sealedAtUs: noonUs + 100e6,
      restateMs: 60_000,
      seriesIdleMs: 3_600_000,
    });
    expect(points(restatement?.request ?? new Uint8Array())).toEqual([[1n, "a"]]);
  });

  it("leaves of totals only that others are missing", () => {
    const total = (value: string, reading: number, seconds: number) => ({
      ...of([device(value, 1)], counter(reading, seconds)),
      counterValues: "total" as const,
    });
    const own = counter(7, 1, { name: "own", attributes: [{ key: "device", value: "c" }] });
    const { request } = send(
      createMetricsEncoder(settings),
      total("a", 100, 1),
      total("b", 5000, 1),
      total("c", 40, 2),
      { ...of([device("c", 1)], own), counterValues: "total" },
    );
    expect(points(request)).toEqual([
      [100n, "a"],
      [0n, "(other)"],
      [7n, "c"],
    ]);
  });

  it("is used up by a message that was refused when its attempt may have put others together", () => {
    const encoder = createMetricsEncoder(settings);
    const refused = of([device("a", 1)], counter(1, 1));
    const behind = of([device("b", 1)], counter(2, 8));
    const restart = encoder.restart(message(), refused);
    restart.follow(message(), behind);
    restart.commit();
    expect(encoder.series).toBe(1);
    const { request } = send(encoder, behind, of([device("a", 1)], counter(4, 8)));
    const sums = numberPoints(decodeMetrics(request)).map((point) => [
      plainAttributes(point.attributes).device,
      point.value.value,
      seconds(point.startTimeUnixNano),
      seconds(point.timeUnixNano),
    ]);
    expect(sums).toEqual([
      ["(other)", 2n, 5, 8],
      ["a", 4n, 5, 8],
    ]);
  });

  it("is used up by a refused message alone, not by those behind it", () => {
    const encoder = createMetricsEncoder(settings);
    const restart = encoder.restart(message(), of([device("a")], counter(1, 1)));
    restart.follow(message(), of([device("b")], counter(1, 1)));
    const saved = restart.commit()?.bytes ?? new Uint8Array();
    const restarted = createMetricsEncoder(settings);
    restarted.load([saved]);
    for (const one of [encoder, restarted]) {
      const readings = ["c", "b", "a"].map((value) => of([device(value)], gauge(1)));
      expect(points(send(one, ...readings).request).map(([, value]) => value)).toEqual(["c", "(other)", "a"]);
    }
  });

  it("is told once for each source and attribute", () => {
    const told: unknown[] = [];
    const encoder = createMetricsEncoder(settings, (limit) => told.push(limit));
    send(encoder, of([device("a")], gauge(1)), of([device("b")], gauge(1)));
    expect(told).toEqual([]);
    for (const value of ["c", "d"]) {
      send(encoder, of([device(value)], gauge(1)));
      send(encoder, [of([device("a", 0)], gauge(1)), { source: "others" }]);
    }
    expect(told).toEqual([
      { source: "devices", attribute: "device", valuesMax: 2 },
      { source: "others", attribute: "device", valuesMax: 0 },
    ]);
  });

  it("knows values of every part of what was saved, and none once a part is damaged", () => {
    const before = createMetricsEncoder(settings);
    const parts = ["a", "b"].map((value) => send(before, of([device(value)], gauge(1))).state?.bytes);
    const [first = new Uint8Array(), second = new Uint8Array()] = parts;
    const third = of([device("c")], gauge(1));

    const whole = createMetricsEncoder(settings);
    whole.load([first]);
    whole.load([second]);
    expect(points(send(whole, third).request)).toEqual([[1, "(other)"]]);

    const damaged = createMetricsEncoder(settings);
    damaged.load([first]);
    expect(() => damaged.load([second.subarray(1)])).toThrow("Cannot load series state");
    expect(damaged.series).toBe(0);
    const fresh = [third, of([device("d")], gauge(1)), of([device("e")], gauge(1))];
    expect(points(send(damaged, ...fresh).request).map(([, value]) => value)).toEqual(["c", "d", "(other)"]);
  });

  it("compares values as they are sent", () => {
    const encoder = createMetricsEncoder(settings);
    const values = ["\ud800", "\ufffd", "a", "b"];
    const { request, state } = send(encoder, ...values.map((value) => of([device(value)], gauge(1))));
    expect(points(request).map(([, value]) => value)).toEqual(["\ufffd", "\ufffd", "a", "(other)"]);
    const restarted = createMetricsEncoder(settings);
    restarted.load([state?.bytes ?? new Uint8Array()]);
    expect(points(send(restarted, of([device("\udc00")], gauge(1))).request)).toEqual([[1, "\ufffd"]]);
  });

  it("gives the same bytes when a batch is encoded again after a crash, whatever its values", () => {
    const arrival = fc.record({ value: fc.constantFrom(..."abcdef"), isGauge: fc.boolean() });
    const batches = fc.array(fc.array(arrival, { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(batches, fc.integer({ min: 1, max: 4 }), (batches, valuesMax) => {
        let encoder = createMetricsEncoder(settings);
        const saved: Uint8Array[] = [];
        const values = new Set<unknown>();
        let sum = 0;
        for (const [index, batch] of batches.entries()) {
          const arrivals = batch.map(({ value, isGauge }) =>
            of([device(value, valuesMax)], isGauge ? gauge(1) : counter(1, 10 * index + 1)),
          );
          sum += batch.filter(({ isGauge }) => !isGauge).length;
          const { request: lost } = fill(encoder, ...arrivals).finish();
          encoder = createMetricsEncoder(settings);
          encoder.load(saved);
          const { request, state } = send(encoder, ...arrivals);
          expect(request).toEqual(lost);
          if (state?.kind === "replace") saved.length = 0;
          if (state !== undefined) saved.push(state.bytes);
          for (const [, value] of points(request)) values.add(value);
        }
        values.delete("(other)");
        expect(values.size).toBeLessThanOrEqual(valuesMax);
        const last = send(
          encoder,
          ...[...values, "z"].map((value) => of([device(`${value}`, 0)], counter(0, 999))),
        );
        const total = points(last.request).reduce((total, [value]) => total + Number(value), 0);
        expect(total).toBe(sum);
      }),
      { numRuns: 100 },
    );
  });
});
