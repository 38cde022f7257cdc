import type { UserProperty } from "../message.ts";

/** The position in a trace that a message was published from. */
export interface TraceContext {
  /** 16 bytes, not all zero. */
  traceId: Uint8Array;
  /** 8 bytes, not all zero. */
  spanId: Uint8Array;
  /** W3C trace flags: 1 sampled, 2 random trace id; others are not passed on. */
  flags: number;
}

export const sampledFlag = 0x01;

/** The ids as bytes, from 32 and 16 lower-case hex digits; undefined when either is all zeros. */
export function readIds(ids: { traceId: string; spanId: string }): Omit<TraceContext, "flags"> | undefined {
  if (isZero(ids.traceId) || isZero(ids.spanId)) return undefined;
  return { traceId: hexToBytes(ids.traceId), spanId: hexToBytes(ids.spanId) };
}

/** The value of a User Property. Identical repeats count as one; differing ones say nothing. */
export function uniqueValue(
  userProperties: readonly UserProperty[],
  isNamed: (name: string) => boolean,
): string | undefined {
  let found: string | undefined;
  for (const [name, value] of userProperties) {
    if (!isNamed(name)) continue;
    if (found !== undefined && found !== value) return undefined;
    found = value;
  }
  return found;
}

function isZero(hex: string): boolean {
  return /^0*$/.test(hex);
}

function hexToBytes(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
