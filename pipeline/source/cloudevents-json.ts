/**
 * Structured and batched content mode: events as JSON objects.
 *
 * Source: CloudEvents 1.0, "JSON Event Format", 2 and 3.
 */
import { z } from "zod";
import type { UserProperty } from "../message.ts";
import { encodeUtf8 } from "../payload/utf8.ts";
import { deviceTelemetry, fromEventGridSchema, readDeviceTelemetry } from "./cloudevents-azure.ts";
import { type EventData, toMessage } from "./cloudevents-message.ts";
import { type Faulty, faultAt, type ReadElement } from "./elements.ts";
import { base64Schema, isJsonType, isText, parseWith, textSchema } from "./envelope.ts";
import { foreignHint } from "./foreign.ts";
import { valueAt } from "./json-pointer.ts";
import { compactJson } from "./json-text.ts";

const contentSchema = z.object({
  data: z.unknown().optional(),
  data_base64: base64Schema.nullish(),
  datacontenttype: textSchema.nullish(),
  type: z.unknown().optional(),
});
type Content = z.infer<typeof contentSchema>;

/** Members that are no User Properties. */
const contentNames = ["data", "data_base64", "datacontenttype"];

/** Reads one event. `dataText`: its member `data`, as it was written. */
export const readJsonEvent: ReadElement = (value, dataText) => {
  const event = fromEventGridSchema(value);
  const hint = valueAt(event, ["specversion"]) === undefined ? foreignHint(value, "cloudevents") : undefined;
  if (hint !== undefined) return faultAt("", hint);
  const parsed = parseWith(contentSchema, event);
  if ("issues" in parsed) return { kind: "faulty", issues: parsed.issues };
  const attributes = attributesOf(event as Record<string, unknown>);
  if ("kind" in attributes) return attributes;
  const data =
    parsed.data.type === deviceTelemetry
      ? readDeviceTelemetry(event, dataText ?? "")
      : readData(parsed.data, dataText);
  return "kind" in data ? data : toMessage(attributes, data);
};

/** A fault ends it: a body has room for millions. */
function attributesOf(event: Record<string, unknown>): UserProperty[] | Faulty {
  const attributes: UserProperty[] = [];
  for (const [name, value] of Object.entries(event)) {
    if (value === null || value === undefined || contentNames.includes(name)) continue;
    // An integer that JSON.parse may have rounded would be another one.
    const isScalar = typeof value === "boolean" || Number.isSafeInteger(value) || isText(value);
    if (!isScalar || !isText(name)) {
      return faultAt(name.slice(0, 40), "met something else, wanted a string, an integer, true or false");
    }
    attributes.push([name, String(value)]);
  }
  return attributes;
}

function readData(
  { data, data_base64: bytes, datacontenttype, type }: Content,
  text = "",
): EventData | Faulty {
  const contentType = datacontenttype ?? undefined;
  const isThere = data !== undefined && data !== null;
  if (bytes && isThere) return faultAt("data", "met both, wanted one of data and data_base64");
  if (bytes || !isThere) return { payload: bytes ?? new Uint8Array(0), contentType };
  if (typeof data !== "string" || isJson(contentType, type)) {
    return { payload: encodeUtf8(compactJson(text)), contentType };
  }
  if (isText(data)) return { payload: encodeUtf8(data), contentType };
  return faultAt("data", "met half a surrogate pair, wanted Unicode text");
}

/**
 * Whether a string as data is a JSON string, not text. Without a content type it is, but Event Grid's broker puts
 * text there of which the device has not said what it is.
 */
function isJson(contentType: string | undefined, type: unknown): boolean {
  return contentType ? isJsonType(contentType) : type !== "MQTT.EventPublished";
}
