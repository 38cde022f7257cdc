/**
 * What Azure Event Grid delivers besides plain CloudEvents: events in its own schema, and what devices send to IoT
 * Hub, which wraps it once more.
 *
 * Source: Azure Event Grid, "Event Grid event schema", "Azure IoT Hub as an Event Grid source".
 */
import { z } from "zod";
import { decodeBase64 } from "../payload/base64.ts";
import { encodeUtf8 } from "../payload/utf8.ts";
import type { EventData } from "./cloudevents-message.ts";
import { type Faulty, faultAt } from "./elements.ts";
import { instantSchema, isJsonType, parseWith, textRecordSchema, textSchema } from "./envelope.ts";
import { optional } from "./field-schemas.ts";
import { compactJson, sliceJson } from "./json-text.ts";

/** An event of Event Grid's own schema as a CloudEvent; any other value as it is. */
export function fromEventGridSchema(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  if (!("eventType" in value && "eventTime" in value) || "specversion" in value) return value;
  const { id, topic, eventType, subject, eventTime, data } = value as Record<string, unknown>;
  return { specversion: "1.0", id, source: topic, type: eventType, subject, time: eventTime, data };
}

/** The type of an IoT Hub's events that have a device's message in their data. */
export const deviceTelemetry = "Microsoft.Devices.DeviceTelemetry";

const telemetrySchema = z.object({
  data: z.object({
    body: z.unknown().optional(),
    properties: optional(textRecordSchema),
    systemProperties: optional(
      z.object({
        "iothub-connection-device-id": optional(textSchema),
        "iothub-content-type": optional(textSchema),
        "iothub-content-encoding": optional(textSchema),
        "iothub-enqueuedtime": optional(instantSchema),
      }),
    ),
  }),
});

/**
 * A device's message: its payload is JSON when the device said so of it, else base64. Its application properties
 * come before the event's attributes. `dataText`: the event's data, as it was written.
 */
export function readDeviceTelemetry(event: unknown, dataText: string): EventData | Faulty {
  const parsed = parseWith(telemetrySchema, event);
  if ("issues" in parsed) return { kind: "faulty", issues: parsed.issues };
  const { body, properties, systemProperties = {} } = parsed.data.data;
  const contentType = systemProperties["iothub-content-type"];
  const isEncoded =
    typeof body === "string" &&
    !(contentType && isJsonType(contentType) && systemProperties["iothub-content-encoding"]);
  const bodyText = isEncoded ? "" : sliceJson(dataText, ["body"])[0]?.member;
  if (bodyText === undefined) return faultAt("data.body", "met nothing, wanted a device's message");
  const payload = isEncoded ? decodeBase64(body) : encodeUtf8(compactJson(bodyText));
  if (!payload) return faultAt("data.body", "met another string, wanted base64 with its padding");
  return {
    payload,
    contentType,
    clientId: systemProperties["iothub-connection-device-id"],
    publishedAtUs: systemProperties["iothub-enqueuedtime"],
    properties,
  };
}
