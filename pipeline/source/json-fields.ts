/**
 * Envelopes of any shape in JSON: JSON Pointers say where each field of a message stands.
 *
 * A field that is not configured has its own name as member of the envelope, with two exceptions. Where `payload` or
 * `payloadBase64` is configured, the payload is looked for there alone. And where the whole envelope is the payload,
 * it is the device that decides about every member: only what is configured is read from it.
 */
import { z } from "zod";
import { type EnvelopeField, envelopeFields } from "../config/config.ts";
import { decodeBase64 } from "../payload/base64.ts";
import { encodeUtf8 } from "../payload/utf8.ts";
import type { AdapterOptions, Envelope, WebhookRequest } from "./adapter.ts";
import { type Faulty, faultAt, readElements, type Sound } from "./elements.ts";
import {
  base64Schema,
  type Issue,
  isText,
  type JsonBody,
  parseWith,
  pathText,
  topicSchema,
} from "./envelope.ts";
import { fieldSchemas, isNothing } from "./field-schemas.ts";
import { foreignHint } from "./foreign.ts";
import { type JsonPointer, parseJsonPointer, valueAt } from "./json-pointer.ts";
import { compactJson } from "./json-text.ts";
import { queryTopic, requestTopic } from "./request-topic.ts";

export interface JsonFieldsOptions extends Pick<AdapterOptions, "fields" | "payloadEncoding"> {
  /** Named in errors. */
  adapter: string;
  /** A batch comes with the headers of one of its messages: a topic in them is not that of all. */
  batchHasHeadersOfOne?: boolean;
}

const messageSchema = z.object({
  topic: topicSchema,
  payloadBase64: base64Schema.nullish(),
  ...fieldSchemas,
});

/**
 * A reader of one envelope, or an array of them. A message whose envelope has no topic has that of the request: of
 * the header `Mqtt-Topic`, or the query parameter `topic`.
 *
 * Errors: at creation, when a field's text is no JSON Pointer; the reader's are those of `readElements`.
 */
export function createJsonFieldsReader(
  options: JsonFieldsOptions,
): (body: JsonBody, request: WebhookRequest) => Envelope {
  const { adapter, fields = {}, payloadEncoding, batchHasHeadersOfOne } = options;
  const pointers = pointersOf(fields);
  const payloadPointer = pointers.get("payload");

  const pathOf = (field: EnvelopeField) => pointerText(pointers.get(field)) || field;

  function read(
    value: unknown,
    payloadText: string | undefined,
    topicBeside: string | undefined,
  ): Sound | Faulty {
    const found: Partial<Record<EnvelopeField, unknown>> = {};
    for (const [field, pointer] of pointers) found[field] = valueAt(value, pointer);
    const topic = isNothing(found.topic) ? topicBeside : found.topic;
    const hint = topic === undefined ? foreignHint(value, adapter) : undefined;
    if (hint !== undefined) return faultAt("", hint);
    const parsed = parseWith(messageSchema, { ...found, topic });
    if ("issues" in parsed) {
      const place = ({ path, message }: Issue) => ({ path: pathOf(path as EnvelopeField), message });
      return { kind: "faulty", issues: parsed.issues.map(place) };
    }
    const { payloadBase64: decoded, publishedAt, messageExpiryInterval, ...rest } = parsed.data;
    const isWritten = payloadText !== undefined && !(decoded && found.payload === null);
    if (isWritten === (decoded !== undefined && decoded !== null)) {
      const met = isWritten ? "both" : "neither";
      return faultAt(pathOf("payload"), `met ${met}, wanted one of payload and payloadBase64`);
    }
    const payload = decoded ?? payloadOf(found.payload, payloadText ?? "", payloadEncoding);
    if (typeof payload === "string") return faultAt(pathOf("payload"), payload);
    return {
      kind: "message",
      message: {
        ...rest,
        payload,
        publishedAtUs: publishedAt,
        messageExpiryIntervalSeconds: messageExpiryInterval,
        userProperties: rest.userProperties ?? [],
      },
    };
  }

  return (body, request) => {
    const onlyQuery = batchHasHeadersOfOne && Array.isArray(body.value);
    const topicBeside = onlyQuery ? queryTopic(request.query) : requestTopic(request);
    return readElements(body, {
      adapter,
      pointer: payloadPointer ?? [],
      read: (value, text) => read(value, payloadPointer && text, topicBeside),
    });
  };
}

/** The payload's bytes, or a text that says what is wrong with it. `text` is its JSON, as it was written. */
function payloadOf(
  value: unknown,
  text: string,
  encoding: AdapterOptions["payloadEncoding"],
): Uint8Array | string {
  if (encoding === "base64") {
    const bytes = typeof value === "string" ? decodeBase64(value) : undefined;
    return bytes ?? "met something else, wanted a string of base64 with its padding";
  }
  if (typeof value !== "string") return encodeUtf8(compactJson(text));
  return isText(value) ? encodeUtf8(value) : "met half a surrogate pair, wanted Unicode text";
}

function pointersOf(fields: NonNullable<AdapterOptions["fields"]>): Map<EnvelopeField, JsonPointer> {
  const pointers = new Map<EnvelopeField, JsonPointer>();
  for (const field of envelopeFields) {
    const text = fields[field] ?? (hasDefault(field, fields) ? `/${field}` : undefined);
    if (text === undefined) continue;
    const pointer = parseJsonPointer(text);
    if (!pointer)
      throw new Error(`Cannot read ${field}: met ${text}, wanted a JSON Pointer such as /${field}`);
    pointers.set(field, pointer);
  }
  return pointers;
}

function hasDefault(field: EnvelopeField, fields: NonNullable<AdapterOptions["fields"]>): boolean {
  if (fields.payload === "") return false;
  const isPayload = field === "payload" || field === "payloadBase64";
  return !isPayload || (fields.payload === undefined && fields.payloadBase64 === undefined);
}

/** A pointer as messages write paths. */
function pointerText(pointer: JsonPointer = []): string {
  return pathText(pointer.map((token) => (/^\d+$/.test(token) ? Number(token) : token)));
}
