/**
 * The payload of Azure IoT Operations' OpenTelemetry endpoint: a JSON object with `metrics`, `logs` or both. One
 * item that is not understood refuses the whole message.
 *
 * The items are checked by hand rather than by a zod schema: every message is read on arrival and again by each
 * lane, and a schema of the same rules took five times as long (1.2 against 0.25 µs a metric with two attributes).
 */
import type { MqttMessage } from "../message.ts";
import { readAttributes } from "./attributes.ts";
import { decodeBase64 } from "./base64.ts";
import {
  type Items,
  type Level,
  type LogItem,
  levels,
  type MetricItem,
  type MetricType,
  metricTypes,
  type Oddities,
  type Parsed,
  type ParseOptions,
  type PayloadFormat,
} from "./format.ts";
import { decodeUtf8, nestingMax, parseJson } from "./json.ts";
import { countRepeatedMembers } from "./json-members.ts";
import { readTimestamp, readValue } from "./numbers.ts";
import { type Reading, startReading } from "./reading.ts";
import { met, Refused, readEach, readObject, refuse, within } from "./refused.ts";
import { readName, readText } from "./text.ts";

/** Reads AIO JSON. Source: Azure IoT Operations, "Configure OpenTelemetry data flow endpoints". */
export const aioFormat: PayloadFormat = {
  parse(message: MqttMessage, options: ParseOptions): Parsed {
    const reading = startReading(options);
    try {
      const value = parseBytes(message.payload, reading);
      const items = isStructuredCloudEvent(message)
        ? readCloudEvent(value, reading)
        : readItems(value, reading);
      return { kind: "items", items, oddities: found(reading) };
    } catch (error) {
      if (error instanceof Refused) return { kind: "refused", refusal: error.refusal };
      throw error;
    }
  },
};

function found({ oddities }: Reading): Oddities | undefined {
  const { repeatedMembers, repeatedAttributes, zeroTimestamps } = oddities;
  return repeatedMembers + repeatedAttributes + zeroTimestamps > 0 ? oddities : undefined;
}

function parseBytes(bytes: Uint8Array, { audit, oddities }: Reading): unknown {
  if (bytes.length === 0) refuse("payload", { met: "nothing", wanted: "JSON" });
  const text = decodeUtf8(bytes);
  if (text === undefined) refuse("payload", { met: "bytes that are not UTF-8", wanted: "JSON" });
  try {
    const value = parseJson(text);
    if (audit) oddities.repeatedMembers += countRepeatedMembers(text, value);
    return value;
  } catch (error) {
    if (error instanceof RangeError)
      refuse("payload", { met: "deeper nested JSON", wanted: `at most ${nestingMax} levels` });
    // The engine's message quotes the payload; its position alone does not.
    const position = error instanceof Error ? / at position (\d+)/.exec(error.message)?.[1] : undefined;
    const place = position === undefined ? "" : ` from position ${position}`;
    return refuse("payload", { met: `text that is not JSON${place}`, wanted: "JSON" });
  }
}

/** Source: CloudEvents 1.0, MQTT protocol binding, 3. */
function isStructuredCloudEvent({ contentType }: MqttMessage): boolean {
  return contentType?.trimStart().toLowerCase().startsWith("application/cloudevents") ?? false;
}

/** Source: CloudEvents 1.0, JSON event format, 3.1. */
function readCloudEvent(value: unknown, reading: Reading): Items {
  const { data, data_base64, traceparent } = readObject("CloudEvent", value);
  const items =
    data_base64 === undefined
      ? within("data", () => readItems(data, reading))
      : within("data_base64", () => readItems(readBase64(data_base64, reading), reading));
  return typeof traceparent === "string" ? { ...items, traceparent } : items;
}

function readBase64(value: unknown, reading: Reading): unknown {
  const bytes = typeof value === "string" ? decodeBase64(value) : undefined;
  return bytes === undefined
    ? refuse("CloudEvent", { met: met(value), wanted: "base64" })
    : parseBytes(bytes, reading);
}

function readItems(value: unknown, reading: Reading): Items {
  const payload = readObject("payload", value, "an object with metrics or logs");
  const metrics = optional(payload.metrics, reading);
  const logs = optional(payload.logs, reading);
  if (metrics === undefined && logs === undefined) {
    refuse("payload", { met: "an object with neither", wanted: "metrics or logs" });
  }
  return {
    metrics: metrics === undefined ? [] : readEach("metrics", metrics, (item) => readMetric(item, reading)),
    logs: logs === undefined ? [] : readEach("logs", logs, (item) => readLog(item, reading)),
  };
}

function readMetric(value: unknown, reading: Reading): MetricItem {
  const item = readObject("metric", value);
  const description = optional(item.description, reading);
  const unit = reading.lenient ? optional(item.unit, reading) : undefined;
  const name = readName("name", item.name);
  const type = readType(item, reading);
  return {
    name,
    type,
    value: readValue(type, item.value),
    description: description === undefined ? undefined : readText("description", description),
    unit: unit === undefined ? undefined : readText("unit", unit),
    timeUnixNano: readTimestamp(item.timestamp, reading),
    attributes: readAttributes(item.attributes, reading),
  };
}

const knownTypes: ReadonlySet<unknown> = new Set(metricTypes);

function readType(item: Record<string, unknown>, reading: Reading): MetricType {
  const hasType = !reading.lenient || optional(item.type, reading) !== undefined;
  const path = hasType || item.metric_type === undefined ? "type" : "metric_type";
  const type = item[path];
  if (knownTypes.has(type)) return type as MetricType;
  const wanted = `one of ${metricTypes.join(", ")}`;
  return refuse("metric", { path, met: met(type, { quote: true }), wanted });
}

const knownLevels: ReadonlySet<unknown> = new Set(levels);

function readLog(value: unknown, reading: Reading): LogItem {
  const item = readObject("log", value);
  return {
    ...readLevel(item.level, reading),
    body: readText("value", item.value),
    timeUnixNano: readTimestamp(item.timestamp, reading),
    attributes: readAttributes(item.attributes, reading),
  };
}

function readLevel(value: unknown, { lenient }: Reading): { level: Level; severityText: string } {
  const level = lenient && typeof value === "string" ? value.toLowerCase() : value;
  if (knownLevels.has(level)) return { level: level as Level, severityText: value as string };
  const wanted = `one of ${levels.join(", ")}`;
  return refuse("log", { path: "level", met: met(value, { quote: true }), wanted });
}

/** A member that may be left out. Lenient: by null too. */
function optional(value: unknown, { lenient }: Reading): unknown {
  return lenient && value === null ? undefined : value;
}
