/** Messages that were dropped because their operator wants it so, counted since the process began. */
export interface FilterCounters {
  count(source: string, reason: string, count: number): void;
  /** One entry a source and reason that was met. */
  bySource(): Iterable<{ source: string; reason: string; count: number }>;
}

export function createFilterCounters(): FilterCounters {
  const counts = new Map<string, { source: string; reason: string; count: number }>();
  return {
    count(source, reason, count) {
      const key = `${reason}/${source}`;
      const entry = counts.get(key);
      if (entry) entry.count += count;
      else counts.set(key, { source, reason, count });
    },
    bySource: () => counts.values(),
  };
}
