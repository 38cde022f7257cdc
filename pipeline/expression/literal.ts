/**
 * Literals of the expression language, which the defaults of inputs are too.
 *
 * ```
 * 42   -7        int
 * 3.14 6.02e23   float
 * "a" 'a'        string; \" \' and \\ are the escapes
 * true false     boolean
 * ```
 */
import { int64Max, int64Min } from "./numeric.ts";
import { empty, printFloat, type Value } from "./value.ts";

/** A number without a sign. */
export const numberPattern = /\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
/** From one quotation mark to the next that is not escaped. */
export const stringPattern = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/sy;

/** The number that a literal is, with its sign; `fault` says what is wrong with it. */
export function readNumber(literal: string): bigint | number | { fault: string } {
  if (/^-?\d+$/.test(literal)) {
    const int = BigInt(literal);
    if (int >= int64Min && int <= int64Max) return int;
    return { fault: `Cannot hold ${shown(literal)}: wanted an int from ${int64Min} to ${int64Max}` };
  }
  const float = Number(literal);
  return Number.isFinite(float) ? float : { fault: `Cannot hold ${shown(literal)}: it exceeds a float` };
}

/** The text of a quoted literal; `fault` says which escape is none. */
export function readString(literal: string): string | { fault: string } {
  const inner = literal.slice(1, -1);
  const strange = /\\[^"'\\]/s.exec(inner.replaceAll("\\\\", ""));
  if (strange !== null) {
    return { fault: `Cannot read the escape ${strange[0]}: wanted \\", \\' or \\\\` };
  }
  return inner.replaceAll(/\\(.)/gs, "$1");
}

/** The default of an input: a literal, or `null`; undefined when the text is none. */
export function readDefault(text: string): Value | { fault: string } | undefined {
  if (text === "null") return empty;
  if (text === "true" || text === "false") return text === "true";
  const digits = text.startsWith("-") ? text.slice(1) : text;
  if (isWhole(numberPattern, digits)) return readNumber(text);
  return isWhole(stringPattern, text) ? readString(text) : undefined;
}

/** The literal as it would be written. */
export function printLiteral(value: bigint | number | string | boolean): string {
  if (typeof value === "string") return `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
  return typeof value === "number" ? printFloat(value) : String(value);
}

function isWhole(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0;
  return pattern.exec(text)?.[0] === text;
}

function shown(literal: string): string {
  return literal.length <= 30 ? literal : `${literal.slice(0, 30)}…`;
}
