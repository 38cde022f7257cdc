/**
 * Our own envelope: one object or an array of them, each an MQTT message.
 *
 * A `payload` that is a JSON value is kept as it was written, only without white space: to parse and print it would
 * change its numbers.
 */
import { z } from "zod";
import type { UserProperty } from "../message.ts";
import { decodeBase64 } from "../payload/base64.ts";
import { encodeUtf8 } from "../payload/utf8.ts";
import type { CreateAdapter, Element, ReadMessage } from "./adapter.ts";
import {
  brokenBody,
  expirySchema,
  type Issue,
  issueText,
  isText,
  listSchema,
  parseJsonBody,
  parseWith,
  qosSchema,
  textRecordSchema,
  textSchema,
  topicSchema,
} from "./envelope.ts";
import { foreignHint } from "./foreign.ts";
import { parseInstantUs } from "./instant.ts";
import { compactJson, type JsonSlice, sliceJson } from "./json-text.ts";

/**
 * Largest number of messages in one array: no message with an item is so small that more fit the default limit of
 * a body, and what is in the array instead of messages takes a multiple of its size and time.
 */
const elementsMax = 65_536;

const base64Schema = z.string().transform((text, context) => {
  const bytes = decodeBase64(text);
  if (bytes === undefined) context.addIssue("met another string, wanted base64 with its padding");
  return bytes;
});

const instantSchema = z.string().transform((text, context) => {
  const instantUs = parseInstantUs(text);
  if (instantUs === undefined) context.addIssue("met another string, wanted an RFC 3339 instant");
  return instantUs;
});

function isPair(value: unknown): value is UserProperty {
  return Array.isArray(value) && value.length === 2 && value.every(isText);
}

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
  messageId: textSchema.nullish(),
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
  read(request) {
    const { text, value } = parseJsonBody(request, "mqtt");
    if (Array.isArray(value) && value.length > elementsMax) {
      throw brokenBody("mqtt", `met an array of ${value.length} elements, wanted at most ${elementsMax}`);
    }
    const results = sliceJson(text, "payload").map((slice, index) => ({
      slice,
      result: readMessage(Array.isArray(value) ? value[index] : value, slice.member),
    }));
    if (Array.isArray(value)) return { elements: results.map(toElement), isArray: true };
    for (const { result } of results) if ("issues" in result) throw brokenBody("mqtt", result.issues);
    return { elements: results.map(toElement), isArray: false };
  },
});

type Result = { message: ReadMessage } | { issues: readonly Issue[] };

function toElement({ slice, result }: { slice: JsonSlice; result: Result }, index: number): Element {
  if ("message" in result) return { kind: "message", message: result.message };
  const reason = result.issues.map(issueText).join("; ");
  return { kind: "broken", path: `[${index}]`, reason, body: encodeUtf8(slice.text) };
}

/** `payloadText` is the source of the member `payload`; undefined: there is none. */
function readMessage(value: unknown, payloadText: string | undefined): Result {
  const hint = foreignHint(value, "mqtt");
  if (hint !== undefined) return { issues: [{ path: "", message: hint }] };
  const parsed = parseWith(messageSchema, value);
  if ("issues" in parsed) return parsed;
  const { payload, payloadBase64, properties, ...fields } = parsed.data;
  if ((payloadText === undefined) === (payloadBase64 === undefined)) {
    const met = payloadText === undefined ? "neither" : "both";
    return { issues: [{ path: "payload", message: `met ${met}, wanted one of payload and payloadBase64` }] };
  }
  return {
    message: {
      topic: fields.topic,
      payload:
        payloadBase64 ?? encodeUtf8(typeof payload === "string" ? payload : compactJson(payloadText ?? "")),
      qos: fields.qos ?? undefined,
      retain: fields.retain ?? undefined,
      dup: fields.dup ?? undefined,
      clientId: fields.clientId ?? undefined,
      // An empty id would make all messages repeats of one.
      messageId: fields.messageId || undefined,
      publishedAtUs: fields.publishedAt ?? undefined,
      messageExpiryIntervalSeconds: properties?.messageExpiryInterval ?? undefined,
      contentType: properties?.contentType ?? undefined,
      userProperties: properties?.userProperties ?? [],
    },
  };
}
