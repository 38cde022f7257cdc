import type { UserProperty } from "../message.ts";
import { readIds, sampledFlag, type TraceContext, uniqueValue } from "./trace-ids.ts";

/** Trace id, span id, sampling state, parent's span id. */
const singleForm = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/;
const traceIdForm = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/;
const spanIdForm = /^[0-9a-f]{16}$/;

/**
 * The trace context of a message's B3 User Properties: `b3`, or else `x-b3-traceid` and its like, in any case, as
 * senders that know them from HTTP write them. Undefined when there are none that are valid. Debug means sampled;
 * without a sampling state the trace is not known to be sampled.
 *
 * Source: openzipkin/b3-propagation, "Single Header" and "Multiple Headers".
 */
export function parseB3(userProperties: readonly UserProperty[]): TraceContext | undefined {
  if (!userProperties.some(([name]) => /^(?:x-)?b3/i.test(name))) return undefined;
  return parseSingle(userProperties) ?? parseMulti(userProperties);
}

function parseSingle(userProperties: readonly UserProperty[]): TraceContext | undefined {
  const [, traceId, spanId, state] = singleForm.exec(propertyOf(userProperties, "b3")) ?? [];
  if (traceId === undefined || spanId === undefined) return undefined;
  return contextOf({ traceId, spanId, isSampled: state === "1" || state === "d" });
}

function parseMulti(userProperties: readonly UserProperty[]): TraceContext | undefined {
  const traceId = propertyOf(userProperties, "x-b3-traceid");
  const spanId = propertyOf(userProperties, "x-b3-spanid");
  if (!traceIdForm.test(traceId) || !spanIdForm.test(spanId)) return undefined;
  const isDebug = propertyOf(userProperties, "x-b3-flags") === "1";
  // "true" is what old senders write.
  const isSampled = isDebug || /^(?:1|true)$/.test(propertyOf(userProperties, "x-b3-sampled"));
  return contextOf({ traceId, spanId, isSampled });
}

/** "" when there is none. */
function propertyOf(userProperties: readonly UserProperty[], wanted: string): string {
  return uniqueValue(userProperties, (name) => name.toLowerCase() === wanted) ?? "";
}

/** Trace ids of 64 bits stand for the 128 bits that begin with zeros. */
function contextOf(b3: { traceId: string; spanId: string; isSampled: boolean }): TraceContext | undefined {
  const ids = readIds({ traceId: b3.traceId.padStart(32, "0"), spanId: b3.spanId });
  return ids && { ...ids, flags: b3.isSampled ? sampledFlag : 0 };
}
