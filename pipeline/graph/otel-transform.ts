/**
 * The otel-transform of Microsoft's samples: one metric in the form of the OpenTelemetry endpoint from each message.
 * Where the sample writes a stand-in for what is missing (0.0, a time of zero, a name), the message is refused.
 *
 * Source: Azure-Samples/explore-iot-operations, otel-transform.
 */
import { WrittenFloat } from "../expression/json.ts";
import type { Path } from "../expression/path.ts";
import { resolve } from "../expression/resolve.ts";
import { toJson } from "../expression/value.ts";
import { numberIn } from "../mapping/number.ts";
import { parseUnixNano } from "../mapping/time.ts";
import { met, refuse } from "../payload/refused.ts";
import { compilePath, ruled } from "./formula.ts";
import { standInAt } from "./remembered.ts";
import type { OtelTransformRules } from "./rules.ts";
import type { Journey, Transform, Traveller } from "./transform.ts";

/** User Properties that become attributes. */
const attributePrefix = "otel/";

export function compileOtelTransform(rules: OtelTransformRules, place: string): Transform {
  const { name, type, unit } = rules;
  const namePath = typeof name === "string" ? undefined : compilePath(name.path);
  const valuePath = compilePath(rules.valuePath);
  const timePath = rules.timestampPath === undefined ? undefined : compilePath(rules.timestampPath);
  return (traveller, journey) => {
    const at = (path: Path) => read(path, traveller, journey, place);
    const metric = ruled(place, journey, () => ({
      name: namePath ? at(namePath) : name,
      type,
      value: numberIn(at(valuePath), journey.reading),
      ...(unit !== undefined && { unit }),
      ...(timePath && { timestamp: readTime(timePath, at(timePath)) }),
      attributes: attributesOf(traveller),
    }));
    return { kind: "passes", traveller: { ...traveller, payload: { metrics: [metric] } } };
  };
}

/** What stands there. Errors: Refused when there is nothing. */
function read(path: Path, traveller: Traveller, journey: Journey, place: string): unknown {
  const met =
    resolve(path, traveller)[0]?.value ??
    standInAt(path, place, journey)?.() ??
    toJson(path.fallback ?? null);
  const value = met instanceof WrittenFloat ? met.integer : met;
  journey.reading.watch?.value(path.text, () => value);
  return value ?? refuse(path.text, { path: path.text, met: "nothing", wanted: "a value" });
}

function readTime({ text: path }: Path, value: unknown): bigint {
  const time = typeof value === "string" ? parseUnixNano(value) : undefined;
  if (time !== undefined) return time;
  const wanted = "a time as RFC 3339 has it, or of a hybrid logical clock, from 1970 to 2254";
  return refuse("a time", { path, met: met(value, { quote: true }), wanted });
}

function attributesOf({ message }: Traveller): { key: string; value: string }[] {
  return message.userProperties
    .filter(([name]) => name.startsWith(attributePrefix))
    .map(([name, value]) => ({ key: name.slice(attributePrefix.length), value }));
}
