/**
 * 32 bits that differ when the value does, for what compares as JSON. Never 0.
 *
 * Source: "The FNV Non-Cryptographic Hash Algorithm", FNV-1a, over UTF-16 code units.
 */
export function fingerprintOf(value: unknown): number {
  return hashOf(JSON.stringify(value)) >>> 0 || 1;
}

/** The 32 bits of a text, signed; behind those of another text, when that one's are the seed. */
export function hashOf(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash;
}
