import { parseTypedJson } from "../expression/json.ts";
import { fromJson, type Value } from "../expression/value.ts";
import { parseJson } from "../payload/json.ts";
import type { Reading } from "../payload/reading.ts";

/** Source: RFC 8259, 6. */
const numberText = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;

/** Longer ones are no number that an item can have. */
const numberCharsMax = 400;

/** A value as it is, but for a string that holds a number, which is one for a lenient reading. */
export function numberIn(value: unknown, { lenient }: Reading): unknown {
  return lenient && isNumberText(value) ? parseJson(value) : value;
}

/** The same for a value of the expression language. */
export function inputIn(value: Value, { lenient }: Reading): Value {
  return lenient && isNumberText(value) ? fromJson(parseTypedJson(value)) : value;
}

function isNumberText(value: unknown): value is string {
  return typeof value === "string" && value.length <= numberCharsMax && numberText.test(value);
}

export function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}
