import type { Clock } from "../../pipeline/clock.ts";

interface Sleeper {
  untilMs: number;
  wake: () => void;
}

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Both clocks go on; who slept until then wakes. */
  advance(ms: number): void;
  /** Only the wall clock moves, as when an operator or NTP sets it. */
  jumpWall(ms: number): void;
  /** Resolves with the delay of the next call of `sleep`, or of the newest that still sleeps. */
  asleep(): Promise<number>;
}

export function createFakeClock({ nowUs = Date.UTC(2026, 0, 5, 10) * 1000 } = {}): FakeClock {
  let wallUs = nowUs;
  let monotonicMs = 5_000;
  const sleepers = new Set<Sleeper>();
  const watchers: ((delayMs: number) => void)[] = [];

  return {
    nowUs: () => wallUs,
    monotonicMs: () => monotonicMs,
    sleep(delayMs, signal) {
      return new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const sleeper: Sleeper = {
          untilMs: monotonicMs + delayMs,
          wake() {
            sleepers.delete(sleeper);
            signal?.removeEventListener("abort", sleeper.wake);
            resolve();
          },
        };
        signal?.addEventListener("abort", sleeper.wake);
        sleepers.add(sleeper);
        for (const watcher of watchers.splice(0)) watcher(delayMs);
      });
    },
    advance(ms) {
      monotonicMs += ms;
      wallUs += Math.round(ms * 1000);
      for (const sleeper of [...sleepers]) if (sleeper.untilMs <= monotonicMs) sleeper.wake();
    },
    jumpWall(ms) {
      wallUs += Math.round(ms * 1000);
    },
    asleep() {
      const newest = [...sleepers].at(-1);
      if (newest) return Promise.resolve(newest.untilMs - monotonicMs);
      return new Promise((resolve) => watchers.push(resolve));
    },
  };
}
