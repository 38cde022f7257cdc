import type { Items, MetricItem } from "../payload/format.ts";
import type { StoredMessage } from "../store/batch-store.ts";
import { sampledTraceContext } from "./trace-context.ts";
import type { TraceContext } from "./trace-ids.ts";

/** A message time this far ahead of the arrival is a clock that is wrong, and would hold back every later point. */
const aheadUsMax = 600_000_000;

/** What a message tells about its items, or about one of them. */
export interface MessageContext {
  arrivedAtUs: number;
  /** The sampled trace that it belongs to. */
  trace: TraceContext | undefined;
  /** The item's attributes stand for others too, so that its series is of several senders. */
  isShared: boolean;
}

export function contextOf(
  { arrivedAtUs, userProperties }: StoredMessage,
  { traceparent }: Items,
): MessageContext {
  return {
    arrivedAtUs: Math.max(1, arrivedAtUs),
    trace: sampledTraceContext(userProperties, traceparent),
    isShared: false,
  };
}

/** When an item was read, as its payload says; else the arrival. */
export function timeOf({ timeUnixNano }: MetricItem, { arrivedAtUs }: MessageContext): bigint {
  // No time and the time 0 are the same: OTLP has no points of the time 0.
  return timeUnixNano || BigInt(arrivedAtUs) * 1000n;
}

/** The same, where a time that cannot be true would do harm. */
export function plausibleTimeOf({ timeUnixNano }: MetricItem, { arrivedAtUs }: MessageContext): bigint {
  const isPlausible = timeUnixNano && timeUnixNano <= BigInt(arrivedAtUs + aheadUsMax) * 1000n;
  return isPlausible ? timeUnixNano : BigInt(arrivedAtUs) * 1000n;
}
