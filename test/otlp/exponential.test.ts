import { fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ExponentialHistogramDataPoint,
  ExponentialHistogramDataPointSchema,
} from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import type { Reading } from "../../pipeline/otlp/aggregate.ts";
import { ExponentialHistogram } from "../../pipeline/otlp/exponential.ts";
import { finestIndex, scaleMax } from "../../pipeline/otlp/exponential-index.ts";
import { WireWriter } from "../../pipeline/otlp/wire.ts";

/** Values that keep a fine scale, values that force a coarse one, and the ends of the range. */
const value = fc.oneof(
  fc.double({ min: 0.9, max: 1.1, noNaN: true }),
  fc.integer({ min: -50, max: 1000 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1, 2, 5e-324, -5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, 2 ** -1022),
);
const values = fc.array(value, { minLength: 1, maxLength: 60 });

function reading(value: number | bigint): Reading {
  return { value, isDouble: typeof value === "number", timeUnixNano: 1n };
}

function histogramOf(numbers: readonly number[]): ExponentialHistogram {
  const histogram = new ExponentialHistogram();
  for (const number of numbers) histogram.record(reading(number));
  return histogram;
}

function encode(histogram: ExponentialHistogram): Uint8Array {
  const writer = new WireWriter(histogram.pointSize);
  histogram.write(writer, () => {});
  return writer.written;
}

function decode(histogram: ExponentialHistogram): ExponentialHistogramDataPoint {
  return fromBinary(ExponentialHistogramDataPointSchema, encode(histogram));
}

/** Without the sum, which depends on the order in which doubles are added. */
function exactPart(histogram: ExponentialHistogram) {
  const { sum, ...rest } = decode(histogram);
  return { ...rest, hasSum: sum !== undefined };
}

function restored(histogram: ExponentialHistogram): ExponentialHistogram | undefined {
  return ExponentialHistogram.restore(histogram.save());
}

/** The plainest way: every value kept, and the finest scale looked for from the top. */
function reference(numbers: readonly number[]) {
  const sides = [numbers.filter((number) => number > 0), numbers.filter((number) => number < 0)];
  for (let scale = scaleMax; ; scale -= 1) {
    const buckets = sides.map((side) => {
      const indexes = side.map((number) => finestIndex(Math.abs(number)) >> (scaleMax - scale));
      const offset = indexes.reduce((least, index) => Math.min(least, index), Number.POSITIVE_INFINITY);
      const last = indexes.reduce((most, index) => Math.max(most, index), Number.NEGATIVE_INFINITY);
      return { offset, last, indexes };
    });
    if (buckets.some(({ offset, last }) => last - offset >= 160)) continue;
    const [positive, negative] = buckets.map(({ offset, last, indexes }) =>
      indexes.length === 0
        ? undefined
        : {
            offset,
            bucketCounts: Array.from({ length: last - offset + 1 }, (_, i) =>
              BigInt(indexes.filter((index) => index === offset + i).length),
            ),
          },
    );
    return {
      scale,
      count: BigInt(numbers.length),
      zeroCount: BigInt(numbers.filter((number) => number === 0).length),
      positive,
      negative,
      min: Math.min(...numbers),
      max: Math.max(...numbers),
      hasSum: numbers.every((number) => number >= 0),
    };
  }
}

describe("an exponential histogram", () => {
  it("holds what a plain reference finds in its values", () => {
    fc.assert(
      fc.property(values, (numbers) => {
        const { positive, negative, ...rest } = reference(numbers);
        const point = exactPart(histogramOf(numbers));
        expect(point).toMatchObject(rest);
        expect(point.positive).toEqual(positive && expect.objectContaining(positive));
        expect(point.negative).toEqual(negative && expect.objectContaining(negative));
      }),
    );
  });

  it("is exactly as large as it says, and as protobuf-es would write it", () => {
    fc.assert(
      fc.property(values, (numbers) => {
        const histogram = histogramOf(numbers);
        const bytes = encode(histogram);
        expect(bytes.length).toBe(histogram.pointSize);
        const again = toBinary(
          ExponentialHistogramDataPointSchema,
          fromBinary(ExponentialHistogramDataPointSchema, bytes),
        );
        expect(again).toEqual(bytes);
      }),
    );
  });

  it("is the same whichever way its parts were merged", () => {
    fc.assert(
      fc.property(values, values, values, (a, b, c) => {
        const whole = exactPart(histogramOf([...a, ...b, ...c]));
        const [left, right] = [histogramOf(a), histogramOf(c)];
        left.merge(histogramOf(b));
        left.merge(histogramOf(c));
        right.merge(histogramOf(b));
        right.merge(histogramOf(a));
        expect(exactPart(left)).toEqual(whole);
        expect(exactPart(right)).toEqual(whole);
        expect(left.pointSize).toBe(histogramOf([...a, ...b, ...c]).pointSize);
      }),
    );
  });

  it("changes nothing in the one that is merged into it", () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const [sum, added] = [histogramOf(a), histogramOf(b)];
        const before = encode(added);
        sum.merge(added);
        sum.record(reading(7));
        expect(encode(added)).toEqual(before);
      }),
    );
  });

  it("takes readings back, from the newest on", () => {
    fc.assert(
      fc.property(values, values, (kept, refused) => {
        const histogram = histogramOf(kept);
        const before = encode(histogram);
        const undo = refused.map((number) => histogram.record(reading(number)));
        for (const takeBack of undo.reverse()) takeBack();
        expect(encode(histogram)).toEqual(before);
        expect(histogram.pointSize).toBe(before.length);
      }),
    );
  });

  it("goes on from what it saved, byte for byte", () => {
    fc.assert(
      fc.property(values, values, (before, after) => {
        const histogram = histogramOf(before);
        const again = restored(histogram);
        for (const number of after) {
          histogram.record(reading(number));
          again?.record(reading(number));
        }
        expect(again && encode(again)).toEqual(encode(histogram));
      }),
    );
  });

  it("holds all of a sequence once it follows another, also what comes to that one later", () => {
    fc.assert(
      fc.property(values, values, values, (earlier, own, late) => {
        const first = histogramOf(earlier);
        const next = new ExponentialHistogram();
        next.follow(first);
        for (const number of own) next.record(reading(number));
        const before = encode(next);
        const undo = late.map((number) => next.recordEarlier(reading(number)));
        const total = histogramOf(earlier);
        total.merge(next);
        expect(exactPart(total)).toEqual(exactPart(histogramOf([...earlier, ...own, ...late])));
        expect(encode(first)).toEqual(encode(histogramOf(earlier)));
        for (const takeBack of undo.reverse()) takeBack();
        expect(encode(next)).toEqual(before);
      }),
    );
  });

  it("becomes part of a sequence when a reading comes before its own first one", () => {
    const next = histogramOf([8]);
    const undo = next.recordEarlier(reading(1));
    const total = histogramOf([1]);
    total.merge(next);
    expect(decode(total).count).toBe(2n);
    undo();
    const sum = histogramOf([1]);
    sum.merge(next);
    expect(decode(sum).count).toBe(2n);
  });

  it.each([
    ["one value has the finest scale", [3], 20, 1],
    ["equal values share a bucket", [3, 3, 3], 20, 1],
    ["powers of two end their buckets", [1, 2, 4, 8], 5, 97],
    ["the whole range of doubles fits", [5e-324, Number.MAX_VALUE], -4, 132],
    ["160 buckets are allowed", [1, 2 ** 159], 0, 160],
    ["161 buckets are not", [1, 2 ** 160], -1, 81],
    ["negative values have as many", [-1, -(2 ** 159), 1], 0, 1],
  ])("%s", (_, numbers, scale, buckets) => {
    const point = decode(histogramOf(numbers));
    expect([point.scale, point.positive?.bucketCounts.length]).toEqual([scale, buckets]);
  });

  it("counts zeros apart, and zeros alone have no buckets", () => {
    const point = decode(histogramOf([0, 0]));
    expect(point).toMatchObject({ count: 2n, zeroCount: 2n, sum: 0, min: 0, max: 0 });
    expect([point.positive, point.negative]).toEqual([undefined, undefined]);
  });

  it("leaves the sum out once a value was negative", () => {
    expect(decode(histogramOf([5, -1, 5])).sum).toBeUndefined();
    expect(decode(histogramOf([5, 1])).sum).toBe(6);
  });

  it("takes 64-bit integers as doubles", () => {
    const histogram = new ExponentialHistogram();
    histogram.record(reading(2n ** 63n - 1n));
    expect(decode(histogram)).toMatchObject({ sum: 2 ** 63, positive: { offset: 63 * 2 ** 20 - 1 } });
  });

  it("counts beyond 32 bits, with sizes that stay exact", () => {
    const total = histogramOf([1, 1, 1.00001, 0]);
    for (let doubling = 0; doubling < 50; doubling += 1) {
      const copy = restored(total);
      if (copy === undefined) throw new Error("the histogram was not restored");
      total.merge(copy);
      expect(encode(total).length).toBe(total.pointSize);
    }
    expect(decode(total)).toMatchObject({ count: 4n << 50n, zeroCount: 1n << 50n });
    expect(decode(total).positive?.bucketCounts[0]).toBe(2n << 50n);
  });

  it.each([
    ["nothing", []],
    ["a sum", [1n]],
    ["a scale beyond the finest", [21n, 0n, 0n, 0n, 0n, 0n]],
    ["more buckets than allowed", [161n << 8n, 0n, 0n, 0n, 0n, 0n, ...Array<bigint>(21).fill(0n)]],
    ["fewer counts than it says", [9n << 8n, 0n, 0n, 0n, 0n, 0n, 0n]],
  ])("is not restored from %s", (_, words) => {
    const values = BigInt64Array.from(words);
    expect(ExponentialHistogram.restore({ flag: false, values })).toBeUndefined();
  });
});
