import { describe, expect, it } from "vitest";
import { expressionCharsMax, nestingMax } from "../../pipeline/expression/expression.ts";
import { print } from "../../pipeline/expression/print.ts";
import { faultsOf, parsed, value } from "./support.ts";

/** From the loosest to the tightest. */
const levels = [["||"], ["&&"], ["==", "!="], ["<", ">", "<=", ">="], ["+", "-"], ["*", "/", "%"], ["^"]];
const ranked = levels.flatMap((operators, level) => operators.map((operator) => ({ operator, level })));
/** Two operators, and which of the two binds first; powers of powers are refused. */
const pairs = ranked.flatMap((first) =>
  ranked
    .filter((second) => first.operator !== "^" || second.operator !== "^")
    .map((second) => ({
      text: `$1 ${first.operator} $2 ${second.operator} $3`,
      grouped:
        first.level >= second.level
          ? `($1 ${first.operator} $2) ${second.operator} $3`
          : `$1 ${first.operator} ($2 ${second.operator} $3)`,
    })),
);

describe("parseExpression()", () => {
  it.each(pairs)("reads $text as $grouped", ({ text, grouped }) => {
    expect(parsed(text)).toEqual(parsed(grouped));
  });

  it.each([
    ["-$1 * 2", "(-$1) * 2"],
    ["-$1 + 2", "(-$1) + 2"],
    ["-$1 ^ 2", "-($1 ^ 2)"],
    ["-2 ^ 2", "-(2 ^ 2)"],
    ["2 * -$1 ^ 2", "2 * (-($1 ^ 2))"],
    ["2 ^ -$1", "2 ^ (-$1)"],
    ["2 ^ -$1 * 3", "(2 ^ (-$1)) * 3"],
    ["!$1 && $2", "(!$1) && $2"],
    ["!$1 == $2", "(!$1) == $2"],
    ["!$1 ^ $2", "(!$1) ^ $2"],
    ["--$1", "-(-$1)"],
    ["!!$1", "!(!$1)"],
    ["$1 - -$2", "$1 - (-$2)"],
    ["$1-1", "$1 - 1"],
    ["$1 - 1 - 2", "($1 - 1) - 2"],
    ["(($1))", "$1"],
    [" \t\n$1\n+ 2", "$1 + 2"],
    ["'it\\'s'", '"it\'s"'],
  ])("reads %s as %s", (text, same) => {
    expect(parsed(text)).toEqual(parsed(same));
  });

  it.each([
    ["42", 42n],
    ["007", 7n],
    ["-7", -7n],
    ["9223372036854775807", 2n ** 63n - 1n],
    ["-9223372036854775808", -(2n ** 63n)],
    ["3.14", 3.14],
    ["72.0", 72],
    ["-0.5", -0.5],
    ["6.02e23", 6.02e23],
    ["1E-3", 0.001],
    ["1e3", 1000],
    ['"hello"', "hello"],
    ["'High'", "High"],
    ['""', ""],
    ['"say \\"hi\\" \\\\ \\\'"', 'say "hi" \\ \''],
    ['"it\'s 20°C 🌡"', "it's 20°C 🌡"],
    ["true", true],
    ["false", false],
    ["()", null],
    ["(1, 2.5, 'a', (), (1, 2))", [1n, 2.5, "a", null, [1n, 2n]]],
    ["$1", "first"],
    ["$2", "second"],
  ])("reads the value %s", (text, expected) => {
    expect(value(text, "first", "second")).toStrictEqual(expected);
  });

  it.each([
    ["", 1, "met the end, wanted a literal, an input such as $1, a function or parentheses"],
    ["1 +", 4, "met the end, wanted a literal, an input such as $1, a function or parentheses"],
    ["1 + * 2", 5, "met *, wanted a literal, an input such as $1, a function or parentheses"],
    ["1 2", 3, "met 2, wanted an operator"],
    ["2x", 2, "met x, wanted an operator"],
    ["(1", 3, "met the end, wanted an operator, a comma or a closing parenthesis"],
    ["min(1 2)", 7, "met 2, wanted an operator, a comma or a closing parenthesis"],
    ["(1,)", 4, "met ), wanted a literal, an input such as $1, a function or parentheses"],
    ["1)", 2, "met ), wanted an operator"],
    ["1, 2", 2, "met ,, wanted an operator"],
    ["'abc", 1, "a quotation mark ' is not closed"],
    ['1 + "abc\\"', 5, 'a quotation mark " is not closed'],
    ["1 = 2", 3, "met =, wanted =="],
    ["$1 & $2", 4, "met &, wanted &&"],
    ["$1 | $2", 4, "met |, wanted ||"],
    ["$1 and $2", 4, "met and, wanted &&"],
    ["$1 or $2", 4, "met or, wanted ||"],
    ["not $1", 1, "met not, wanted !"],
    ["1 ? 2", 3, "met ?, wanted an operator, a literal, an input such as $1, or a function"],
    ["1; 2", 2, "met ;, wanted an operator, a literal, an input such as $1, or a function"],
    ["🌡", 1, "met 🌡, wanted an operator, a literal, an input such as $1, or a function"],
    [
      "temperature * 2",
      1,
      "met temperature, wanted an input such as $1, or parentheses behind the name of a function",
    ],
    [
      "constructor",
      1,
      "met constructor, wanted an input such as $1, or parentheses behind the name of a function",
    ],
    ["2 ^ 3 ^ 2", 7, "met ^, wanted parentheses, as in (a ^ b) ^ c or a ^ (b ^ c)"],
  ])("points at the fault of %j", (text, column, message) => {
    expect(faultsOf(text)).toEqual([
      { column, message: expect.stringMatching(/^Cannot read the expression: /) },
    ]);
    expect(faultsOf(text)[0]?.message).toBe(`Cannot read the expression: ${message}`);
  });

  it.each([
    ["$1 + $3", 2, 6, "Cannot find the input $3: wanted $1 to $2"],
    ["$2", 1, 1, "Cannot find the input $2: wanted $1"],
    ["$1", 0, 1, "Cannot find the input $1: wanted no input: there are none"],
    ["$0", 1, 1, "Cannot find the input $0: wanted $1"],
    [
      "$99999999999",
      1,
      1,
      "Cannot find the input $99999999999: wanted $1; paths and metadata stand in the inputs",
    ],
    ["$", 1, 1, "Cannot find the input $: wanted $1; paths and metadata stand in the inputs"],
    [
      "$metadata.topic",
      2,
      1,
      "Cannot find the input $metadata.topic: wanted $1 to $2; paths and metadata stand in the inputs",
    ],
  ])("knows no input of %s beside %d", (text, inputsMax, column, message) => {
    expect(faultsOf(text, inputsMax)).toEqual([{ column, message }]);
  });

  it.each([
    ["ctof(1)", "there is no such function; did you mean cToF()"],
    ["abs(1)", "there is no such function; did you mean math::abs()"],
    ["trim('a')", "there is no such function; did you mean str::trim()"],
    ["math::squirt(1)", "there is no such function; did you mean math::sqrt()"],
    ["frobnicate(1)", "there is no such function"],
    ["toString(1)", "there is no such function"],
    ["hasOwnProperty(1)", "there is no such function"],
    ["eval('1')", "there is no such function"],
    ["average($1)", "it belongs to windows of messages; a receiver aggregates"],
    ["sum($1)", "it belongs to windows of messages; a receiver aggregates"],
    ["count($1)", "it belongs to windows of messages; a receiver aggregates"],
    ["first($1)", "it belongs to windows of messages; a receiver aggregates"],
    ["last($1)", "it belongs to windows of messages; a receiver aggregates"],
  ])("says why %s cannot be called", (text, reason) => {
    const name = text.slice(0, text.indexOf("("));
    expect(faultsOf(text)).toEqual([{ column: 1, message: `Cannot call ${name}(): ${reason}` }]);
  });

  it.each([
    ["'(a'", `met the pattern "(a", wanted one of RE2's syntax: missing closing ): \`(a\``],
    [
      "'(?=a)'",
      `met the pattern "(?=a)", wanted one of RE2's syntax: invalid or unsupported Perl syntax: \`(?=\``,
    ],
    [
      "'(a{1000}){1000}'",
      `met the pattern "(a{1000}){1000}", wanted one of RE2's syntax: invalid repeat count: \`{1000}\``,
    ],
    [
      "'a{900}b{900}'",
      'met the pattern "a{900}b{900}" of 1802 steps, wanted at most 1000: fewer or smaller repetitions',
    ],
    [`'${"a".repeat(1025)}'`, "met a pattern of 1025 characters, wanted at most 1024"],
    ["$2", "met a pattern that is calculated, wanted one in quotation marks"],
    ["'a' + 'b'", "met a pattern that is calculated, wanted one in quotation marks"],
    ["5", "met the pattern 5, wanted one in quotation marks"],
  ])("says what is wrong with the pattern %s, and where", (pattern, reason) => {
    expect(faultsOf(`!str::regex_matches($1, ${pattern})`)).toEqual([
      { column: 2, message: `Cannot call str::regex_matches(): ${reason}` },
    ]);
    expect(faultsOf(`$1 + str::regex_replace($1, ${pattern}, '')`)).toEqual([
      { column: 6, message: `Cannot call str::regex_replace(): ${reason}` },
    ]);
  });

  it.each([
    [String.raw`"\d+"`, String.raw`Cannot read the escape \d: wanted \", \' or \\`],
    ["9223372036854775808", expect.stringContaining("Cannot hold 9223372036854775808")],
  ])("says nothing of a pattern in %s, which cannot be read", (literal, message) => {
    expect(faultsOf(`str::regex_matches($1, ${literal})`)).toEqual([{ column: 24, message }]);
  });

  it.each([
    ["cToF()", "met 0 arguments, wanted 1"],
    ["cToF(1, 2)", "met 2 arguments, wanted 1"],
    ["if(true, 1)", "met 2 arguments, wanted 3"],
    ["scale(1, 2, 3, 4)", "met 4 arguments, wanted 5"],
    ["min()", "met 0 arguments, wanted at least 1"],
    ["str::substring('a')", "met 1 argument, wanted 2 to 3"],
    ["contains((1, 2))", "met 1 argument, wanted 2"],
  ])("counts the arguments of %s", (text, reason) => {
    const name = text.slice(0, text.indexOf("("));
    expect(faultsOf(text)).toEqual([{ column: 1, message: `Cannot call ${name}(): ${reason}` }]);
  });

  it.each([
    [
      "9223372036854775808",
      "Cannot hold 9223372036854775808: wanted an int from -9223372036854775808 to 9223372036854775807",
    ],
    [
      "-9223372036854775809",
      "Cannot hold -9223372036854775809: wanted an int from -9223372036854775808 to 9223372036854775807",
    ],
    ["1e999", "Cannot hold 1e999: it exceeds a float"],
    ['"a\\nb"', `Cannot read the escape \\n: wanted \\", \\' or \\\\`],
  ])("refuses the literal %s", (text, message) => {
    expect(faultsOf(text).map((fault) => fault.message)).toEqual([message]);
  });

  it("points at every fault at once, up to where it cannot go on", () => {
    expect(faultsOf("ctof($7) + min() * 1e999 +", 2).map(({ column }) => column)).toEqual([1, 6, 12, 20, 27]);
    expect(faultsOf("ctof($7) = 1", 2).map(({ column }) => column)).toEqual([1, 6, 10]);
    expect(faultsOf("ctof($7) + #", 2).map(({ column }) => column)).toEqual([1, 6, 12]);
  });

  it("refuses a text that is too long", () => {
    const longest = `1${" ".repeat(expressionCharsMax - 1)}`;
    expect(faultsOf(longest)).toEqual([]);
    expect(faultsOf(`${longest} `)).toEqual([
      {
        column: 1,
        message: "Cannot read the expression: it has 4097 characters, at most 4096 are allowed",
      },
    ]);
  });

  it.each([
    ["(", "1", ")"],
    ["-", "$1", ""],
    ["!", "$1", ""],
    ["min(", "1", ")"],
    ["2 ^ (", "1", ")"],
  ])("refuses %s that is nested too deeply", (open, inner, close) => {
    const nested = (levelCount: number) => open.repeat(levelCount) + inner + close.repeat(levelCount);
    expect(faultsOf(nested(nestingMax / 2 - 1))).toEqual([]);
    expect(faultsOf(nested(nestingMax))).toEqual([
      {
        column: expect.any(Number),
        message: `Cannot read the expression: it is nested deeper than ${nestingMax} levels`,
      },
    ]);
  });

  it("reads, prints and evaluates the longest chain", () => {
    const text = `1${"+1".repeat(expressionCharsMax / 2 - 1)}`;
    expect(value(text)).toBe(BigInt(expressionCharsMax / 2));
    expect(print(parsed(text))).toBe(text.replaceAll("+", " + "));
  });
});

describe("print()", () => {
  it.each([
    ["1+2*3", "1 + 2 * 3"],
    ["(1+2)*3", "(1 + 2) * 3"],
    ["1-(2-3)", "1 - (2 - 3)"],
    ["(1-2)-3", "1 - 2 - 3"],
    ["(2^3)^2", "(2 ^ 3) ^ 2"],
    ["2^(3^2)", "2 ^ (3 ^ 2)"],
    ["-2^2", "-2 ^ 2"],
    ["(-2)^2", "(-2) ^ 2"],
    ["-(2)", "-(2)"],
    ["-(-2)", "-(-2)"],
    ["!(-$1)", "!(-$1)"],
    ["!(true)", "!true"],
    ['\'a\'+"b\\"\\\\"', '"a" + "b\\"\\\\"'],
    ["if( $1>1 ,2,3.0 )", "if($1 > 1, 2, 3.0)"],
    ["min((1,2),())", "min((1, 2), ())"],
    ["1e21", "1e+21"],
    ["-0.0", "-0.0"],
    ["(-0.0)^2", "(-0.0) ^ 2"],
  ])("writes %s as %s", (text, canonical) => {
    expect(print(parsed(text))).toBe(canonical);
  });
});
