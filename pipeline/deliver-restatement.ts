import type { Clock } from "./clock.ts";
import { createLearnedLimit, refusalsInARowMax } from "./deliver-limits.ts";
import type { Encoder, Restatement } from "./otlp/encoder.ts";
import type { Batch } from "./store/batch-store.ts";

/** Series that came at other instants are stated together, at the cost of this part of the period. */
const looksInPeriod = 4;

export interface RestatementSettings {
  /** How often series that no message changes are stated again; 0: never. */
  restateMs: number;
  /** Series that no message has changed for so long are stated no more. */
  seriesIdleMs: number;
}

export interface RestatementsOptions extends RestatementSettings {
  encoder: Pick<Encoder, "restate" | "series">;
  clock: Clock;
}

/**
 * When a lane looks for series to state again, and what it states then. It looks for as long as a message may have
 * changed a series lately enough; a lane without series never does.
 *
 * Its instants are those of the wall clock, as the series' own are: what was stated at one look is due at the next.
 */
export function createRestatements({ encoder, clock, restateMs, seriesIdleMs }: RestatementsOptions) {
  const isOff = restateMs === 0 || encoder.restate === undefined;
  const periodUs = restateMs * 1000;
  let lookAtUs = Number.POSITIVE_INFINITY;
  let changedAtUs = Number.NEGATIVE_INFINITY;
  /** By the monotonic clock. */
  let idleAtMs = Number.NEGATIVE_INFINITY;
  let isEnding = false;
  /** How many series one request may hold. */
  const series = createLearnedLimit();
  let refusalsInARow = 0;

  /** Series may have changed. */
  function changed() {
    if (isOff || encoder.series === 0) return;
    changedAtUs = clock.nowUs();
    idleAtMs = clock.monotonicMs() + seriesIdleMs;
    lookAtUs = Math.min(lookAtUs, changedAtUs + periodUs);
  }

  /** Until the next look. */
  function dueInMs(): number {
    if (isEnding) return Number.POSITIVE_INFINITY;
    return Math.max(0, lookAtUs - clock.nowUs()) / 1000;
  }

  function lookAgain(sealedAtUs: number) {
    // What changed since the look before is out of step with the rest.
    const isUneven = Math.abs(sealedAtUs - changedAtUs) < periodUs;
    const isIdle = clock.monotonicMs() >= idleAtMs;
    lookAtUs = isIdle ? Number.POSITIVE_INFINITY : sealedAtUs + periodUs / (isUneven ? looksInPeriod : 1);
  }

  return {
    /** The saved series were loaded: nobody knows when they were stated last. */
    loaded() {
      changed();
      if (lookAtUs !== Number.POSITIVE_INFINITY) lookAtUs = clock.nowUs();
    },
    changed,
    dueInMs,
    /** The next restatement; undefined: none is due, and it is not looked for again until the next look. */
    next(): { sealedAtUs: number; restatement: Restatement } | undefined {
      if (dueInMs() > 0) return undefined;
      const sealedAtUs = clock.nowUs();
      // First of all: a failure to encode must not come again at once, and hold the messages up.
      const dueAtUs = lookAtUs;
      lookAgain(sealedAtUs);
      const restatement = encoder.restate?.({ sealedAtUs, restateMs, seriesIdleMs, seriesMax: series.max });
      if (restatement === undefined) return undefined;
      // There may be more than fitted.
      lookAtUs = dueAtUs;
      return { sealedAtUs, restatement };
    },
    accepted() {
      refusalsInARow = 0;
      series.accepted();
    },
    /** The receiver wants smaller ones: the next one is. After many of them in a row it is left alone until the next look. */
    refusedForSize({ items }: Restatement) {
      series.refused(items);
      refusalsInARow += 1;
      if (refusalsInARow >= refusalsInARowMax) lookAgain(clock.nowUs());
    },
    /**
     * What a restatement held that was sealed before a restart, also by one with other settings. It may hold more
     * than it did, since the limit that was learned is forgotten.
     */
    again({ sealedAtUs }: Batch): Restatement | undefined {
      try {
        return encoder.restate?.({ sealedAtUs, restateMs, seriesIdleMs });
      } catch {
        // The lane must go on. If the next one fails too, it is told then.
        return undefined;
      }
    },
    /** From now on none begins. */
    end() {
      isEnding = true;
    },
  };
}
