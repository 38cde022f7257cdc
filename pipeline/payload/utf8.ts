import { Buffer } from "node:buffer";

/** Text as UTF-8. From a pool: an encoder's own buffer for each of a hundred messages takes more than they do. */
export function encodeUtf8(text: string): Uint8Array {
  const { buffer, byteOffset, byteLength } = Buffer.from(text);
  return new Uint8Array(buffer, byteOffset, byteLength);
}
