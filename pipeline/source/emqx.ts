/**
 * What the rule engine of EMQX 5 and 6 posts without a body template: an object of what the rule selected.
 *
 * A rule may also select other events than a published message, which are ignored, and messages of another broker
 * that EMQX bridges to, whose object is flatter. A field without a value comes as the text `undefined`.
 */
import { z } from "zod";
import { decodeBase64 } from "../payload/base64.ts";
import { encodeUtf8 } from "../payload/utf8.ts";
import type { AdapterOptions, CreateAdapter, ReadMessage } from "./adapter.ts";
import {
  brokenBody,
  expirySchema,
  isText,
  listSchema,
  qosSchema,
  textRecordSchema,
  textSchema,
  topicSchema,
} from "./envelope.ts";
import { optional } from "./field-schemas.ts";
import { instantMsMax } from "./instant.ts";
import { readObjectBody } from "./object-body.ts";

const instantMsSchema = z.int().min(0).max(instantMsMax);

interface Pair {
  key: string;
  value: string;
}

function isPair(value: unknown): value is Pair {
  const { key, value: text } = (value ?? {}) as Partial<Pair>;
  return isText(key) && isText(text);
}

const ruleOutputSchema = z.object({
  topic: topicSchema,
  payload: textSchema.optional(),
  payload_b64: z.string().optional(),
  id: optional(textSchema),
  metadata: optional(z.object({ rule_id: optional(textSchema) })),
  clientid: optional(textSchema),
  qos: optional(qosSchema),
  flags: optional(z.object({ retain: optional(z.boolean()), dup: optional(z.boolean()) })),
  retain: optional(z.boolean()),
  dup: optional(z.boolean()),
  publish_received_at: optional(instantMsSchema),
  message_received_at: optional(instantMsSchema),
  timestamp: optional(instantMsSchema),
  pub_props: optional(
    z.object({
      "Message-Expiry-Interval": optional(expirySchema),
      "Content-Type": optional(textSchema),
      "User-Property": optional(textRecordSchema),
      "User-Property-Pairs": optional(listSchema(isPair, "a list of keys and values")),
    }),
  ),
});
type RuleOutput = z.infer<typeof ruleOutputSchema>;

/** Reads what EMQX's rule engine posts. */
export const createEmqxAdapter: CreateAdapter = (options) => ({
  read: (request) =>
    readObjectBody(request, {
      adapter: "emqx",
      isOtherEvent,
      schema: ruleOutputSchema,
      toElement: (output) => ({
        kind: "message",
        message: toMessage(output, options),
        mayBeDamaged: isReplaced(output),
      }),
    }),
});

/** Messages are published here or at a bridged broker. */
function isOtherEvent(body: object): boolean {
  const event = "event" in body ? body.event : undefined;
  return typeof event === "string" && event !== "message.publish" && !/^\$(bridges|sources)\//.test(event);
}

function toMessage(output: RuleOutput, options: AdapterOptions): ReadMessage {
  const { pub_props: properties, flags } = output;
  const publishedAtMs = output.publish_received_at ?? output.message_received_at ?? output.timestamp;
  return {
    topic: output.topic,
    payload: payloadOf(output, options),
    qos: output.qos,
    retain: flags?.retain ?? output.retain,
    dup: flags?.dup ?? output.dup,
    clientId: output.clientid,
    messageId: messageIdOf(output),
    publishedAtUs: publishedAtMs === undefined ? undefined : publishedAtMs * 1000,
    messageExpiryIntervalSeconds: properties?.["Message-Expiry-Interval"],
    contentType: properties?.["Content-Type"],
    userProperties:
      properties?.["User-Property-Pairs"]?.map(({ key, value }) => [key, value] as const) ??
      properties?.["User-Property"] ??
      [],
  };
}

/** Two rules that forward one message share its id, and each means its own copy to arrive. */
function messageIdOf({ id, metadata }: RuleOutput): string | undefined {
  if (id === undefined) return undefined;
  return metadata?.rule_id === undefined ? id : `${metadata.rule_id}:${id}`;
}

/** Whether EMQX met bytes that are no UTF-8, for each of which it writes U+FFFD. Only `payload_b64` would have them. */
function isReplaced({ payload, payload_b64 }: RuleOutput): boolean {
  return payload_b64 === undefined && payload?.includes("\ufffd") === true;
}

/** `payload_b64` is what a rule adds for payloads that are not UTF-8, which EMQX would damage in `payload`. */
function payloadOf({ payload, payload_b64 }: RuleOutput, { payloadEncoding }: AdapterOptions): Uint8Array {
  const [path, text] = payload_b64 === undefined ? ["payload", payload] : ["payload_b64", payload_b64];
  if (text === undefined) throw brokenBody("emqx", [{ path, message: "met nothing, wanted a string" }]);
  if (path === "payload" && payloadEncoding !== "base64") return encodeUtf8(text);
  const bytes = decodeBase64(text);
  if (bytes === undefined) throw brokenBody("emqx", [{ path, message: "met another string, wanted base64" }]);
  return bytes;
}
