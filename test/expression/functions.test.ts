import { describe, expect, it } from "vitest";
import { functionNames } from "../../pipeline/expression/functions.ts";
import { resultCharsMax } from "../../pipeline/expression/text.ts";
import { tupleElementsMax, type Value } from "../../pipeline/expression/value.ts";
import { errorOf, value } from "./support.ts";

/** Every function, with what it gives. */
const examples: readonly (readonly [string, Value])[] = [
  ["cToF(100)", 212],
  ["cToF(-40)", -40],
  ["fToC(212)", 100],
  ["psiToBar(10)", 0.689476],
  ["barToPsi(0.689476)", 10],
  ["inToCm(10)", 25.4],
  ["cmToIn(25.4)", 10],
  ["ftToM(10)", 3.048],
  ["mToFt(3.048)", 10],
  ["lbToKg(10)", 4.53592],
  ["kgToLb(4.53592)", 10],
  ["galToL(10)", 37.8541],
  ["lToGal(37.8541)", 10],
  ["scale(5, 0, 10, 0, 100)", 50],
  ["scale(12, 4, 20, 0.0, 1)", 0.5],
  ["scale(15, 0, 10, 100, 0)", -50],
  ["round_n(3.14159, 2)", 3.14],
  ["round_n(2.5, 0)", 3],
  ["round_n(-2.5, 0)", -3],
  ["round_n(-0.125, 2)", -0.13],
  ["round_n(1e300, 15)", 1e300],
  ["round_n(7, 2)", 7n],
  ["floor(2.9)", 2],
  ["floor(-2.1)", -3],
  ["floor(7)", 7n],
  ["ceil(2.1)", 3],
  ["ceil(-2.9)", -2],
  ["ceil(9223372036854775807)", 2n ** 63n - 1n],
  ["round(2.5)", 3],
  ["round(-2.5)", -3],
  ["round(2.4)", 2],
  ["round(0.49999999999999994)", 0],
  ["round(7)", 7n],
  ["math::abs(-5)", 5n],
  ["math::abs(5)", 5n],
  ["math::abs(-5.5)", 5.5],
  ["math::sqrt(9)", 3],
  ["math::sqrt(-1)", Number.NaN],
  ["math::cbrt(27)", 3],
  ["math::ln(1)", 0],
  ["math::log2(8)", 3],
  ["math::log10(1000)", 3],
  ["math::log(8, 2)", 3],
  ["math::exp(0)", 1],
  ["math::exp2(3)", 8],
  ["math::pow(2, 3)", 8n],
  ["math::pow(2, 0.5)", Math.SQRT2],
  ["math::cos(0)", 1],
  ["math::sin(0)", 0],
  ["math::tan(0)", 0],
  ["math::acos(1)", 0],
  ["math::asin(1)", Math.PI / 2],
  ["math::atan(1)", Math.PI / 4],
  ["math::atan2(1, -1)", (3 * Math.PI) / 4],
  ["math::hypot(3, 4)", 5],
  ["len('Azure')", 5n],
  ["len('')", 0n],
  ["len('20 °C 🌡')", 7n],
  ["len(1, 2, 3)", 3n],
  ["len((1, 2))", 2n],
  ["str::to_lowercase('ÄB1')", "äb1"],
  ["str::to_uppercase('äb1')", "ÄB1"],
  ["str::trim('  a b\t\n')", "a b"],
  ["str::from(9223372036854775807)", "9223372036854775807"],
  ["str::from(1.5)", "1.5"],
  ["str::from(true)", "true"],
  ["str::from('a')", "a"],
  ["str::from((1, 'a', 2.5))", "(1, a, 2.5)"],
  ["str::substring('thermostat', 0, 5)", "therm"],
  ["str::substring('thermostat', 5)", "ostat"],
  ["str::substring('🌡🌡a', 1, 3)", "🌡a"],
  ["str::substring('abc', 3, 3)", ""],
  ["str::regex_matches('plant/line7/oven', 'line[0-9]+')", true],
  ["str::regex_matches('plant/line7/oven', '^line[0-9]+$')", false],
  ["str::regex_matches('20 °C', '\\\\d+ °[CF]$')", true],
  ["str::regex_replace('a1b22', '[0-9]+', '#')", "a#b#"],
  ["str::regex_replace('plant/line7/oven', '^(\\\\w+)/(?P<line>\\\\w+)/.*', '${line}@$1')", "line7@plant"],
  ["if(1 > 0, 'high', 'low')", "high"],
  ["if(1 < 0, 'high', 'low')", "low"],
  ["if(true, (), 1)", null],
  ["min(2, 3, 1)", 1n],
  ["min((2, 1.5))", 1.5],
  ["min(7)", 7n],
  ["min(9007199254740993, 9007199254740992.0)", 9007199254740992],
  ["max(2, 3, 1)", 3n],
  ["max(1, 2.5)", 2.5],
  ["max((1, 2))", 2n],
  ["max(1, 0.0 / 0, 2)", Number.NaN],
  ["contains((1, 2, 3), 2)", true],
  ["contains((1, 2, 3), 2.0)", true],
  ["contains((1, 2, 3), '2')", false],
  ["contains(('a', 'b'), 'c')", false],
  ["contains((1, ()), ())", true],
  ["contains_any((1, 2, 3), (7, 3.0))", true],
  ["contains_any((1, 2, 3), (7, '3'))", false],
  ["contains_any((9007199254740993, 1), (9007199254740992.0, 2))", false],
  ["contains_any((9007199254740992, 1), (9007199254740992.0, 2))", true],
  ["contains_any((0.0 / 0, 1), (0.0 / 0, 2))", false],
  ["contains_any((true, 'a'), ('true', true))", true],
  ["typeof('a')", "string"],
  ["typeof(1.0)", "float"],
  ["typeof(1)", "int"],
  ["typeof(true)", "boolean"],
  ["typeof((1, 2))", "tuple"],
  ["typeof(())", "empty"],
];

describe("functions", () => {
  it.each(examples)("%s", (text, expected) => {
    const result = value(text);
    if (!Number.isFinite(expected)) return expect(result).toStrictEqual(expected);
    expect(result).toBeTypeOf("number");
    return expect(result).toBeCloseTo(Number(expected), 12);
  });

  it("have an example each", () => {
    const called = new Set(examples.map(([text]) => text.slice(0, text.indexOf("("))));
    expect([...called].sort()).toEqual([...functionNames].sort());
  });

  it("are those of the documentation", () => {
    expect([...functionNames].sort()).toEqual(
      `barToPsi cToF ceil cmToIn contains contains_any fToC floor ftToM galToL if inToCm kgToLb lToGal lbToKg len mToFt
      math::abs math::acos math::asin math::atan math::atan2 math::cbrt math::cos math::exp math::exp2 math::hypot math::ln
      math::log math::log10 math::log2 math::pow math::sin math::sqrt math::tan max min psiToBar round round_n scale
      str::from str::regex_matches str::regex_replace str::substring str::to_lowercase str::to_uppercase str::trim typeof`.split(
        /\s+/,
      ),
    );
  });

  it("if() looks only at what it chooses", () => {
    expect(value("if($2 == (), $1, $1 * $2)", 5n, null)).toBe(5n);
    expect(value("if($2 == (), $1, $1 * $2)", 5n, 3n)).toBe(15n);
    expect(value("if(true, 1, 1 / 0)")).toBe(1n);
  });

  it.each(functionNames.filter((name) => /ToF|ToC|To[A-Z]/.test(name)).map((name) => [name]))(
    "%s() takes ints and floats and gives a float",
    (name) => {
      expect(value(`typeof(${name}(1))`)).toBe("float");
      expect(value(`${name}(1) == ${name}(1.0)`)).toBe(true);
    },
  );

  it.each([
    ["cToF('a')", 'Cannot calculate cToF(): met "a", wanted a number'],
    ["psiToBar(true)", "Cannot calculate psiToBar(): met true, wanted a number"],
    ["scale(1, 0, 10, 0, 'a')", 'Cannot calculate scale(): met "a", wanted a number'],
    [
      "scale(1, 5, 5, 0, 1)",
      "Cannot calculate scale(): met a source range from 5 to 5, wanted two different ends",
    ],
    ["round_n('a', 1)", 'Cannot calculate round_n(): met "a", wanted a number'],
    [
      "round_n(1.5, 16)",
      "Cannot calculate round_n(): met 16, wanted an int from 0 to 15 as the number of decimals",
    ],
    [
      "round_n(1.5, -1)",
      "Cannot calculate round_n(): met -1, wanted an int from 0 to 15 as the number of decimals",
    ],
    [
      "round_n(1.5, 1.0)",
      "Cannot calculate round_n(): met 1.0, wanted an int from 0 to 15 as the number of decimals",
    ],
    ["floor('a')", 'Cannot calculate floor(): met "a", wanted a number'],
    ["round(true)", "Cannot calculate round(): met true, wanted a number"],
    ["math::sqrt('a')", 'Cannot calculate math::sqrt(): met "a", wanted a number'],
    ["math::log(8, 'a')", 'Cannot calculate math::log(): met "a", wanted a number'],
    ["math::abs((1, 2))", "Cannot calculate math::abs(): met a tuple of 2, wanted a number"],
    ["len(5)", "Cannot calculate len(): met 5, wanted a string or a tuple"],
    ["str::trim(5)", "Cannot calculate str::trim(): met 5, wanted a string"],
    ["str::substring(5, 0, 1)", "Cannot calculate str::substring(): met 5, wanted a string"],
    [
      "str::substring('abc', 1.0, 2)",
      "Cannot calculate str::substring(): met 1.0, wanted an int as the index of a character",
    ],
    [
      "str::substring('abc', 1, 4)",
      "Cannot calculate str::substring(): met characters 1 to 4, wanted a range from 0 to 3",
    ],
    [
      "str::substring('abc', -1, 2)",
      "Cannot calculate str::substring(): met characters -1 to 2, wanted a range from 0 to 3",
    ],
    [
      "str::substring('abc', 2, 1)",
      "Cannot calculate str::substring(): met characters 2 to 1, wanted a range from 0 to 3",
    ],
    ["str::regex_matches(5, 'a')", "Cannot calculate str::regex_matches(): met 5, wanted a string"],
    ["str::regex_replace('a', 'a', 5)", "Cannot calculate str::regex_replace(): met 5, wanted a string"],
    ["min(1, 'a')", 'Cannot calculate min(): met "a", wanted a number'],
    ["max((1, true))", "Cannot calculate max(): met true, wanted a number"],
    ["min((1, 2), 3)", "Cannot calculate min(): met a tuple of 2, wanted a number"],
    ["min($1)", "Cannot calculate min(): met a tuple without elements, wanted one number at least"],
    ["contains('abc', 'a')", 'Cannot calculate contains(): met "abc", wanted a tuple'],
    ["contains_any((1, 2), 1)", "Cannot calculate contains_any(): met 1, wanted a tuple"],
    ["contains_any(1, (1, 2))", "Cannot calculate contains_any(): met 1, wanted a tuple"],
    [
      "contains_any((1, (2, 3)), (1, (2, 3)))",
      "Cannot calculate contains_any(): met a tuple of 2, wanted tuples of primitive values",
    ],
  ])("%s is refused", (text, message) => {
    expect(errorOf(text, []).message).toBe(message);
  });

  it("are called with an array of the payload", () => {
    expect(value("min($1)", [2.34, 12.3, 32.4])).toBe(2.34);
    expect(value("len($1)", [])).toBe(0n);
    expect(value("contains($1, 'b')", ["a", "b"])).toBe(true);
  });

  it.each([
    ["$1 + $1", "+"],
    ["str::to_uppercase($2)", "str::to_uppercase()"],
    ["str::from($3)", "str::from()"],
  ])("%s is refused when the result is too long", (text, where) => {
    const half = "x".repeat(resultCharsMax / 2);
    const list = Array.from({ length: tupleElementsMax }, () => 1n);
    expect(errorOf(text, `${half}x`, `ß${half}${half.slice(1)}`, list).message).toMatch(
      `Cannot calculate ${where}: met a result of `,
    );
    expect(value("len($1 + $1)", half)).toBe(BigInt(resultCharsMax));
  });

  it("contains_any() takes no longer for long tuples than their lengths", () => {
    const list = Array.from({ length: tupleElementsMax }, (_, index) => BigInt(index));
    const others = list.map((element) => -1n - element);
    expect(value("contains_any($1, $2)", list, others)).toBe(false);
  });
});
