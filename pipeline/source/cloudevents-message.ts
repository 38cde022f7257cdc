/**
 * An event as a message.
 *
 * Its attributes become User Properties of the same names, as in the CloudEvents MQTT binding, so that what reads
 * messages of brokers reads events too. What MQTT knows of a message and CloudEvents does not stands in extensions
 * of our own names: `mqtttopic`, `mqttclientid`, `mqttqos`, `mqttretain`. Without the first one the topic is the
 * subject, which for messages of Event Grid's broker is their topic, else the type.
 *
 * Source: CloudEvents 1.0, "CloudEvents", 3.1; "MQTT Protocol Binding", 3.1; "Expiry Time Extension".
 */
import { z } from "zod";
import type { UserProperty } from "../message.ts";
import type { ReadMessage } from "./adapter.ts";
import { type Faulty, faultAt, type Sound } from "./elements.ts";
import { instantSchema, parseWith, textSchema } from "./envelope.ts";
import { fieldSchemas, optional } from "./field-schemas.ts";
import { parseInstantUs } from "./instant.ts";
import { isTopicName } from "./topic.ts";

const requiredSchema = textSchema.min(1, { error: "met nothing, wanted a string" });

const attributesSchema = z.object({
  specversion: z.literal("1.0"),
  id: requiredSchema,
  source: requiredSchema,
  type: requiredSchema,
  subject: optional(textSchema),
  time: optional(instantSchema),
  expirytime: optional(textSchema),
  mqtttopic: optional(textSchema),
  mqttqos: fieldSchemas.qos,
  mqttretain: fieldSchemas.retain,
  mqttclientid: fieldSchemas.clientId,
  /** What an enrichment of Event Grid with the client's name is often called. */
  clientname: fieldSchemas.clientId,
});

/** What the data says of the message, which goes before what the attributes say. */
export type EventData = Pick<ReadMessage, "payload" | "contentType" | "clientId" | "publishedAtUs"> & {
  properties?: readonly UserProperty[] | undefined;
};

/** The message of an event. Shape: attributes in the order of the event, all but the content type. */
export function toMessage(attributes: readonly UserProperty[], data: EventData): Sound | Faulty {
  const parsed = parseWith(attributesSchema, Object.fromEntries(attributes));
  if ("issues" in parsed) return { kind: "faulty", issues: parsed.issues };
  const event = parsed.data;
  const topicName = event.mqtttopic ? "mqtttopic" : event.subject ? "subject" : "type";
  const topic = event[topicName] ?? "";
  if (!isTopicName(topic)) {
    return faultAt(topicName, "met a string, wanted a Topic Name without wildcards");
  }
  return {
    kind: "message",
    expiresAtUs: event.expirytime === undefined ? undefined : parseInstantUs(event.expirytime),
    message: {
      topic,
      payload: data.payload,
      qos: event.mqttqos,
      retain: event.mqttretain,
      clientId: data.clientId ?? event.mqttclientid ?? event.clientname,
      // Both together name an event, and neither rules out any character that could part them.
      messageId: JSON.stringify([event.source, event.id]),
      publishedAtUs: data.publishedAtUs ?? event.time,
      contentType: data.contentType,
      // Where the last one of a name counts, it is not what a device has made of it.
      userProperties: data.properties ? [...data.properties, ...attributes] : attributes,
    },
  };
}
