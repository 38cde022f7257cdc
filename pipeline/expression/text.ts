import { ExpressionError } from "./fault.ts";
import { mismatch } from "./numeric.ts";
import { isTuple, type Value } from "./value.ts";

/** Characters, in UTF-16 units, of the longest string that is made. */
export const resultCharsMax = 65_536;

/** A result that is a string, if it is not too long. */
export function bounded(where: string, text: string): string {
  if (text.length <= resultCharsMax) return text;
  throw new ExpressionError(
    `Cannot calculate ${where}: met a result of ${text.length} characters, wanted at most ${resultCharsMax}`,
  );
}

/** A value that `where` takes for a string. */
export function text(where: string, value: Value): string {
  return typeof value === "string" ? value : mismatch(where, value, "a string");
}

/** A value written as a string; a string is itself. */
export function toText(where: string, value: Value): string {
  if (typeof value !== "object") return String(value);
  if (!isTuple(value)) return mismatch(where, value, "a value that has a text");
  let list = "";
  for (const element of value) {
    list += `${list === "" ? "" : ", "}${toText(where, element)}`;
    bounded(where, list);
  }
  return `(${list})`;
}

/** How many characters, that is Unicode code points, a string has. */
export function countCharacters(value: string): number {
  let count = 0;
  for (let at = 0; at < value.length; at = after(value, at)) count++;
  return count;
}

/**
 * The characters from `start` up to `end`, not including it.
 *
 * Errors: ExpressionError when they are not within the string.
 */
export function substring(
  where: string,
  value: string,
  range: { start: bigint; end?: bigint | undefined },
): string {
  const { start, end } = range;
  const count = countCharacters(value);
  const last = end ?? BigInt(count);
  if (start >= 0n && last >= start && last <= BigInt(count)) {
    const from = skip(value, 0, Number(start));
    return value.slice(from, skip(value, from, Number(last - start)));
  }
  throw new ExpressionError(
    `Cannot calculate ${where}: met characters ${start} to ${last}, wanted a range from 0 to ${count}`,
  );
}

/** The place `count` characters after another. */
function skip(value: string, start: number, count: number): number {
  let at = start;
  for (let left = count; left > 0; left--) at = after(value, at);
  return at;
}

function after(value: string, at: number): number {
  return at + ((value.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
}
