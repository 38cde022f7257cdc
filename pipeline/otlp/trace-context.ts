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

const sampledFlag = 0x01;

/** The trace context of a message that belongs to a sampled trace; undefined for any other message. */
export function sampledTraceContext(userProperties: readonly UserProperty[]): TraceContext | undefined {
  const trace = parseTraceContext(userProperties);
  return trace !== undefined && (trace.flags & sampledFlag) !== 0 ? trace : undefined;
}

/** Version, trace id, parent id, flags; a version above 00 may go on behind another dash. */
const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/s;

const knownFlags = 0x03;

/**
 * The trace context of a message's `traceparent` User Property; undefined when it has none that is valid.
 * Identical repeats count as one; differing ones say nothing.
 *
 * Source: W3C Trace Context, "traceparent Header Field Values" and "Versioning of traceparent".
 */
export function parseTraceContext(userProperties: readonly UserProperty[]): TraceContext | undefined {
  let text: string | undefined;
  for (const [name, value] of userProperties) {
    if (name !== "traceparent") continue;
    if (text !== undefined && text !== value) return undefined;
    text = value;
  }
  return text === undefined ? undefined : parseTraceparent(text);
}

function parseTraceparent(text: string): TraceContext | undefined {
  const [, version, traceId = "", spanId = "", flags = "", rest] = form.exec(text) ?? [];
  if (version === undefined || version === "ff") return undefined;
  if (version === "00" && rest !== undefined) return undefined;
  if (isZero(traceId) || isZero(spanId)) return undefined;
  return {
    traceId: hexToBytes(traceId),
    spanId: hexToBytes(spanId),
    flags: Number.parseInt(flags, 16) & knownFlags,
  };
}

function isZero(hex: string): boolean {
  return /^0*$/.test(hex);
}

function hexToBytes(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}
