import { hash } from "node:crypto";
import type { MqttMessage } from "./message.ts";

const utf8 = new TextEncoder();

/**
 * By what a repeat is known: who sent which message, and a digest of what it says, so that a message id that was
 * used again for something else is told from a repeat.
 *
 * Shape: 16 bytes; the first 8 of SHA-256 over source, client id and message id, then the first 8 of SHA-256 over
 *        topic and payload. Undefined without a message id.
 */
export function identityOf(message: MqttMessage): Uint8Array | undefined {
  const { source, clientId, messageId, topic, payload } = message;
  if (messageId === undefined) return undefined;
  const sender = hash("sha256", `${sized(source)}${sized(clientId)}${messageId}`, "buffer");
  const topicBytes = utf8.encode(sized(topic));
  const content = new Uint8Array(topicBytes.length + payload.length);
  content.set(topicBytes);
  content.set(payload, topicBytes.length);
  const identity = new Uint8Array(16);
  identity.set(sender.subarray(0, 8));
  identity.set(hash("sha256", content, "buffer").subarray(0, 8), 8);
  return identity;
}

/** Length first, so that no two lists of texts are the same text when they are put together. */
function sized(text: string | undefined): string {
  return text === undefined ? "-" : `${text.length}:${text}`;
}
