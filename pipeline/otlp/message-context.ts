import type { MetricItem } from "../payload/format.ts";
import type { StoredMessage } from "../store/batch-store.ts";
import { sampledTraceContext, type TraceContext } from "./trace-context.ts";

/** A message time this far ahead of the arrival is a clock that is wrong, and would hold back every later point. */
const aheadUsMax = 600_000_000;

/** What a message tells about its items. Found out when it is asked for, because gauges with a time ask for nothing. */
export class MessageContext {
  readonly #message: StoredMessage;
  #arrivalUnixNano: bigint | undefined;
  #latestUnixNano: bigint | undefined;
  #trace: TraceContext | undefined | null = null;

  constructor(message: StoredMessage) {
    this.#message = message;
  }

  /** When the item was read, as its payload says; else the arrival. */
  timeOf({ timeUnixNano }: MetricItem): bigint {
    // No time and the time 0 are the same: OTLP has no points of the time 0.
    return timeUnixNano || this.#arrival;
  }

  /** The same, where a time that cannot be true would do harm. */
  plausibleTimeOf({ timeUnixNano }: MetricItem): bigint {
    if (!timeUnixNano) return this.#arrival;
    this.#latestUnixNano ??= BigInt(this.#arrivedAtUs + aheadUsMax) * 1000n;
    return timeUnixNano > this.#latestUnixNano ? this.#arrival : timeUnixNano;
  }

  /** The sampled trace that the message belongs to. */
  get trace(): TraceContext | undefined {
    if (this.#trace === null) this.#trace = sampledTraceContext(this.#message.userProperties);
    return this.#trace;
  }

  get #arrival(): bigint {
    this.#arrivalUnixNano ??= BigInt(this.#arrivedAtUs) * 1000n;
    return this.#arrivalUnixNano;
  }

  get #arrivedAtUs(): number {
    return Math.max(1, this.#message.arrivedAtUs);
  }
}
