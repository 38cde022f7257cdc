import type { MqttMessage } from "../message.ts";
import { decodeBase64 } from "./base64.ts";
import { decodeUtf8, nestingMax, parseJson } from "./json.ts";
import { countRepeatedMembers } from "./json-members.ts";
import type { Reading } from "./reading.ts";
import { met, readObject, refuse, within } from "./refused.ts";

/** The JSON that a payload is, or that the CloudEvent in it carries. */
export interface PayloadDocument {
  value: unknown;
  /** Where it stands in the payload: "" is all of it. */
  path: "" | "data" | "data_base64";
  /** Of the CloudEvent. Source: CloudEvents, "Distributed Tracing" extension. */
  traceparent: string | undefined;
}

/**
 * Read the JSON of a message.
 *
 * Errors: Refused when there is none.
 */
export function readDocument(message: MqttMessage, reading: Reading, parse = parseJson): PayloadDocument {
  const value = parseBytes(message.payload, reading, parse);
  return isStructuredCloudEvent(message)
    ? readCloudEvent(value, reading, parse)
    : { value, path: "", traceparent: undefined };
}

type Parse = (text: string) => unknown;

function parseBytes(bytes: Uint8Array, { audit, oddities }: Reading, parse: Parse): unknown {
  if (bytes.length === 0) refuse("payload", { met: "nothing", wanted: "JSON" });
  const text = decodeUtf8(bytes);
  if (text === undefined) refuse("payload", { met: "bytes that are not UTF-8", wanted: "JSON" });
  try {
    const value = parse(text);
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
function readCloudEvent(event: unknown, reading: Reading, parse: Parse): PayloadDocument {
  const { data, data_base64, traceparent } = readObject("CloudEvent", event);
  const trace = typeof traceparent === "string" ? traceparent : undefined;
  if (data_base64 === undefined) return { value: data, path: "data", traceparent: trace };
  const value = within("data_base64", () => readBase64(data_base64, reading, parse));
  return { value, path: "data_base64", traceparent: trace };
}

function readBase64(value: unknown, reading: Reading, parse: Parse): unknown {
  const bytes = typeof value === "string" ? decodeBase64(value) : undefined;
  return bytes === undefined
    ? refuse("CloudEvent", { met: met(value), wanted: "base64" })
    : parseBytes(bytes, reading, parse);
}
