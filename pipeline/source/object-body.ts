/** Bodies that are one JSON object, which tells of one message or of something else, as brokers post them. */
import type { z } from "zod";
import type { AdapterName } from "../config/config.ts";
import type { Element, Envelope, WebhookRequest } from "./adapter.ts";
import { brokenBody, parseJsonBody, parseWith } from "./envelope.ts";
import { foreignHint } from "./foreign.ts";

export interface ObjectBodyOptions<T> {
  /** Named in errors. */
  adapter: AdapterName;
  /** Whether this tells of something else than a message that was published. */
  isOtherEvent(body: object): boolean;
  schema: z.ZodType<T>;
  toElement(fields: T): Element;
}

/**
 * The element that such a body is.
 *
 * Errors: ContentTypeError; EnvelopeError when it is another sender's or does not fit the schema.
 */
export function readObjectBody<T>(request: WebhookRequest, options: ObjectBodyOptions<T>): Envelope {
  const { adapter, isOtherEvent, schema, toElement } = options;
  const { value } = parseJsonBody(request, adapter);
  if (typeof value === "object" && value !== null && isOtherEvent(value)) return ignoredBody;
  const hint = foreignHint(value, adapter);
  if (hint !== undefined) throw brokenBody(adapter, hint);
  const parsed = parseWith(schema, value);
  if ("issues" in parsed) throw brokenBody(adapter, parsed.issues);
  return { elements: [toElement(parsed.data)], isArray: false };
}

/** What a body that tells of no message holds. */
export const ignoredBody: Envelope = { elements: [{ kind: "ignored" }], isArray: false };
