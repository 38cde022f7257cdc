import { WrittenFloat } from "../expression/json.ts";
import { readItems } from "../payload/aio.ts";
import type { Items } from "../payload/format.ts";
import type { Reading } from "../payload/reading.ts";

/** The items of what reaches a destination: AIO JSON, in which the unit of a metric counts. Errors: Refused. */
export function itemsOf(payload: unknown, reading: Reading): Items {
  return readItems(withPlainNumbers(payload), { ...reading, hasUnits: true });
}

/** In the places that items have numbers in. What has another form is refused as it is. */
function withPlainNumbers(payload: unknown): unknown {
  if (!isRecord(payload)) return payload;
  const { metrics, logs } = payload;
  return { ...payload, ...plainList("metrics", metrics), ...plainList("logs", logs) };
}

function plainList(name: string, items: unknown): Record<string, unknown> {
  return Array.isArray(items) ? { [name]: items.map(plainItem) } : {};
}

function plainItem(item: unknown): unknown {
  if (!isRecord(item)) return item;
  const { value, timestamp, attributes } = item;
  return {
    ...item,
    value: plain(value),
    timestamp: plain(timestamp),
    ...(Array.isArray(attributes) && { attributes: attributes.map(plainAttribute) }),
  };
}

function plainAttribute(attribute: unknown): unknown {
  return isRecord(attribute) ? { ...attribute, value: plain(attribute.value) } : attribute;
}

function plain(value: unknown): unknown {
  return value instanceof WrittenFloat ? value.integer : value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
