import { Buffer } from "node:buffer";

/** Base64 with its padding, as bytes; undefined when the text is anything else. Source: RFC 4648, 4 and 3.5. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, "base64");
  // Buffer skips what it does not know; only the one right spelling comes back the same.
  if (bytes.toString("base64") !== text) return undefined;
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
