/** Why a request was never acknowledged. Unexpected failures of ours count as `overloaded`. */
export const refusalReasons = [
  "unauthorized",
  "badEnvelope",
  "tooLarge",
  "storeFull",
  "overloaded",
  "stopping",
  "timedOut",
] as const;
export type RefusalReason = (typeof refusalReasons)[number];

/** Requests that the ledger knows nothing of, counted since the process began. */
export interface RequestCounters {
  refuse(source: string, reason: RefusalReason): void;
  ignore(events: number): void;
  /** Lifecycle events of senders that were acknowledged and dropped. */
  readonly ignored: number;
  /** By reason, summed over the sources. */
  totals(): Record<RefusalReason, number>;
  /** One entry a source and reason that was met. */
  bySource(): Iterable<{ source: string; reason: RefusalReason; count: number }>;
}

export function createRequestCounters(): RequestCounters {
  const counts = new Map<string, { source: string; reason: RefusalReason; count: number }>();
  let ignored = 0;
  return {
    refuse(source, reason) {
      const key = `${reason}/${source}`;
      const entry = counts.get(key);
      if (entry) entry.count += 1;
      else counts.set(key, { source, reason, count: 1 });
    },
    ignore(events) {
      ignored += events;
    },
    get ignored() {
      return ignored;
    },
    totals() {
      const totals = Object.fromEntries(refusalReasons.map((reason) => [reason, 0]));
      for (const { reason, count } of counts.values()) totals[reason] = (totals[reason] ?? 0) + count;
      return totals as Record<RefusalReason, number>;
    },
    bySource: () => counts.values(),
  };
}
