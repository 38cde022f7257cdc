import { parseTypedJson } from "../expression/json.ts";
import type { LastValue, MqttMessage, RememberedInput } from "../message.ts";
import type { Reading } from "../payload/reading.ts";

/** What stands in for an input that a message lacks, as `parseTypedJson` gives it; undefined: nothing is known. */
export function lastValueOf(
  input: RememberedInput,
  { message, reading: { recall, watch } }: { message: MqttMessage; reading: Reading },
): unknown {
  const known = recall?.last(input);
  watch?.lastValue(input.input, known);
  const text = recall === undefined ? broughtBy(message, input) : known?.value;
  return text === undefined ? undefined : parse(text);
}

/** By place: a message with thousands of members is looked through for each of them. */
const indexes = new WeakMap<readonly LastValue[], ReadonlyMap<string, string>>();

function broughtBy({ lastValues }: MqttMessage, input: RememberedInput): string | undefined {
  if (lastValues === undefined) return undefined;
  let index = indexes.get(lastValues);
  if (index === undefined) {
    index = new Map(lastValues.map((one) => [keyOf(one), one.value]));
    indexes.set(lastValues, index);
  }
  return index.get(keyOf(input));
}

function keyOf({ rule, input, member }: RememberedInput): string {
  return JSON.stringify([rule, input, member]);
}

/** Disks change bits, and no checksum tells: what cannot be read is not known. */
function parse(text: string): unknown {
  try {
    return parseTypedJson(text);
  } catch {
    return undefined;
  }
}
