import { expect, describe as group, it } from "vitest";
import { parseTypedJson } from "../../pipeline/expression/json.ts";
import {
  describe,
  fromJson,
  toJson,
  tupleElementsMax,
  typeOf,
  type Value,
} from "../../pipeline/expression/value.ts";

function read(json: string): Value {
  return fromJson(parseTypedJson(json));
}

group("fromJson()", () => {
  it.each<[string, Value]>([
    ["72", 72n],
    ["-72", -72n],
    ["0", 0n],
    ["72.0", 72],
    ["72.00", 72],
    ["-72.0", -72],
    ["-0.0", -0],
    ["7.2e1", 72],
    ["1E3", 1000],
    ["72.5", 72.5],
    ["72.05", 72.05],
    ["9007199254740993", 9007199254740993n],
    ["-9223372036854775808", -(2n ** 63n)],
    ["9223372036854775807", 2n ** 63n - 1n],
    ["18446744073709551615", 2n ** 64n - 1n],
    ["1e300", 1e300],
    ["1e400", Number.POSITIVE_INFINITY],
    ['"72.0"', "72.0"],
    ["true", true],
    ["null", null],
    ["[]", []],
    ['[1, 2.0, "a", true, null]', [1n, 2, "a", true, null]],
    ['{"a":1}', { json: { a: 1 } }],
    ["[[1]]", { json: [[1]] }],
    ['[{"a":1}]', { json: [{ a: 1 }] }],
  ])("reads %s", (json, value) => {
    expect(read(json)).toStrictEqual(value);
  });

  it("takes what is not there for empty", () => {
    expect(fromJson(undefined)).toBe(null);
  });

  it("hands an array through that is longer than a tuple can be", () => {
    const longest = Array.from({ length: tupleElementsMax }, () => 1);
    expect(typeOf(fromJson(longest))).toBe("tuple");
    expect(typeOf(fromJson([...longest, 1]))).toBe("json");
  });
});

group("toJson()", () => {
  it.each<[Value, unknown]>([
    [72n, 72],
    [-(2n ** 53n) + 1n, -(2 ** 53) + 1],
    [2n ** 53n, 2n ** 53n],
    [7.5, 7.5],
    ["a", "a"],
    [false, false],
    [null, null],
    [
      [1n, [2n, "a"]],
      [1, [2, "a"]],
    ],
    [{ json: { a: [1] } }, { a: [1] }],
  ])("writes %s", (value, json) => {
    expect(toJson(value)).toStrictEqual(json);
  });
});

group("parseTypedJson()", () => {
  it("tells 72.0 from 72 in one text, with exact integers and any key", () => {
    const parsed = parseTypedJson(
      '{"a":{"Value":72.0},"b":{"Value":72},"c":1754851200000000001,"d":7.25,"__proto__":1.0}',
    );
    const members = Object.entries(parsed as object);
    expect(members.map(([key, member]) => [key, typeOf(fromJson(member))])).toEqual([
      ["a", "json"],
      ["b", "json"],
      ["c", "int"],
      ["d", "float"],
      ["__proto__", "float"],
    ]);
    expect(parsed).toMatchObject({ b: { Value: 72 }, c: 1754851200000000001n, d: 7.25 });
  });

  it("writes back what it read", () => {
    expect(JSON.stringify(parseTypedJson('{"a":[72.0,1e2,5]}'))).toBe('{"a":[72,100,5]}');
  });

  it.each([
    ['{"a":72.0,"b":72}', "float int"],
    ['{"a":72,"b":7.2e1}', "int float"],
    ['{"a":72,"b":"x, 72.0, y"}', "int string"],
    ['{"a":72.0,"b":"x, 72, y"}', "float string"],
    ['{"a":1e17,"b":100000000000000000}', "float int"],
    ['{"a":-0.0,"b":0}', "float int"],
    ['{"a":\t72.0\r\n,"b":\n71 }', "float int"],
  ])("tells the numbers of %s", (json, types) => {
    const members = Object.values(parseTypedJson(json) as object);
    expect(members.map((member) => typeOf(fromJson(member))).join(" ")).toBe(types);
  });

  it("refuses a text that is nested too deeply to be told", () => {
    const nested = (inner: string) => "[".repeat(1100) + inner + "]".repeat(1100);
    expect(() => parseTypedJson(nested("1, 1.0"))).toThrow(RangeError);
    expect(() => parseTypedJson(nested("2, 1.0"))).not.toThrow();
    expect(() => parseTypedJson(nested("1"))).not.toThrow();
  });

  it("refuses a text that is not JSON", () => {
    expect(() => parseTypedJson("{1.0")).toThrow(SyntaxError);
  });
});

group("describe()", () => {
  it.each<[Value, string]>([
    [72n, "72"],
    [7.5, "7.5"],
    [72, "72.0"],
    [Number.NaN, "NaN"],
    ["a\n", '"a\\n"'],
    [true, "true"],
    [null, "nothing"],
    [[1n, 2n], "a tuple of 2"],
    [{ json: {} }, "a JSON object"],
    [{ json: [[1]] }, "an array of more than primitive values"],
    [{ json: Array.from({ length: 65_537 }) }, "an array of 65537, more than 65536"],
  ])("says %s in a few words", (value, words) => {
    expect(describe(value)).toBe(words);
  });

  it("quotes at most 40 characters", () => {
    expect(describe("x".repeat(1000))).toBe(`"${"x".repeat(38)}…`);
    expect(describe(10n ** 300n)).toHaveLength(40);
  });
});
