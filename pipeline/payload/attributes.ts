import type { Attribute } from "./format.ts";
import { isAttributeNumber } from "./numbers.ts";
import type { Reading } from "./reading.ts";
import { met, readEach, readObject, refuse } from "./refused.ts";
import { readName, readText } from "./text.ts";

const none: readonly Attribute[] = [];
const fewMax = 8;

/**
 * The attributes of an item. Of a key that comes twice the last value counts, since OTLP wants unique keys.
 *
 * Shape:  values are strings; lenient: booleans and numbers too, and a null leaves its attribute out.
 * Source: OpenTelemetry specification, "Attribute": keys are not empty.
 */
export function readAttributes(value: unknown, reading: Reading): readonly Attribute[] {
  if (value === undefined || (reading.lenient && value === null)) return none;
  const list = readEach("attributes", value, (element) => readAttribute(element, reading));
  if (areFewAndDistinct(list)) return list;
  const byKey = new Map<string, Attribute>();
  for (const attribute of list) {
    if (attribute === undefined) continue;
    if (byKey.has(attribute.key)) reading.oddities.repeatedAttributes++;
    byKey.set(attribute.key, attribute);
  }
  return [...byKey.values()];
}

/** So few keys are compared faster than a map of them is made, for each item of each message. */
function areFewAndDistinct(list: readonly (Attribute | undefined)[]): list is readonly Attribute[] {
  if (list.length > fewMax) return false;
  for (let at = 0; at < list.length; at += 1) {
    const key = list[at]?.key;
    if (key === undefined) return false;
    for (let before = 0; before < at; before += 1) if (list[before]?.key === key) return false;
  }
  return true;
}

function readAttribute(element: unknown, { lenient }: Reading): Attribute | undefined {
  const attribute = readObject("attribute", element);
  const key = readName("key", attribute.key);
  const { value } = attribute;
  if (!lenient || typeof value === "string") return { key, value: readText("value", value) };
  if (value === null) return undefined;
  if (typeof value === "boolean" || isAttributeNumber(value)) return { key, value };
  return refuse("attribute", {
    path: "value",
    met: met(value),
    wanted: "a string, a boolean or a number of 64 bits",
  });
}
