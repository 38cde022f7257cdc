/** What the adapters share: how a body becomes a value, a value becomes fields, and what is said of a bad one. */
import { z } from "zod";
import { ContentTypeError, EnvelopeError } from "../errors.ts";
import type { UserProperty } from "../message.ts";
import { decodeBase64 } from "../payload/base64.ts";
import { decodeUtf8 } from "../payload/json.ts";
import { parseText } from "../payload/json-parse.ts";
import type { WebhookRequest } from "./adapter.ts";
import { parseInstantUs } from "./instant.ts";
import { isTopicName } from "./topic.ts";

/** One fault of an envelope, as EnvelopeError lists them. */
export interface Issue {
  path: string;
  message: string;
}

export const topicSchema = z
  .string()
  .refine(isTopicName, { error: "met a string, wanted a Topic Name without wildcards" });

export const qosSchema = z.literal([0, 1, 2]);

/** Largest Message Expiry Interval. Source: MQTT 5.0, 3.3.2.3.3, a Four Byte Integer. */
export const expirySecondsMax = 2 ** 32 - 1;

export const expirySchema = z.int().min(0).max(expirySecondsMax);

/** Whether this is a string of MQTT: UTF-8 has no bytes for half a surrogate pair. Source: MQTT 5.0, 1.5.4. */
export function isText(value: unknown): value is string {
  return typeof value === "string" && value.isWellFormed();
}

export const textSchema = z
  .string()
  .refine(isText, { error: "met half a surrogate pair, wanted Unicode text" });

export const base64Schema = z.string().transform((text, context) => {
  const bytes = decodeBase64(text);
  if (bytes === undefined) context.addIssue("met another string, wanted base64 with its padding");
  return bytes ?? z.NEVER;
});

/** An instant as text, in microseconds since 1970. */
export const instantSchema = z.string().transform((text, context) => {
  const instantUs = parseInstantUs(text);
  if (instantUs === undefined) context.addIssue("met another string, wanted an RFC 3339 instant");
  return instantUs;
});

/** A list of what `isElement` knows. One fault for all of it, since a body has room for millions of elements. */
export function listSchema<T>(isElement: (value: unknown) => value is T, wanted: string) {
  return z.custom<T[]>((value) => Array.isArray(value) && value.every(isElement), {
    error: `met something else, wanted ${wanted}`,
  });
}

/** Whether this is a name and its text. */
export function isPair(value: unknown): value is UserProperty {
  return Array.isArray(value) && value.length === 2 && value.every(isText);
}

/** A name to a text each, as ordered pairs. */
export const textRecordSchema = z
  .custom<Record<string, string>>(isTextRecord, { error: "met something else, wanted an object of strings" })
  .transform((record) => Object.entries(record));

function isTextRecord(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every((member) => member.every(isText));
}

/** A JSON body, as text and as value. */
export interface JsonBody {
  text: string;
  value: unknown;
}

/**
 * A body that its content type says is JSON, or of which it says nothing.
 *
 * Errors: ContentTypeError, EnvelopeError. `adapter` is named in both.
 */
export function parseJsonBody(request: WebhookRequest, adapter: string): JsonBody {
  const type = mediaTypeOf(request);
  if (type !== "" && type !== "application/json") {
    throw wrongContentType(request, adapter, "application/json or none");
  }
  return parseJson(request.body, adapter);
}

/**
 * Bytes as JSON.
 *
 * Errors: EnvelopeError, which names `adapter`.
 */
export function parseJson(body: Uint8Array, adapter: string): JsonBody {
  const text = decodeUtf8(body);
  if (text === undefined) throw brokenBody(adapter, "met bytes that are not UTF-8, wanted JSON");
  try {
    return { text, value: parseText(text) };
  } catch {
    const met = text.length === 0 ? "nothing" : "text that is not JSON";
    throw brokenBody(adapter, `met ${met}, wanted JSON`);
  }
}

/** The content type in lower case, without its parameters; nothing when there is none. Source: RFC 9110, 8.3.1. */
export function mediaTypeOf({ headers }: WebhookRequest): string {
  const [type = ""] = (headers.get("content-type") ?? "").split(";", 1);
  return type.trim().toLowerCase();
}

/** Whether a content type is JSON or built on it. Sources: RFC 9110, 8.3.1; RFC 6839, 3.1. */
export function isJsonType(contentType: string): boolean {
  return /^\s*[^/;\s]+\/([^/;\s]+\+)?json\s*(;|$)/i.test(contentType);
}

/** The error for a body of a content type that the sender does not use. */
export function wrongContentType({ headers }: WebhookRequest, adapter: string, wanted: string): Error {
  const met = headers.get("content-type")?.slice(0, 40) ?? "none";
  return new ContentTypeError(
    `Cannot read the body as ${adapter}: met content type ${met}, wanted ${wanted}`,
  );
}

/** The error for a body that breaks the envelope; a text stands for a fault of the body as a whole. */
export function brokenBody(adapter: string, faults: string | readonly Issue[]): EnvelopeError {
  const issues = typeof faults === "string" ? [{ path: "", message: faults }] : faults;
  return new EnvelopeError(`Cannot read the body as ${adapter}: ${issues.map(issueText).join("; ")}`, {
    issues,
  });
}

/** An issue as one phrase. */
export function issueText({ path, message }: Issue): string {
  return path === "" ? message : `${path}: ${message}`;
}

/** What a schema makes of a value, or its faults in our words. */
export function parseWith<T>(schema: z.ZodType<T>, value: unknown): { data: T } | { issues: Issue[] } {
  const result = schema.safeParse(value, { error: describeIssue });
  if (result.success) return { data: result.data };
  return { issues: result.error.issues.map(({ path, message }) => ({ path: pathText(path), message })) };
}

/** A path as it is written in messages: dotted, with `[n]` for elements. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((parent, key) => {
    if (typeof key === "number") return `${parent}[${key}]`;
    return parent === "" ? String(key) : `${parent}.${String(key)}`;
  }, "");
}

function describeIssue(issue: z.core.$ZodRawIssue): string {
  return `met ${met(issue.input)}, wanted ${wanted(issue)}`;
}

function wanted(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type": {
      const type = issue.expected === "int" ? "integer" : issue.expected;
      return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
    }
    case "invalid_value":
      return `one of ${issue.values.join(", ")}`;
    case "too_small":
      return `at least ${issue.minimum}`;
    case "too_big":
      return `at most ${issue.maximum}`;
    default:
      return "another form";
  }
}

function met(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "string" ? "a string" : "an object";
}
