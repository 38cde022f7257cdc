/**
 * What the web hooks of EMQX 4 and of NanoMQ post: the same object, but for what each leaves out. (What a rule of
 * EMQX 4 posts is read by the adapter `emqx`.)
 *
 * It does not tell how its payload is encoded. Neither sender repeats a message, nor gives it an id: one made of what
 * the object says would take two messages of one millisecond for one.
 */
import { z } from "zod";
import type { CreateAdapter, Element } from "./adapter.ts";
import { topicSchema } from "./envelope.ts";
import { fieldSchemas } from "./field-schemas.ts";
import { readObjectBody } from "./object-body.ts";
import { type PayloadField, payloadSchema } from "./payload-field.ts";

/** Both wait for 5 s. */
const patienceMs = 4500;

const noPayload: PayloadField = { bytes: new Uint8Array(0) };

/** Reads what the web hooks of EMQX 4 and NanoMQ post. */
export const createEmqx4Adapter: CreateAdapter = ({ payloadEncoding = "plain" }) => {
  const schema = z.object({
    action: z.literal("message_publish"),
    topic: topicSchema,
    /** NanoMQ has null for a payload of no bytes. */
    payload: payloadSchema(payloadEncoding).nullable(),
    from_client_id: fieldSchemas.clientId,
    qos: fieldSchemas.qos,
    retain: fieldSchemas.retain,
    ts: fieldSchemas.publishedAt,
  });

  function toElement(fields: z.infer<typeof schema>): Element {
    const { topic, payload, qos, retain, from_client_id: clientId, ts: publishedAtUs } = fields;
    const { bytes, mayBeDamaged } = payload ?? noPayload;
    const message = { topic, payload: bytes, qos, retain, clientId, publishedAtUs, userProperties: [] };
    return { kind: "message", message, mayBeDamaged };
  }

  return {
    patienceMs,
    read: (request) => readObjectBody(request, { adapter: "emqx4", isOtherEvent, schema, toElement }),
  };
};

function isOtherEvent(body: object): boolean {
  return "action" in body && typeof body.action === "string" && body.action !== "message_publish";
}
