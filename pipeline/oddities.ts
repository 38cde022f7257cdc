import type { Oddities } from "./payload/format.ts";

/** What was taken, though its sender may have meant something else. */
export type Oddity = keyof Oddities | "damagedPayloads";

/** Counted since the process began. */
export interface OddityCounters {
  count(source: string, oddity: Oddity, count: number): void;
  /** One entry a source and oddity that was met. */
  bySource(): Iterable<{ source: string; oddity: Oddity; count: number }>;
}

export function createOddityCounters(): OddityCounters {
  const counts = new Map<string, { source: string; oddity: Oddity; count: number }>();
  return {
    count(source, oddity, count) {
      const key = `${oddity}/${source}`;
      const entry = counts.get(key);
      if (entry) entry.count += count;
      else counts.set(key, { source, oddity, count });
    },
    bySource: () => counts.values(),
  };
}
