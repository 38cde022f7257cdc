import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMetricsEncoder, type EncoderSettings } from "../../pipeline/otlp/encode.ts";
import type { Encoder } from "../../pipeline/otlp/encoder.ts";
import type { AddedAttribute, MetricItem } from "../../pipeline/payload/format.ts";
import type { StateChange } from "../../pipeline/store/batch-store.ts";
import {
  at,
  counter,
  decodeMetrics,
  deliver,
  encode,
  message,
  metricItems,
  noonUs,
  numberPoints,
  plainAttributes,
  settings as plainSettings,
  rewritten,
  seconds,
} from "./fixtures.ts";

const overflow = "overflow";
const settings = { ...plainSettings, seriesMax: 2 };
const madeBy = { rule: "metrics[0] of Mapping plant", attributes: ["device"] };

function device(value: string): Pick<MetricItem, "attributes"> {
  return { attributes: [{ key: "device", value }] };
}

/** A gauge as a rule makes it of what a device sends. */
function gauge(name: string, value = 1, second = 1, more: Partial<MetricItem> = {}): MetricItem {
  const timeUnixNano = at(second);
  return { name: "speed", type: "f64_gauge", value, timeUnixNano, ...device(name), madeBy, ...more };
}

/** The device, value and time of each point. */
function points(request: Uint8Array | undefined): [device: unknown, value: unknown, second: number][] {
  return numberPoints(decodeMetrics(request ?? new Uint8Array())).map((point) => {
    const { "otel.metric.overflow": isShared, ...attributes } = plainAttributes(point.attributes);
    return [isShared ? overflow : attributes.device, point.value.value, seconds(point.timeUnixNano)];
  });
}

function send(encoder: Encoder, ...metrics: MetricItem[]) {
  return points(deliver(encoder, ...metrics).request);
}

function reloaded(...saved: (StateChange | undefined)[]): Encoder {
  return reloadedWith(settings, ...saved);
}

function reloadedWith(own: EncoderSettings, ...saved: (StateChange | undefined)[]): Encoder {
  const encoder = createMetricsEncoder(own);
  encoder.load(saved.flatMap((change) => (change === undefined ? [] : [change.bytes])));
  return encoder;
}

describe("series of a rule's gauge", () => {
  it("are kept apart up to seriesMax; what comes beyond shares one, also in the same batch", () => {
    const readings = ["a", "b", "c", "a", "d"].map((name, index) => gauge(name, index, index));
    expect(send(createMetricsEncoder(settings), ...readings)).toEqual([
      ["a", 0, 0],
      ["b", 1, 1],
      ["a", 3, 3],
      [overflow, 4, 4],
    ]);
  });

  it("are the same in later batches and after a restart", () => {
    const encoder = createMetricsEncoder(settings);
    const first = deliver(encoder, gauge("a"));
    const second = deliver(encoder, gauge("b"), gauge("c"));
    for (const one of [encoder, reloaded(first.state, second.state)]) {
      expect(send(one, gauge("c", 7, 8), gauge("b", 8, 8), gauge("a", 9, 8))).toEqual([
        ["b", 8, 8],
        ["a", 9, 8],
        [overflow, 7, 8],
      ]);
    }
  });

  it("give the same bytes when a crash came before their batch was settled", () => {
    const { state } = deliver(createMetricsEncoder(settings), gauge("a"));
    const batch = ["b", "c", "a", "d"].map((name, index) => gauge(name, index, index));
    const sent = encode(reloaded(state), ...batch).finish();
    expect(encode(reloaded(state), ...batch).finish()).toEqual(sent);
    expect(sent.items).toBe(3);
    expect(rewritten(sent.request ?? new Uint8Array())).toEqual(sent.request);
  });

  it("stay apart when seriesMax is lowered, and there is room for more when it is raised", () => {
    const { state } = deliver(createMetricsEncoder(settings), gauge("a"), gauge("b"), gauge("c"));
    const lowered = reloadedWith({ ...settings, seriesMax: 1 }, state);
    expect(send(lowered, gauge("b"), gauge("d", 2, 2), gauge("a")).map(([name]) => name)).toEqual([
      "b",
      "a",
      overflow,
    ]);
    const raised = reloadedWith({ ...settings, seriesMax: 4 }, state);
    expect(send(raised, gauge("c"), gauge("d")).map(([name]) => name)).toEqual(["c", overflow]);
  });

  it("are not those of a sum of the same name and attributes, before and after it has one", () => {
    const wide = { ...settings, seriesMax: 10 };
    const both = [gauge("a", 1, 1), counter(2, 1, { name: "speed", ...device("a") })];
    for (const items of [both, both.toReversed()]) {
      const encoder = createMetricsEncoder(wide);
      const { state } = deliver(encoder, ...items);
      expect(encoder.series).toBe(2);
      const values = send(reloadedWith(wide, state), ...items).map(([, value]) => value);
      expect(values.toSorted()).toEqual([1, 4n]);
    }
  });

  it("are never stated again, but the sums beside them are", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, gauge("a"), counter(1, 1, device("a")), gauge("b"));
    const options = { sealedAtUs: noonUs + 100e6, restateMs: 60_000, seriesIdleMs: 3_600_000 };
    expect(points(encoder.restate?.(options)?.request)).toEqual([["a", 1n, 100]]);
  });

  it("are saved once: a batch of known ones changes nothing", () => {
    const encoder = createMetricsEncoder(settings);
    expect(deliver(encoder, gauge("a"), gauge("b")).state).toBeDefined();
    expect(encoder.series).toBe(2);
    expect(deliver(encoder, gauge("b", 2, 2), gauge("a", 2, 2)).state).toBeUndefined();
  });

  it("share the limit with sums, whichever come first", () => {
    const encoder = createMetricsEncoder(settings);
    const first = send(
      encoder,
      counter(1, 1, device("a")),
      gauge("a"),
      gauge("b"),
      counter(2, 1, device("b")),
    );
    expect(first.map(([name]) => name)).toEqual(["a", overflow, "a", overflow]);
    expect(send(encoder, gauge("a", 2, 2), counter(1, 2, device("a"))).map(([name]) => name)).toEqual([
      "a",
      "a",
    ]);
  });

  it("are those of a name, unit and set of attributes", () => {
    const encoder = createMetricsEncoder(settings);
    const sorted = [
      { key: "device", value: "a" },
      { key: "line", value: 7 },
    ];
    deliver(encoder, gauge("a", 1, 1, { attributes: sorted }));
    const same = gauge("a", 2, 2, { attributes: sorted.toReversed(), type: "i64_gauge" });
    expect(deliver(encoder, same).state).toBeUndefined();
    deliver(encoder, gauge("a", 1, 1, { unit: "m/s" }));
    expect(send(encoder, gauge("a"))).toEqual([[overflow, 1, 1]]);
  });

  it("are told apart with what an origin adds, and with its values put together", () => {
    const encoder = createMetricsEncoder(settings);
    const place = (value: string): AddedAttribute => ({ key: "device", value, valuesMax: 1 });
    const encoding = encoder.begin();
    for (const value of ["x", "y", "z"]) {
      const items = metricItems(gauge("", 1, 1, { attributes: [] }));
      expect(encoding.add(message(), { ...items, added: [place(value)] })).toBe(true);
    }
    expect(points(encoding.finish().request).map(([name]) => name)).toEqual(["x", "(other)", "(other)"]);
    encoding.commit();
    expect(encoder.series).toBe(2);
  });

  it("are no limit to gauges of no rule, and of rules whose attributes do not vary", () => {
    const encoder = createMetricsEncoder(settings);
    const readings = ["a", "b", "c", "d"].map((name) => gauge(name, 1, 1, { madeBy: undefined }));
    const { request, state } = deliver(encoder, ...readings);
    expect(points(request).map(([name]) => name)).toEqual(["a", "b", "c", "d"]);
    expect(state).toBeUndefined();
    expect(encoder.series).toBe(0);
  });

  it("are never stated again", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, gauge("a"), gauge("b"), gauge("c"));
    const options = { sealedAtUs: noonUs + 100e6, restateMs: 60_000, seriesIdleMs: 3_600_000 };
    expect(encoder.restate?.(options)).toBeUndefined();
  });

  it("use up nothing in a batch that was never settled", () => {
    const encoder = createMetricsEncoder(settings);
    encode(encoder, gauge("x"), gauge("y"), gauge("z")).finish();
    expect(send(encoder, gauge("a"), gauge("b")).map(([name]) => name)).toEqual(["a", "b"]);
  });

  it("use up nothing by a message that did not fit", () => {
    const first = gauge("a");
    const { request } = deliver(createMetricsEncoder(settings), first);
    const encoder = createMetricsEncoder({ ...settings, requestBytesMax: request.length + 10 });
    const encoding = encode(encoder, first);
    expect(encoding.add(message(), metricItems(gauge("b"), gauge("c"), gauge("d")))).toBe(false);
    expect(encoding.finish()).toEqual({ request, items: 1 });
    encoding.commit();
    expect(encoder.series).toBe(1);
    expect(send(encoder, gauge("e"))).toEqual([["e", 1, 1]]);
  });

  it("count for the batch while they are new, and no longer", () => {
    const wide = { ...plainSettings, seriesMax: 100_000 };
    const encoder = createMetricsEncoder(wide);
    const names = Array.from({ length: 8192 }, (_, index) => String(index));
    const encoding = encode(encoder, ...names.map((name) => gauge(name)));
    expect(encoding.add(message(), metricItems(gauge("further")))).toBe(false);
    expect(encoding.add(message(), metricItems(gauge("7")))).toBe(true);
    encoding.finish();
    encoding.commit();
    expect(encode(encoder, ...names.map((name) => gauge(name)), gauge("further")).finish().items).toBe(8193);
  });

  it("are known by a refused message whose attempt may have been taken, but not by those behind it", () => {
    const encoder = createMetricsEncoder(settings);
    const restart = encoder.restart(message(), metricItems(gauge("a")));
    restart.follow(message(), metricItems(gauge("b")));
    const saved = restart.commit();
    for (const one of [encoder, reloaded(saved)]) {
      const sent = send(one, gauge("c"), gauge("d"), gauge("a"));
      expect(sent.map(([name]) => name)).toEqual(["c", "a", overflow]);
    }
  });

  it("leave nothing to save when a refused message has known ones alone", () => {
    const encoder = createMetricsEncoder(settings);
    deliver(encoder, gauge("a"));
    expect(encoder.restart(message(), metricItems(gauge("a", 2, 2))).commit()).toBeUndefined();
  });
});

describe("the shared series of a rule's gauge", () => {
  const full = () => {
    const encoder = createMetricsEncoder(settings);
    const { state } = deliver(encoder, gauge("a"), gauge("b"));
    return { encoder, state };
  };

  it("has one point a batch: the newest reading, and the later one of two of the same time", () => {
    const { encoder } = full();
    const readings = [gauge("c", 1, 2), gauge("d", 2, 5), gauge("e", 3, 5), gauge("f", 4, 3)];
    expect(send(encoder, ...readings)).toEqual([[overflow, 3, 5]]);
  });

  it("never has two points of one time, nor goes back, also after a restart", () => {
    const { encoder, state } = full();
    const shared = deliver(encoder, gauge("c", 1, 5));
    for (const one of [encoder, reloaded(state, shared.state)]) {
      expect(send(one, gauge("d", 2, 5))).toEqual([[overflow, 2, 5.001]]);
      expect(send(one, gauge("e", 3, 4))).toEqual([[overflow, 3, 5.002]]);
      expect(send(one, gauge("f", 4, 6))).toEqual([[overflow, 4, 6]]);
    }
  });

  it("is not held up by a clock that is far ahead", () => {
    const { encoder } = full();
    expect(send(encoder, gauge("c", 1, 86_400))).toEqual([[overflow, 1, 0]]);
  });

  it("is one for each metric, with its own type of value", () => {
    const { encoder } = full();
    const other = gauge("c", 7, 1, { name: "level", type: "i64_gauge" });
    expect(send(encoder, gauge("c"), other)).toEqual([
      [overflow, 1, 1],
      [overflow, 7n, 1],
    ]);
  });

  it("has nothing of a message that did not fit", () => {
    const { encoder, state } = full();
    const { request } = deliver(encoder, gauge("c", 1, 5));
    const small = createMetricsEncoder({ ...settings, requestBytesMax: request.length });
    small.load([state?.bytes ?? new Uint8Array()]);
    const encoding = encode(small, gauge("c", 1, 5));
    expect(encoding.add(message(), metricItems(gauge("d", 2, 6), gauge("a", 2, 6)))).toBe(false);
    expect(encoding.finish()).toEqual({ request, items: 1 });
  });

  it("goes on behind the points of an attempt that was refused but may have been taken", () => {
    const { encoder, state } = full();
    const restart = encoder.restart(message(), metricItems(gauge("c", 1, 5)));
    restart.follow(message(), metricItems(gauge("d", 2, 8)));
    const saved = restart.commit();
    for (const one of [encoder, reloaded(state, saved)]) {
      expect(send(one, gauge("e", 3, 6))).toEqual([[overflow, 3, 8.001]]);
    }
  });
});

describe("any readings, batches, restarts and sizes of requests", () => {
  const kinds = {
    gauge: (name: string, value: number, second: number) => gauge(name, value, second),
    other: (name: string, value: number, second: number) => gauge(name, value, second, { name: "level" }),
    plain: (name: string, value: number, second: number) => gauge(name, value, second, { madeBy: undefined }),
    counter: (name: string, value: number, second: number) => counter(value, second, device(name)),
  };
  const reading = fc.record({
    kind: fc.constantFrom("gauge" as const, "other" as const, "plain" as const, "counter" as const),
    name: fc.constantFrom("a", "b", "c", "d", "e"),
    second: fc.integer({ min: -30, max: 30 }),
  });
  const messages = fc.array(
    fc.record({
      readings: fc.array(reading, { minLength: 1, maxLength: 4 }),
      after: fc.constantFrom("next", "settle", "reload", "crash"),
    }),
    { maxLength: 15 },
  );
  type Received = typeof messages extends fc.Arbitrary<infer List> ? List : never;

  /** What leaves, in order, when a message that a crash made forgotten is sent again. */
  function leave(
    received: Received,
    { seriesMax, requestBytesMax }: { seriesMax: number; requestBytesMax: number },
  ) {
    const own = { ...settings, seriesMax, requestBytesMax };
    const saved: Uint8Array[] = [];
    const sent: Uint8Array[] = [];
    let encoder = createMetricsEncoder(own);
    let encoding = encoder.begin();
    let waiting: MetricItem[][] = [];
    let overflowed = 0;
    const reload = () => {
      overflowed += encoder.overflowedReadings;
      encoder = createMetricsEncoder(own);
      encoder.load(saved);
    };
    const begin = () => {
      encoding = encoder.begin();
      for (const items of waiting) encoding.add(message(), metricItems(...items));
    };
    const settle = () => {
      const { request } = encoding.finish();
      if (request !== undefined) sent.push(request);
      const change = encoding.commit();
      if (change !== undefined) saved.push(change.bytes);
      waiting = [];
      begin();
    };
    for (const [index, { readings, after }] of received.entries()) {
      const items = readings.map(({ kind, name, second }) => kinds[kind](name, index, second));
      if (!encoding.add(message(), metricItems(...items))) {
        settle();
        expect(encoding.add(message(), metricItems(...items))).toBe(true);
      }
      waiting.push(items);
      if (after === "settle" || after === "reload") settle();
      if (after === "reload" || after === "crash") {
        encoding.finish();
        reload();
        begin();
      }
    }
    settle();
    overflowed += encoder.overflowedReadings;
    const metrics = sent.flatMap((request) => {
      expect(request.length).toBeLessThanOrEqual(requestBytesMax);
      expect(rewritten(request).length).toBe(request.length);
      return decodeMetrics(request);
    });
    return { metrics, overflowed };
  }

  it("the first seriesMax series are apart, with all of their readings; the others are counted, and use no time twice", () => {
    fc.assert(
      fc.property(
        messages,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 500, max: 2000 }),
        (received, seriesMax, requestBytesMax) => {
          const limited = new Set<string>();
          const wanted: string[] = [];
          let shared = 0;
          for (const [index, { readings }] of received.entries()) {
            for (const { kind, name, second } of readings) {
              const series = `${kind} ${name}`;
              if (kind !== "plain" && limited.size < seriesMax) limited.add(series);
              const isApart = kind === "plain" || limited.has(series);
              const metric = kind === "other" ? "level" : "speed";
              if (!isApart) shared += 1;
              else if (kind !== "counter") wanted.push(`${metric} ${name} ${index} ${second}`);
            }
          }
          const met: string[] = [];
          const last = new Map<string, number>();
          const { metrics, overflowed } = leave(received, { seriesMax, requestBytesMax });
          for (const metric of metrics) {
            if (metric.data.case !== "gauge") continue;
            for (const point of metric.data.value.dataPoints) {
              const { device: name, ...rest } = plainAttributes(point.attributes);
              const time = seconds(point.timeUnixNano);
              if (!rest["otel.metric.overflow"]) {
                met.push(`${metric.name} ${name} ${point.value.value} ${time}`);
                continue;
              }
              expect(time).toBeGreaterThan(last.get(metric.name) ?? Number.NEGATIVE_INFINITY);
              last.set(metric.name, time);
            }
          }
          expect(met.toSorted()).toEqual(wanted.toSorted());
          expect(overflowed).toBe(shared);
        },
      ),
      { numRuns: 300 },
    );
  });
});
