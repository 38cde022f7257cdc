import type { Attribute } from "./format.ts";
import { isAttributeNumber } from "./numbers.ts";
import type { Reading } from "./reading.ts";
import { met, readEach, readObject, refuse } from "./refused.ts";
import { readName, readText } from "./text.ts";

const none: readonly Attribute[] = [];

/**
 * The attributes of an item. Of a key that comes twice the last value counts, since OTLP wants unique keys.
 *
 * Shape:  values are strings; lenient: booleans and numbers too, and a null leaves its attribute out.
 * Source: OpenTelemetry specification, "Attribute": keys are not empty.
 */
export function readAttributes(value: unknown, reading: Reading): readonly Attribute[] {
  if (value === undefined || (reading.lenient && value === null)) return none;
  const list = readEach("attributes", value, (element) => readAttribute(element, reading));
  const byKey = new Map<string, Attribute>();
  for (const attribute of list) {
    if (attribute === undefined) continue;
    if (byKey.has(attribute.key)) reading.oddities.repeatedAttributes++;
    byKey.set(attribute.key, attribute);
  }
  return [...byKey.values()];
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
