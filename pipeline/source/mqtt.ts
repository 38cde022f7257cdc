/**
 * Our own envelope: one object or an array of them, each an MQTT message.
 *
 * A `payload` that is a JSON value is kept as it was written, only without white space: to parse and print it would
 * change its numbers.
 */
import { z } from "zod";
import { encodeUtf8 } from "../payload/utf8.ts";
import type { CreateAdapter } from "./adapter.ts";
import { faultAt, type ReadElement, readElements } from "./elements.ts";
import {
  base64Schema,
  expirySchema,
  instantSchema,
  isPair,
  isText,
  listSchema,
  parseJsonBody,
  parseWith,
  qosSchema,
  textRecordSchema,
  textSchema,
  topicSchema,
} from "./envelope.ts";
import { optional } from "./field-schemas.ts";
import { foreignHint } from "./foreign.ts";
import { compactJson } from "./json-text.ts";

const userPropertiesSchema = z.union([listSchema(isPair, "pairs of strings"), textRecordSchema], {
  error: "met something else, wanted pairs of strings or an object of strings",
});

const messageSchema = z.object({
  topic: topicSchema,
  payload: z
    .unknown()
    .refine((value) => typeof value !== "string" || isText(value), {
      error: "met half a surrogate pair, wanted Unicode text",
    })
    .optional(),
  payloadBase64: base64Schema.optional(),
  qos: qosSchema.nullish(),
  retain: z.boolean().nullish(),
  dup: z.boolean().nullish(),
  clientId: textSchema.nullish(),
  /** What a template makes of no id would make all messages repeats of one. */
  messageId: optional(textSchema),
  publishedAt: instantSchema.nullish(),
  properties: z
    .object({
      messageExpiryInterval: expirySchema.nullish(),
      contentType: textSchema.nullish(),
      userProperties: userPropertiesSchema.nullish(),
    })
    .nullish(),
});

/** Reads our own envelope. */
export const createMqttAdapter: CreateAdapter = () => ({
  read: (request) =>
    readElements(parseJsonBody(request, "mqtt"), {
      adapter: "mqtt",
      pointer: ["payload"],
      read: readMessage,
    }),
});

const readMessage: ReadElement = (value, payloadText) => {
  const hint = foreignHint(value, "mqtt");
  if (hint !== undefined) return faultAt("", hint);
  const parsed = parseWith(messageSchema, value);
  if ("issues" in parsed) return { kind: "faulty", ...parsed };
  const { payload, payloadBase64, properties, ...fields } = parsed.data;
  if ((payloadText === undefined) === (payloadBase64 === undefined)) {
    const met = payloadText === undefined ? "neither" : "both";
    return faultAt("payload", `met ${met}, wanted one of payload and payloadBase64`);
  }
  return {
    kind: "message",
    message: {
      topic: fields.topic,
      payload:
        payloadBase64 ?? encodeUtf8(typeof payload === "string" ? payload : compactJson(payloadText ?? "")),
      qos: fields.qos ?? undefined,
      retain: fields.retain ?? undefined,
      dup: fields.dup ?? undefined,
      clientId: fields.clientId ?? undefined,
      messageId: fields.messageId,
      publishedAtUs: fields.publishedAt ?? undefined,
      messageExpiryIntervalSeconds: properties?.messageExpiryInterval ?? undefined,
      contentType: properties?.contentType ?? undefined,
      userProperties: properties?.userProperties ?? [],
    },
  };
};
