import { hash } from "node:crypto";
import type { MqttMessage, RepeatId } from "./message.ts";

/** Of each SHA-256 so many are kept. */
const digestBytes = 8;
/** UTF-8 bytes for one UTF-16 code unit, at most. Source: RFC 3629, 3. */
const utf8BytesMax = 3;
/** Used again for each content that has room in it. */
const scratch = Buffer.allocUnsafeSlow(65_536);
/** Odd, so that no two numbers below 2³² become the same: 2³² divided by the golden ratio. */
const spread = 0x9e3779b1;
/** Thousands of messages one after another are of the same run. */
const latest = { run: undefined as string | undefined, digest: new Uint8Array(digestBytes) };

/**
 * By what a repeat is known: who sent which message, and a digest of what it says, so that a message id that was
 * used again for something else is told from a repeat.
 *
 * Shape: 16 bytes; the first 8 of SHA-256 over source, client id and message id, or of SHA-256 over the run of our
 *        own id, changed by its number; then the first 8 of SHA-256 over topic and payload. Undefined without any id.
 */
export function identityOf(message: MqttMessage): Uint8Array | undefined {
  const { source, clientId, messageId, repeatId, topic, payload } = message;
  if (messageId === undefined && repeatId === undefined) return undefined;
  const identity = new Uint8Array(2 * digestBytes);
  if (messageId !== undefined) writeDigest(identity, 0, `${sized(source)}${sized(clientId)}${messageId}`);
  else if (repeatId !== undefined) writeRepeatId(identity, repeatId);
  const topicText = sized(topic);
  const contentBytesMax = topicText.length * utf8BytesMax + payload.length;
  const content = contentBytesMax <= scratch.length ? scratch : Buffer.allocUnsafe(contentBytesMax);
  const topicBytes = content.write(topicText);
  content.set(payload, topicBytes);
  writeDigest(identity, digestBytes, content.subarray(0, topicBytes + payload.length));
  return identity;
}

/** Nobody outside can choose a run, so that its numbers need no digest, only to be spread as the store's table wants them. */
function writeRepeatId(identity: Uint8Array, { run, number }: RepeatId): void {
  if (run !== latest.run) {
    writeDigest(latest.digest, 0, run);
    latest.run = run;
  }
  const { digest } = latest;
  const low = Math.imul(number, spread);
  const high = Math.floor(number / 2 ** 32);
  for (let at = 0; at < 4; at++) {
    identity[at] = (digest[at] ?? 0) ^ (low >>> (8 * at));
    identity[4 + at] = (digest[4 + at] ?? 0) ^ (high >>> (8 * at));
  }
}

/** As a text in between: Node and Deno take three times as long for a digest in a buffer of its own. */
function writeDigest(identity: Uint8Array, start: number, content: string | Uint8Array): void {
  const digest = hash("sha256", content, "binary");
  for (let at = 0; at < digestBytes; at++) identity[start + at] = digest.charCodeAt(at);
}

/** Length first, so that no two lists of texts are the same text when they are put together. */
function sized(text: string | undefined): string {
  return text === undefined ? "-" : `${text.length}:${text}`;
}
