import { WrittenFloat } from "./json.ts";

/**
 * Values of the expression language, as Azure IoT Operations has them.
 *
 * ```
 * int      bigint                 signed, 64 bits, exact; a result beyond them is an error
 * float    number                 64 bits; NaN and the infinities are values too
 * string   string
 * boolean  boolean
 * tuple    array                  of the values above and `()`
 * empty    null                   `()`: missing, or null in JSON
 * json     { json }               handed through; no operator or function takes it
 * ```
 *
 * Source: Azure IoT Operations, "Expressions reference for data flows", Data types.
 */
export type Value = bigint | number | string | boolean | Empty | Tuple | Json;
export type Empty = null;
export type Tuple = readonly Value[];
/** A JSON object, or an array that holds more than primitive values. */
export interface Json {
  readonly json: object;
}

/** `()` */
export const empty: Empty = null;

/** Elements of the longest array that an expression can read. */
export const tupleElementsMax = 65_536;

/** Longest piece of a value that a message quotes. */
const quotedCharsMax = 40;

export type Type = "int" | "float" | "string" | "boolean" | "tuple" | "empty" | "json";

/** The type of a value, by the name that `typeof()` gives it. */
export function typeOf(value: Value): Type {
  switch (typeof value) {
    case "bigint":
      return "int";
    case "number":
      return "float";
    case "string":
      return "string";
    case "boolean":
      return "boolean";
    default:
      if (value === null) return "empty";
      return isTuple(value) ? "tuple" : "json";
  }
}

export function isTuple(value: Value): value is Tuple {
  return Array.isArray(value);
}

/**
 * The value that a member of parsed JSON is. Nothing, and null, are empty.
 *
 * Shape: `value` comes from `parseTypedJson`, which tells `72` (an int) from `72.0` (a float); from `parseJson`
 *        both are ints. An int beyond 64 bits is kept as it is: it can be compared, and calculated with as long
 *        as the result fits.
 */
export function fromJson(value: unknown): Value {
  switch (typeof value) {
    case "number":
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    case "bigint":
    case "string":
    case "boolean":
      return value;
    case "object":
      if (value === null) return empty;
      if (value instanceof WrittenFloat) return value.value;
      return Array.isArray(value) ? fromArray(value) : { json: value };
    default:
      return empty;
  }
}

/** Of an array the value is kept while it is there: a rule may read it for each of thousands of members. */
const arrays = new WeakMap<readonly unknown[], Tuple | Json>();

function fromArray(elements: readonly unknown[]): Tuple | Json {
  const known = arrays.get(elements);
  if (known !== undefined) return known;
  const isTuple = elements.length <= tupleElementsMax && elements.every(isPrimitive);
  const value = isTuple ? elements.map(fromJson) : { json: elements };
  arrays.set(elements, value);
  return value;
}

function isPrimitive(value: unknown): boolean {
  return typeof value !== "object" || value === null || value instanceof WrittenFloat;
}

/** A value as parsed JSON has it: an integer is a number, and a bigint beyond ±(2^53−1). */
export function toJson(value: Value): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== "object" || value === null) return value;
  return isTuple(value) ? value.map(toJson) : value.json;
}

/** A value in a few words, for messages. */
export function describe(value: Value): string {
  switch (typeof value) {
    case "string":
      return shortened(JSON.stringify(value));
    case "number":
      return printFloat(value);
    case "object":
      if (value === null) return "nothing";
      if (isTuple(value)) return `a tuple of ${value.length}`;
      if (!Array.isArray(value.json)) return "a JSON object";
      return value.json.length > tupleElementsMax
        ? `an array of ${value.json.length}, more than ${tupleElementsMax}`
        : "an array of more than primitive values";
    default:
      return shortened(String(value));
  }
}

/** A float as it would be written, never as an int. */
export function printFloat(value: number): string {
  const text = Object.is(value, -0) ? "-0" : String(value);
  return Number.isInteger(value) && !text.includes("e") ? `${text}.0` : text;
}

function shortened(text: string): string {
  return text.length <= quotedCharsMax ? text : `${text.slice(0, quotedCharsMax - 1)}…`;
}
