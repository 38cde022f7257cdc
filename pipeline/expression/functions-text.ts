import type { Work } from "../payload/work.ts";
import type { NamedFunction } from "./functions.ts";
import { mismatch } from "./numeric.ts";
import { patternOf } from "./pattern.ts";
import { countCharacters, substring, text, toText } from "./text.ts";
import { isTuple, type Value } from "./value.ts";

/** Functions of strings; characters are Unicode code points, counted from 0. */
export const textFunctions: Readonly<Record<string, NamedFunction>> = {
  len: { argsMin: 1, argsMax: Infinity, apply: length },
  ...unary("str::to_lowercase", (value) => value.toLowerCase()),
  ...unary("str::to_uppercase", (value) => value.toUpperCase()),
  ...unary("str::trim", (value) => value.trim()),
  "str::from": { argsMin: 1, argsMax: 1, apply: ([value = null]) => toText("str::from()", value) },
  "str::substring": {
    argsMin: 2,
    argsMax: 3,
    apply: ([value = null, start = null, ...end]) => cut(value, start, end),
  },
  "str::regex_matches": {
    argsMin: 2,
    argsMax: 2,
    patternIndex: 1,
    apply: ([value = null, pattern = null], work) => matches(value, pattern, work),
  },
  "str::regex_replace": {
    argsMin: 3,
    argsMax: 3,
    patternIndex: 1,
    apply: ([value = null, pattern = null, replacement = null], work) =>
      replace(value, pattern, replacement, work),
  },
};

function unary(name: string, change: (value: string) => string): Record<string, NamedFunction> {
  const where = `${name}()`;
  return { [name]: { argsMin: 1, argsMax: 1, apply: ([value = null]) => change(text(where, value)) } };
}

/** Of a string its characters, of a tuple its elements, which may be the arguments themselves. */
function length(args: readonly Value[]): bigint {
  const [value = null] = args;
  if (args.length > 1) return BigInt(args.length);
  if (typeof value === "string") return BigInt(countCharacters(value));
  return isTuple(value) ? BigInt(value.length) : mismatch("len()", value, "a string or a tuple");
}

function matches(value: Value, pattern: Value, work: Work): boolean {
  const where = "str::regex_matches()";
  return patternOf(text(where, pattern)).matches(where, text(where, value), work);
}

function replace(value: Value, pattern: Value, replacement: Value, work: Work): string {
  const where = "str::regex_replace()";
  return patternOf(text(where, pattern)).replace(where, text(where, value), text(where, replacement), work);
}

function cut(value: Value, start: Value, end: readonly Value[]): string {
  const where = "str::substring()";
  const [last] = end.map((place) => index(where, place));
  return substring(where, text(where, value), { start: index(where, start), end: last });
}

function index(where: string, value: Value): bigint {
  return typeof value === "bigint" ? value : mismatch(where, value, "an int as the index of a character");
}
