import type { UserProperty } from "../message.ts";
import { parseB3 } from "./b3.ts";
import { readIds, sampledFlag, type TraceContext, uniqueValue } from "./trace-ids.ts";

/** The trace context of a message that belongs to a sampled trace; undefined for any other message. */
export function sampledTraceContext(
  userProperties: readonly UserProperty[],
  ofPayload?: string,
): TraceContext | undefined {
  const trace = parseTraceContext(userProperties, ofPayload);
  return trace !== undefined && (trace.flags & sampledFlag) !== 0 ? trace : undefined;
}

/**
 * The trace context of a message: of its User Property `traceparent`, or else of B3's, or else of the CloudEvent
 * that its payload is; undefined when it has none that is valid. `tracestate` is not read: neither log records nor
 * exemplars have a field for it.
 */
export function parseTraceContext(
  userProperties: readonly UserProperty[],
  ofPayload?: string,
): TraceContext | undefined {
  return (
    parseProperties(userProperties) ?? (ofPayload === undefined ? undefined : parseTraceparent(ofPayload))
  );
}

function parseProperties(userProperties: readonly UserProperty[]): TraceContext | undefined {
  if (userProperties.length === 0) return undefined;
  const traceparent = uniqueValue(userProperties, (name) => name === "traceparent");
  return (traceparent && parseTraceparent(traceparent)) || parseB3(userProperties);
}

/** Version, trace id, parent id, flags; a version above 00 may go on behind another dash. */
const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/s;

const knownFlags = 0x03;

/** Source: W3C Trace Context, "traceparent Header Field Values" and "Versioning of traceparent". */
function parseTraceparent(text: string): TraceContext | undefined {
  const [, version, traceId = "", spanId = "", flags = "", rest] = form.exec(text) ?? [];
  if (version === undefined || version === "ff") return undefined;
  if (version === "00" && rest !== undefined) return undefined;
  const ids = readIds({ traceId, spanId });
  return ids && { ...ids, flags: Number.parseInt(flags, 16) & knownFlags };
}
