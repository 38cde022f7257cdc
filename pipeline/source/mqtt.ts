/**
 * Our own envelope: one object or an array of them, each an MQTT message.
 *
 * A `payload` that is a JSON value is kept as it was written, only without white space: to parse and print it would
 * change its numbers.
 */
import { z } from "zod";
import { decodeBase64 } from "../payload/base64.ts";
import type { CreateAdapter, Element, ReadMessage } from "./adapter.ts";
import {
  brokenBody,
  expirySchema,
  type Issue,
  issueText,
  parseJsonBody,
  parseWith,
  qosSchema,
  textRecordSchema,
  topicSchema,
} from "./envelope.ts";
import { foreignHint } from "./foreign.ts";
import { parseInstantUs } from "./instant.ts";
import { compactJson, type JsonSlice, sliceJson } from "./json-text.ts";

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

const messageSchema = z.object({
  topic: topicSchema,
  payload: z.unknown().optional(),
  payloadBase64: base64Schema.optional(),
  qos: qosSchema.nullish(),
  retain: z.boolean().nullish(),
  dup: z.boolean().nullish(),
  clientId: z.string().nullish(),
  messageId: z.string().nullish(),
  publishedAt: instantSchema.nullish(),
  properties: z
    .object({
      messageExpiryInterval: expirySchema.nullish(),
      contentType: z.string().nullish(),
      userProperties: z.union([z.array(z.tuple([z.string(), z.string()])), textRecordSchema]).nullish(),
    })
    .nullish(),
});

const encoder = new TextEncoder();

/** Reads our own envelope. */
export const createMqttAdapter: CreateAdapter = () => ({
  read(request) {
    const { text, value } = parseJsonBody(request, "mqtt");
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
  return { kind: "broken", path: `[${index}]`, reason, body: encoder.encode(slice.text) };
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
        payloadBase64 ??
        encoder.encode(typeof payload === "string" ? payload : compactJson(payloadText ?? "")),
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
