/**
 * 32 bits that differ when the value does, for what compares as JSON. Never 0.
 *
 * Source: "The FNV Non-Cryptographic Hash Algorithm", FNV-1a, over UTF-16 code units.
 */
export function fingerprintOf(value: unknown): number {
  const text = JSON.stringify(value);
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0 || 1;
}
