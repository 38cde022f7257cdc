import type { Adapter, Element, ReadMessage, WebhookRequest } from "../../pipeline/source/adapter.ts";

const encoder = new TextEncoder();

export function webhookRequest(
  body: string | Uint8Array,
  headers: Record<string, string> | [string, string][] = {},
  query = "",
): WebhookRequest {
  return {
    headers: new Headers(headers),
    query: new URLSearchParams(query),
    body: typeof body === "string" ? encoder.encode(body) : body,
  };
}

/** What reading throws. */
export function readError(adapter: Adapter, request: WebhookRequest): unknown {
  try {
    adapter.read(request);
  } catch (error) {
    return error;
  }
  return undefined;
}

/** The only message of an envelope. */
export function onlyMessage(adapter: Adapter, request: WebhookRequest): ReadMessage {
  const { elements, isArray } = adapter.read(request);
  const [element] = elements;
  if (isArray || elements.length !== 1 || element?.kind !== "message")
    throw new Error("Expected one message");
  return element.message;
}

export function payloadText(element: Element | ReadMessage | undefined): string | undefined {
  if (element === undefined) return undefined;
  if (!("kind" in element)) return new TextDecoder().decode(element.payload);
  return element.kind === "message" ? payloadText(element.message) : undefined;
}
