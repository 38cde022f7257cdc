/** Time as the pipeline sees it: a wall clock for instants and a monotonic one for delays. */
export interface Clock {
  /** Wall clock, microseconds since the Unix epoch. May jump. */
  nowUs(): number;
  /** Monotonic clock, milliseconds from an arbitrary start. Never jumps. */
  monotonicMs(): number;
  /** Resolves after `delayMs` of the monotonic clock, or at once when `signal` is aborted. Never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Longest delay that a timer takes; Node fires at once beyond it. Source: HTML standard, timers. */
const timerMsMax = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowUs: () => Math.round(Date.now() * 1000),
  monotonicMs: () => performance.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.max(0, delayMs), timerMsMax));
      signal?.addEventListener("abort", done, { once: true });
    }),
};
