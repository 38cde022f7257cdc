import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeUtf8, parseJson } from "../../pipeline/payload/json.ts";
import { numRuns } from "./runs.ts";

describe("parseJson()", () => {
  it.each<[string, unknown]>([
    ["0", 0],
    ["-0", -0],
    ["72.5", 72.5],
    ["1e3", 1000],
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", 9007199254740992n],
    ["9007199254740993", 9007199254740993n],
    ["-9007199254740993", -9007199254740993n],
    ["9223372036854775807", 9223372036854775807n],
    ["18446744073709551616", 18446744073709551616n],
    ["1754851200000000001.0", 1754851200000000001n],
    ["9.007199254740993e15", 9007199254740993n],
    ["9.007199254740993E+15", 9007199254740993n],
    ["90071992547409930e-1", 9007199254740993n],
    ["1e17", 100000000000000000n],
    ["1754851200000000001.5", 1754851200000000000],
    ["12345678901234567891e-1", 1234567890123456800],
    ["0.12345678901234567", 0.12345678901234566],
    ["1e999", Number.POSITIVE_INFINITY],
    ["-1e999", Number.NEGATIVE_INFINITY],
    ["1e-999", 0],
    ['"1754851200000000001"', "1754851200000000001"],
    ['"1e5"', "1e5"],
  ])("reads %s", (text, value) => {
    expect(parseJson(text)).toBe(value);
    expect(parseJson(`{"a":[${text}]}`)).toEqual({ a: [value] });
  });

  it("keeps integers apart that round to the same number", () => {
    expect(parseJson("[9007199254740992, 9007199254740993]")).toEqual([9007199254740992n, 9007199254740993n]);
  });

  it("is not misled by digits in a string that round to the same number", () => {
    expect(parseJson('["9007199254740992", 9007199254740993]')).toEqual([
      "9007199254740992",
      9007199254740993n,
    ]);
  });

  it("keeps __proto__ an own property and pollutes nothing", () => {
    const value = parseJson('{"__proto__":{"polluted":1754851200000000001}}') as object;
    expect(Object.getOwnPropertyNames(value)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.values(value)).toEqual([{ polluted: 1754851200000000001n }]);
  });

  it("takes the last of duplicate keys", () => {
    expect(parseJson('{"a":1,"a":1754851200000000001}')).toEqual({ a: 1754851200000000001n });
    expect(parseJson('{"a":1754851200000000001,"a":1}')).toEqual({ a: 1 });
  });

  it("bears deep nesting around a long integer", () => {
    const text = `${"[".repeat(100_000)}1754851200000000001${"]".repeat(100_000)}`;
    let value = parseJson(text);
    while (Array.isArray(value)) value = value[0];
    expect(value).toBe(1754851200000000001n);
  });

  it("refuses nesting that only the recursing way could read", () => {
    const nested = (levels: number) => `${"[".repeat(levels)}1e17${"]".repeat(levels)}`;
    expect(() => parseJson(nested(1000))).not.toThrow();
    expect(() => parseJson(nested(1001))).toThrow(RangeError);
    expect(() => parseJson(nested(100_000))).toThrow(RangeError);
  });

  it("takes a literal of a million digits in its stride", () => {
    expect(parseJson("9".repeat(1_000_000))).toBe(Number.POSITIVE_INFINITY);
    expect(parseJson(`1${"0".repeat(1_000_000)}e-999980`)).toBe(100000000000000000000n);
  });

  it("gives back every tree of integers, fractions and text that was written", () => {
    const leaf = fc.oneof(
      fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
      fc.double({ noNaN: true, noDefaultInfinity: true, max: 1e15, min: -1e15 }).map((value) => value + 0),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie("tree")), fc.dictionary(fc.string(), tie("tree"))),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        expect(parseJson(print(value))).toEqual(normalized(value));
      }),
      { numRuns },
    );
  });
});

/** JSON with integers written out in full. */
function print(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map(print).join(" , ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${print(member)}`)}}`;
  }
  return JSON.stringify(value);
}

/** What parsing should give: bigint only beyond 2^53−1. */
function normalized(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(normalized);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, normalized(member)]));
  }
  return Object.is(value, -0) ? 0 : value;
}

describe("decodeUtf8()", () => {
  it("takes the byte order mark off", () => {
    expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d))).toBe("{}");
  });

  it.each([
    ["a lone continuation byte", [0x80]],
    ["a truncated sequence", [0xc3]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
  ])("gives nothing for %s, and reads on afterwards", (_what, bytes) => {
    expect(decodeUtf8(Uint8Array.from(bytes))).toBeUndefined();
    expect(decodeUtf8(Uint8Array.of(0x61))).toBe("a");
  });
});
