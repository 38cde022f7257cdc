import { withAdded } from "../otlp/attributes.ts";
import type { Attribute, Items } from "../payload/format.ts";
import type { Explanation } from "./explanation.ts";

/** Items as JSON, with what their origin adds to them. */
export function explainItems({ metrics, logs, added = [] }: Items): Explanation["items"] {
  const attributesOf = (own: readonly Attribute[]) =>
    Object.fromEntries(withAdded(own, added).map(({ key, value }) => [key, scalar(value)]));
  return {
    metrics: metrics.map(({ name, type, value, unit, description, timeUnixNano, attributes }) => ({
      name,
      type,
      value: scalar(value),
      unit: unit ?? null,
      description: description ?? null,
      time: formatTime(timeUnixNano),
      attributes: attributesOf(attributes),
    })),
    logs: logs.map(({ level, body, timeUnixNano, attributes }) => ({
      level,
      body,
      time: formatTime(timeUnixNano),
      attributes: attributesOf(attributes),
    })),
  };
}

function scalar<Value>(value: Value): Exclude<Value, bigint> | string {
  return typeof value === "bigint" ? String(value) : (value as Exclude<Value, bigint>);
}

/** RFC 3339 with all nine digits. A time of zero is one that is not known. */
function formatTime(unixNano: bigint | undefined): string | null {
  if (unixNano === undefined || unixNano === 0n) return null;
  const seconds = new Date(Number(unixNano / 1_000_000_000n) * 1000).toISOString().slice(0, -5);
  return `${seconds}.${String(unixNano % 1_000_000_000n).padStart(9, "0")}Z`;
}
