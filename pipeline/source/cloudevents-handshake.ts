/**
 * What senders of events ask before they send any.
 *
 * Web hooks ask by OPTIONS whether they may, for an origin that they name. Event Grid, where its own schema is used,
 * posts a code to be sent back. It names its subscription in a header, which stands for the origin then.
 *
 * Sources: CloudEvents, "HTTP 1.1 Web Hooks for Event Delivery", 4; Azure Event Grid, "Endpoint validation with
 * Event Grid event schema".
 */
import { z } from "zod";
import { EnvelopeError } from "../errors.ts";
import type { Handshake, HandshakeRequest } from "./adapter.ts";
import { parseJson, parseWith } from "./envelope.ts";

const validationSchema = z.tuple([z.object({ data: z.object({ validationCode: z.string().max(1000) }) })]);

/** The answer to a handshake; undefined: the request is none. Shape: no origins stand for any. */
export function answerHandshake(
  request: HandshakeRequest,
  allowedOrigins: readonly string[],
): Handshake | undefined {
  const { method, headers } = request;
  const isAllowed = (origin: string) =>
    allowedOrigins.length === 0 ||
    allowedOrigins.some((allowed) => allowed.toLowerCase() === origin.toLowerCase());

  if (method === "OPTIONS") {
    const origin = headers.get("webhook-request-origin");
    if (origin === null) return undefined;
    // Names of hosts, or addresses: it is written back into a header, and into the log.
    if (!/^[\x21-\x7e]{1,255}$/.test(origin)) return { status: 400 };
    if (!isAllowed(origin)) return forbidden("origin", origin);
    return {
      status: 200,
      headers: { Allow: "POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*" },
    };
  }
  if (method !== "POST" || headers.get("aeg-event-type") !== "SubscriptionValidation") return undefined;
  const subscription = headers.get("aeg-subscription-name") ?? "";
  if (!isAllowed(subscription)) return forbidden("subscription", subscription);
  const code = readCode(request.body);
  return code === undefined ? { status: 400 } : { status: 200, body: { validationResponse: code } };
}

function forbidden(kind: string, name: string): Handshake {
  const met = JSON.stringify(name.slice(0, 255));
  return { status: 403, notice: `Cannot allow events of ${kind} ${met}: it is not among allowedOrigins` };
}

function readCode(body: Uint8Array): string | undefined {
  try {
    const parsed = parseWith(validationSchema, parseJson(body, "cloudevents").value);
    return "data" in parsed ? parsed.data[0].data.validationCode : undefined;
  } catch (error) {
    if (error instanceof EnvelopeError) return undefined;
    throw error;
  }
}
