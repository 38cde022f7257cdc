/** Payloads in JSON, of senders that do not say whether they write them as text or in base64. */
import type { z } from "zod";
import { encodeUtf8 } from "../payload/utf8.ts";
import type { AdapterOptions, Element } from "./adapter.ts";
import { base64Schema, textSchema } from "./envelope.ts";

/** A payload's bytes, which may have the sender's marks in place of others. */
export type PayloadField = { bytes: Uint8Array } & Pick<
  Extract<Element, { kind: "message" }>,
  "mayBeDamaged"
>;

/** As text, in which the sender writes U+FFFD for each byte that is no UTF-8. */
const plainSchema = textSchema.transform(
  (text): PayloadField => ({ bytes: encodeUtf8(text), mayBeDamaged: text.includes("\ufffd") }),
);

const encodedSchema = base64Schema.transform((bytes): PayloadField => ({ bytes }));

/** The schema of a payload in the encoding that the sender was configured to use. */
export function payloadSchema(
  encoding: NonNullable<AdapterOptions["payloadEncoding"]>,
): z.ZodType<PayloadField> {
  return encoding === "base64" ? encodedSchema : plainSchema;
}
