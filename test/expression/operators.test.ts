import { describe, expect, it } from "vitest";
import type { Value } from "../../pipeline/expression/value.ts";
import { errorOf, value } from "./support.ts";

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

describe("evaluate()", () => {
  it.each<[string, Value]>([
    ["1 + 2", 3n],
    ["1 + 2.0", 3],
    ["0.5 + 0.25", 0.75],
    ["9223372036854775806 + 1", int64Max],
    ["5 - 7", -2n],
    ["5 - 0.5", 4.5],
    ["-9223372036854775807 - 1", int64Min],
    ["6 * 7", 42n],
    ["6 * 0.5", 3],
    ["3037000500 * 3037000499", 9223372033963249500n],
    ["7 / 2", 3n],
    ["-7 / 2", -3n],
    ["7 / 2.0", 3.5],
    ["7.0 / 2", 3.5],
    ["1.0 / 0", Number.POSITIVE_INFINITY],
    ["-1 / 0.0", Number.NEGATIVE_INFINITY],
    ["0.0 / 0", Number.NaN],
    ["7 % 3", 1n],
    ["-7 % 3", -1n],
    ["7 % -3", 1n],
    ["7.5 % 2", 1.5],
    ["2 ^ 3", 8n],
    ["$1 * 2 ^ 3", 40n],
    ["($1 * 2) ^ 3", 1000n],
    ["2 ^ 62", 2n ** 62n],
    ["(-2) ^ 63", int64Min],
    ["2 ^ 0", 1n],
    ["0 ^ 0", 1n],
    ["0 ^ 9223372036854775807", 0n],
    ["1 ^ 9223372036854775807", 1n],
    ["(-1) ^ 9223372036854775807", -1n],
    ["(-1) ^ 9223372036854775806", 1n],
    ["2 ^ -1", 0.5],
    ["2 ^ 0.5", Math.SQRT2],
    ["2.0 ^ 3", 8],
    ["(-8.0) ^ 0.5", Number.NaN],
    ["-$1", -5n],
    ["-2 ^ 2", -4n],
    ["-(0.5)", -0.5],
    ["!true", false],
    ["!false", true],
    ["!(1 > 2)", true],
    ['"a" + "b"', "ab"],
    ['"Position, " + $1', "Position, 5"],
    ["1 + 'a'", "1a"],
    ["'a' + 1.5", "a1.5"],
    ["'a' + true", "atrue"],
    ["1 + 2 + 'a' + 1 + 2", "3a12"],
  ])("calculates %s", (text, expected) => {
    expect(value(text, 5n)).toBe(expected);
  });

  it.each([
    ["1 < 2", true],
    ["2 < 1", false],
    ["1 < 1", false],
    ["1 <= 1", true],
    ["2 > 1", true],
    ["1 > 1", false],
    ["1 >= 1", true],
    ["1 >= 2", false],
    ["1 < 1.5", true],
    ["1.5 < 2", true],
    ["2 <= 2.0", true],
    ["9007199254740993 > 9007199254740992.0", true],
    ["9223372036854775807 < 9223372036854775808.0", true],
    ["'a' < 'b'", true],
    ["'B' < 'a'", true],
    ["'a' >= 'a'", true],
    ["false < true", true],
    ["true <= false", false],
    ["0.0 / 0 < 1", false],
    ["0.0 / 0 >= 1", false],
    ["1 > 0.0 / 0", false],
    ["1 == 1", true],
    ["1 == 1.0", true],
    ["1.5 == 1.5", true],
    ["1 == 1.5", false],
    ["9007199254740993 == 9007199254740992.0", false],
    ["0.0 / 0 == 0.0 / 0", false],
    ["0.0 / 0 != 0.0 / 0", true],
    ["1 != 2", true],
    ["'a' == 'a'", true],
    ["'a' == 'A'", false],
    ["true == true", true],
    ["1 == '1'", false],
    ["1 == true", false],
    ["0 == ()", false],
    ["'' == ()", false],
    ["false == ()", false],
    ["() == ()", true],
    ["$1 == ()", true],
    ["$1 != ()", false],
    ["$2 == ()", false],
    ["(1, 2) == (1, 2)", true],
    ["(1, 2) == (1.0, 2)", true],
    ["(1, 2) == (2, 1)", false],
    ["(1, 2) == (1, 2, 3)", false],
    ["(1, (2, 'a')) == (1, (2, 'a'))", true],
    ["(1, 2) != 1", true],
    ["(1, ()) == (1, ())", true],
  ])("compares %s", (text, expected) => {
    expect(value(text, null, 5n)).toBe(expected);
  });

  it.each([
    ["true && true", true],
    ["true && false", false],
    ["false && true", false],
    ["false || true", true],
    ["false || false", false],
    ["true || false", true],
    ["$2 > 100 && $2 < 200", false],
    ["$1 != () && $1 > 5", false],
    ["$1 == () || $1 > 5", true],
  ])("decides %s, and looks no further than it must", (text, expected) => {
    expect(value(text, null, 5n)).toBe(expected);
  });

  it("takes an input that is not given for empty", () => {
    expect(value("$2 == ()", 1n)).toBe(true);
  });

  it.each([
    ["9223372036854775807 + 1", "+"],
    ["-9223372036854775808 - 1", "-"],
    ["9223372036854775807 * 2", "*"],
    ["-9223372036854775808 / -1", "/"],
    ["2 ^ 63", "^"],
    ["2 ^ 9223372036854775807", "^"],
    ["(-2) ^ 64", "^"],
    ["-$1", "-"],
    ["math::abs($1)", "math::abs()"],
    ["$2 * 1", "*"],
  ])("refuses %s, which exceeds 64 bits", (text, where) => {
    expect(errorOf(text, int64Min, 2n ** 64n).message).toBe(
      `Cannot calculate ${where}: the result exceeds an int of 64 bits; a float such as 1.0 among the operands avoids that`,
    );
  });

  it("calculates with an input beyond 64 bits as long as the result fits", () => {
    expect(value("$1 / 1000", 2n ** 64n - 1n)).toBe(18446744073709551n);
    expect(value("$1 > 9223372036854775807", 2n ** 64n - 1n)).toBe(true);
    expect(value("$1 * 1.0", 2n ** 64n)).toBe(2 ** 64);
  });

  it.each([["1 / 0"], ["1 % 0"], ["$1 / 0"]])("refuses %s", (text) => {
    expect(errorOf(text, 1n).message).toMatch(/^Cannot calculate [/%]: met a divisor of 0, wanted another$/);
  });

  it.each([
    ["'a' - 1", 'Cannot calculate -: met "a", wanted a number'],
    ["1 - 'a'", 'Cannot calculate -: met "a", wanted a number'],
    ["true * 2", "Cannot calculate *: met true, wanted a number"],
    ["(1, 2) / 2", "Cannot calculate /: met a tuple of 2, wanted a number"],
    ["'2' ^ 2", 'Cannot calculate ^: met "2", wanted a number'],
    ["5 % '2'", 'Cannot calculate %: met "2", wanted a number'],
    ["true + 1", "Cannot calculate +: met true, wanted numbers, or a string and another value"],
    ["1 + (1, 2)", "Cannot calculate +: met a tuple of 2, wanted numbers, or a string and another value"],
    ["-'a'", 'Cannot calculate -: met "a", wanted a number'],
    ["!1", "Cannot calculate !: met 1, wanted a boolean"],
    ["1 && true", "Cannot calculate &&: met 1, wanted a boolean"],
    ["true && 1", "Cannot calculate &&: met 1, wanted a boolean"],
    ["'a' || true", 'Cannot calculate ||: met "a", wanted a boolean'],
    ["false || 0", "Cannot calculate ||: met 0, wanted a boolean"],
    ["1 < 'a'", 'Cannot calculate <: met "a", wanted a number'],
    ["'a' < 1", "Cannot calculate <: met 1, wanted a string"],
    ["true >= 1", "Cannot calculate >=: met 1, wanted a boolean"],
    ["1 < 2 < 3", "Cannot calculate <: met 3, wanted a boolean"],
    ["(1, 2) > 1", "Cannot calculate >: met a tuple of 2, wanted a number, a string or a boolean"],
    ["if(1, 2, 3)", "Cannot calculate if(): met 1, wanted a boolean"],
  ])("refuses the types of %s", (text, message) => {
    const error = errorOf(text);
    expect(error.message).toBe(message);
    expect(error.isMissing).toBe(false);
  });

  it.each([
    "$1 + 1",
    "1 + $1",
    "'a' + $1",
    "$1 * 2",
    "2 ^ $1",
    "-$1",
    "!$1",
    "$1 < 1",
    "1 < $1",
    "$1 && true",
    "true && $1",
    "cToF($1)",
    "scale($1, 0, 1, 0, 1)",
    "min(1, $1)",
    "len($1)",
    "str::trim($1)",
    "str::from($1)",
    "contains($1, 1)",
    "if($1, 1, 2)",
    "1 + () ",
  ])("tells that %s lacks a value", (text) => {
    const error = errorOf(text, null);
    expect(error.message).toMatch(/^Cannot calculate .+: met nothing, wanted /);
    expect(error.isMissing).toBe(true);
  });

  it.each<[object, string]>([
    [{ a: 1 }, "a JSON object"],
    [[[1]], "an array of more than primitive values"],
  ])("refuses the input %j, whatever is done with it", (json, met) => {
    for (const text of ["$2", "$2 == ()", "typeof($2)", "$2 + 'a'"]) {
      expect(errorOf(text, 1n, { json }).message).toBe(
        `Cannot calculate with $2: met ${met}, wanted a primitive value or an array of them`,
      );
    }
    expect(value("$1", 1n, { json })).toBe(1n);
  });

  it("quotes little of a value", () => {
    const { message } = errorOf("$1 * 2", "secret ".repeat(100));
    expect(message).toBe('Cannot calculate *: met "secret secret secret secret secret sec…, wanted a number');
  });
});
