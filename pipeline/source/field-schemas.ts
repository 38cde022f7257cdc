/**
 * Fields of a message in envelopes that an operator's template or query makes: any of them may be missing, under
 * several names for nothing, and what is no text may come as one.
 */
import { z } from "zod";
import {
  expirySchema,
  instantSchema,
  isPair,
  isText,
  listSchema,
  qosSchema,
  textRecordSchema,
  textSchema,
} from "./envelope.ts";
import { instantMsMax } from "./instant.ts";

/** Whether a template had nothing to fill in. */
export function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "" || value === "undefined";
}

/** A field that may be missing; `convert` is what its value becomes before it is checked. */
export function optional<T extends z.ZodType>(
  schema: T,
  convert: (value: unknown) => unknown = (same) => same,
) {
  return z.preprocess((value) => (isNothing(value) ? undefined : convert(value)), schema.optional());
}

function numberFromText(value: unknown): unknown {
  return typeof value === "string" && /^\d{1,13}$/.test(value) ? Number(value) : value;
}

function flagFromText(value: unknown): unknown {
  return value === "true" ? true : value === "false" ? false : value;
}

/** Numbers that JSON.parse may have rounded would make one name of several. */
function nameFromNumber(value: unknown): unknown {
  return Number.isSafeInteger(value) ? String(value) : value;
}

const epochMsSchema = z
  .number()
  .min(0)
  .max(instantMsMax)
  .transform((ms) => Math.round(ms * 1000));

const instantOrMsSchema = z.union([epochMsSchema, instantSchema], {
  error: "met something else, wanted an RFC 3339 instant, or milliseconds since 1970",
});

/** An object with one member, a name and its text, as AWS IoT Core lists User Properties. */
function isSinglePair(value: unknown): value is Record<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const members = Object.entries(value);
  return members.length === 1 && members.every((member) => member.every(isText));
}

const userPropertiesSchema = z.union(
  [
    listSchema(isPair, "pairs"),
    listSchema(isSinglePair, "objects of one member").transform((list) =>
      list.flatMap(Object.entries<string>),
    ),
    textRecordSchema,
  ],
  { error: "met something else, wanted an object of strings, pairs of strings, or objects of one string" },
);

/** What an envelope may say of a message besides its topic and its payload. */
export const fieldSchemas = {
  qos: optional(qosSchema, numberFromText),
  retain: optional(z.boolean(), flagFromText),
  clientId: optional(textSchema, nameFromNumber),
  messageId: optional(textSchema, nameFromNumber),
  /** Microseconds since 1970. */
  publishedAt: optional(instantOrMsSchema, numberFromText),
  messageExpiryInterval: optional(expirySchema, numberFromText),
  contentType: optional(textSchema),
  userProperties: optional(userPropertiesSchema),
};
