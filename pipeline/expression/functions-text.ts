import type { NamedFunction } from "./functions.ts";
import { mismatch } from "./numeric.ts";
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

function cut(value: Value, start: Value, end: readonly Value[]): string {
  const where = "str::substring()";
  const [last] = end.map((place) => index(where, place));
  return substring(where, text(where, value), { start: index(where, start), end: last });
}

function index(where: string, value: Value): bigint {
  return typeof value === "bigint" ? value : mismatch(where, value, "an int as the index of a character");
}
