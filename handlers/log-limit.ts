import type { Clock } from "../pipeline/clock.ts";

/** Lets a line into the log at most once in `msMin`; it is told how many were left out since the one before. */
export function createLogLimit(
  clock: Pick<Clock, "monotonicMs">,
  msMin: number,
): (write: (suppressed: number) => void) => void {
  let lastMs = Number.NEGATIVE_INFINITY;
  let suppressed = 0;
  return (write) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - lastMs < msMin) {
      suppressed += 1;
      return;
    }
    write(suppressed);
    [lastMs, suppressed] = [nowMs, 0];
  };
}
