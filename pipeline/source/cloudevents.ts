/**
 * CloudEvents by HTTP, in each of the three content modes, and Azure Event Grid's own schema.
 *
 * With headers `ce-…` the body is the event's data. Otherwise it is an event or an array of them, which the content
 * type tells apart for most senders but not for all, so that either is taken.
 *
 * Source: CloudEvents 1.0, "HTTP Protocol Binding", 3.
 */
import type { CreateAdapter, WebhookRequest } from "./adapter.ts";
import { hasEventHeaders, readBinaryEvent } from "./cloudevents-binary.ts";
import { answerHandshake } from "./cloudevents-handshake.ts";
import { readJsonEvent } from "./cloudevents-json.ts";
import { readElements } from "./elements.ts";
import { brokenBody, isJsonType, mediaTypeOf, parseJson, wrongContentType } from "./envelope.ts";

/** Event Grid waits for 30 s. */
const patienceMs = 25_000;

/** Reads events, and answers the handshakes of web hooks and of Event Grid. */
export const createCloudEventsAdapter: CreateAdapter = ({ allowedOrigins = [] }) => ({
  patienceMs,
  handshake: { methods: ["OPTIONS"], answer: (request) => answerHandshake(request, allowedOrigins) },
  read(request) {
    // Event Grid tells that a subscription is gone.
    if (request.headers.get("aeg-event-type") === "SubscriptionDeletion") {
      return { elements: [{ kind: "ignored" }], isArray: false };
    }
    const type = mediaTypeOf(request);
    const isStructured = /^application\/cloudevents(-batch)?(\+json)?$/.test(type);
    if (!isStructured && hasEventHeaders(request.headers)) return readBinary(request);
    if (!isStructured && type !== "" && !isJsonType(type)) {
      throw wrongContentType(
        request,
        "cloudevents",
        "application/cloudevents+json, or headers ce-id and others",
      );
    }
    const body = parseJson(request.body, "cloudevents");
    return readElements(body, { adapter: "cloudevents", pointer: ["data"], read: readJsonEvent });
  },
});

function readBinary(request: WebhookRequest) {
  const element = readBinaryEvent(request);
  if (element.kind === "faulty") throw brokenBody("cloudevents", element.issues);
  return { elements: [element], isArray: false };
}
