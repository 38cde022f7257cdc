/**
 * What the web hooks of RMQTT post. Operators may name the actions of their rules as they like, so the shape decides:
 * a message that was published has a payload, and no `pts`, the time of its publish, which only what tells of its
 * later fate has. The names that RMQTT itself gives to such events are known besides.
 *
 * RMQTT repeats a request for a minute until it gets a 2xx, whatever else the answer says: a body that cannot be read
 * is kept, and acknowledged. What it repeats are the same bytes, with the time of the hook in them.
 */
import { hash } from "node:crypto";
import { z } from "zod";
import type { CreateAdapter, Element } from "./adapter.ts";
import { base64Schema, topicSchema } from "./envelope.ts";
import { fieldSchemas, optional } from "./field-schemas.ts";
import { readObjectBody } from "./object-body.ts";

/** It waits for 5 s, and for 8 s in the configuration that comes with it. */
const patienceMs = 4500;

const schema = z.object({
  action: z.string(),
  topic: topicSchema,
  payload: base64Schema,
  from_clientid: fieldSchemas.clientId,
  qos: fieldSchemas.qos,
  retain: fieldSchemas.retain,
  dup: optional(z.boolean()),
  ts: fieldSchemas.publishedAt,
  /** Of the hook, as text for people. */
  time: optional(z.unknown()),
});

/** Reads what RMQTT's web hooks post. */
export const createRmqttAdapter: CreateAdapter = () => ({
  brokenEnvelope: "keep",
  patienceMs,
  read: (request) =>
    readObjectBody(request, {
      adapter: "rmqtt",
      isOtherEvent,
      schema,
      toElement: (fields) => toElement(fields, request.body),
    }),
});

function toElement(fields: z.infer<typeof schema>, body: Uint8Array): Element {
  const { topic, payload, qos, retain, dup, from_clientid: clientId, ts: publishedAtUs, time } = fields;
  // Without a time in it, a device that says the same again would be taken for a repeat.
  const isUnique = publishedAtUs !== undefined || time !== undefined;
  const messageId = isUnique ? hash("sha256", body, "base64url") : undefined;
  const known = { topic, payload, qos, retain, dup, clientId, messageId, publishedAtUs };
  return { kind: "message", message: { ...known, userProperties: [] } };
}

/** Whether this tells of a client, of a message's fate, or of the broker itself, which publishes its own state. */
function isOtherEvent(body: object): boolean {
  const { action, from_type } = body as { action?: unknown; from_type?: unknown };
  if (typeof action !== "string") return false;
  if (from_type === "system") return true;
  if (action === "message_publish") return false;
  return "pts" in body || !("payload" in body) || isKnownEvent(action);
}

function isKnownEvent(action: string): boolean {
  return /^message_(delivered|acked|dropped)$|^offline_message$/.test(action);
}
