/**
 * What the webhooks of VerneMQ post. Only the hooks `on_publish`, of MQTT 3 clients, and `on_publish_m5`, whose object
 * has properties besides, tell of messages that were published: `auth_on_publish` asks before, and of wills at the
 * time of the connection; `on_deliver` and `on_offline_message` come once for each subscriber.
 *
 * The name of the hook stands in a header. Where something on the way takes that away, an object with a payload counts
 * as published; the other hooks that have one must not be registered then.
 *
 * VerneMQ repeats nothing and gives no ids. It takes nothing but 200 with JSON for success, and `next` is the one
 * result that every hook understands and that grants nothing.
 */
import { z } from "zod";
import type { UserProperty } from "../message.ts";
import { decodeBase64 } from "../payload/base64.ts";
import type { CreateAdapter, Element } from "./adapter.ts";
import { textSchema, topicSchema } from "./envelope.ts";
import { fieldSchemas, optional } from "./field-schemas.ts";
import { ignoredBody, readObjectBody } from "./object-body.ts";
import { payloadSchema } from "./payload-field.ts";

/** It waits for 5 s. */
const patienceMs = 4500;

const publishHooks: readonly string[] = ["on_publish", "on_publish_m5"];

/** A byte order mark is text like any other. Source: MQTT 5.0, 1.5.4. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Names and values are base64 whatever the payload is. One fault for all: a body has room for millions of them. */
const userPropertiesSchema = z.array(z.unknown()).transform((list, context) => {
  const pairs: UserProperty[] = [];
  for (const element of list) {
    const { key, val } = (element ?? {}) as { key?: unknown; val?: unknown };
    const [name, value] = [textOf(key), textOf(val)];
    if (name === undefined || value === undefined) {
      context.addIssue("met something else, wanted a list of keys and values, all text in base64");
      return z.NEVER;
    }
    pairs.push([name, value]);
  }
  return pairs;
});

/** Reads what VerneMQ's webhooks post. */
export const createVerneMqAdapter: CreateAdapter = ({ payloadEncoding = "base64" }) => {
  const schema = z.object({
    topic: topicSchema,
    payload: payloadSchema(payloadEncoding),
    client_id: fieldSchemas.clientId,
    mountpoint: optional(textSchema),
    qos: fieldSchemas.qos,
    retain: fieldSchemas.retain,
    properties: optional(
      z.object({
        p_message_expiry_interval: fieldSchemas.messageExpiryInterval,
        p_content_type: fieldSchemas.contentType,
        p_user_property: optional(userPropertiesSchema),
      }),
    ),
  });

  function toElement({ payload, properties, ...fields }: z.infer<typeof schema>): Element {
    const message = {
      topic: fields.topic,
      payload: payload.bytes,
      qos: fields.qos,
      retain: fields.retain,
      clientId: mounted(fields.client_id, fields.mountpoint),
      messageExpiryIntervalSeconds: properties?.p_message_expiry_interval,
      contentType: properties?.p_content_type,
      userProperties: properties?.p_user_property ?? [],
    };
    return { kind: "message", message, mayBeDamaged: payload.mayBeDamaged };
  }

  return {
    brokenEnvelope: "keep",
    patienceMs,
    stored: () => ({ status: 200, body: { result: "next" } }),
    read(request) {
      const hook = request.headers.get("vernemq-hook");
      if (hook && !publishHooks.includes(hook)) return ignoredBody;
      const isOtherEvent = hook ? () => false : tellsOfClient;
      return readObjectBody(request, { adapter: "vernemq", isOtherEvent, schema, toElement });
    },
  };
};

/** Whether this, of an unknown hook, tells of a client and not of a message. */
function tellsOfClient(body: object): boolean {
  return "mountpoint" in body && "client_id" in body && !("payload" in body);
}

/** Two clients of one id may be connected at two mountpoints. */
function mounted(clientId: string | undefined, mountpoint: string | undefined): string | undefined {
  return clientId === undefined || mountpoint === undefined ? clientId : `${mountpoint}/${clientId}`;
}

function textOf(base64: unknown): string | undefined {
  const bytes = typeof base64 === "string" ? decodeBase64(base64) : undefined;
  try {
    return bytes && utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
