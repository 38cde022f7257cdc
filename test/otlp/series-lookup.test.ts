import { describe, expect, it } from "vitest";
import { attributesHash } from "../../pipeline/otlp/attributes.ts";
import { createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { Attribute } from "../../pipeline/payload/format.ts";
import {
  counter,
  decodeMetrics,
  deliver,
  encode,
  message,
  metricItems,
  numberPoints,
  plainAttributes,
  settings,
} from "./fixtures.ts";

/** Two ids that FNV-1a gives the same 32 bits, found by trying. */
const collided = ["1cstj7b18208qu", "7yyvvf1cvj8ei"] as const;

function of(attributes: readonly Attribute[], value = 1) {
  return counter(value, 1, { attributes });
}

function id(value: Attribute["value"]): Attribute[] {
  return [{ key: "id", value }];
}

function sums(request: Uint8Array) {
  return numberPoints(decodeMetrics(request)).map(({ attributes, value }) => [
    plainAttributes(attributes),
    value.value,
  ]);
}

describe("the series of a reading", () => {
  it("is its own where its attributes hash as those of another", () => {
    const [a, b] = collided.map(id) as [Attribute[], Attribute[]];
    expect(attributesHash(a)).toBe(attributesHash(b));
    const { request } = deliver(createMetricsEncoder(settings), of(a), of(b, 10), of(a), of(b, 10));
    expect(sums(request)).toEqual([
      [{ id: collided[0] }, 2n],
      [{ id: collided[1] }, 20n],
    ]);
  });

  it("is another for values of other types that look the same", () => {
    const { request } = deliver(
      createMetricsEncoder(settings),
      ...["1", 1, "true", true, "1", 1, "true", true].map((value) => of(id(value))),
    );
    expect(sums(request).map(([, value]) => value)).toEqual([2n, 2n, 2n, 2n]);
  });

  it("is another where a key and a value are cut elsewhere", () => {
    const { request } = deliver(
      createMetricsEncoder(settings),
      of([{ key: "ab", value: "c" }]),
      of([{ key: "a", value: "bc" }]),
      of([{ key: "ab", value: "c" }]),
    );
    expect(sums(request)).toEqual([
      [{ ab: "c" }, 2n],
      [{ a: "bc" }, 1n],
    ]);
  });

  it("is the same in whatever order its attributes come", () => {
    const there: Attribute[] = [...id("x"), { key: "line", value: "3" }];
    const { request } = deliver(
      createMetricsEncoder(settings),
      of(there),
      of(there.toReversed(), 10),
      of(there, 100),
      of(there.toReversed(), 1000),
    );
    expect(sums(request)).toEqual([[{ id: "x", line: "3" }, 1111n]]);
  });

  it("is in the request again after a message was taken back that began it", () => {
    const { length } = deliver(createMetricsEncoder(settings), of(id("a")), of(id("b"))).request;
    const encoding = encode(createMetricsEncoder({ ...settings, requestBytesMax: length }), of(id("a")));
    expect(encoding.add(message(), metricItems(of(id("b"), 5), of(id("c"))))).toBe(false);
    expect(encoding.add(message(), metricItems(of(id("b"), 7)))).toBe(true);
    expect(sums(encoding.finish().request ?? new Uint8Array())).toEqual([
      [{ id: "a" }, 1n],
      [{ id: "b" }, 7n],
    ]);
  });
});
