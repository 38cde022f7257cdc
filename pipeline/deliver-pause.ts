import { backOffMsMax, createBackOff } from "./back-off.ts";
import type { Clock } from "./clock.ts";

/** Longest delay that is granted to a receiver. */
const serverDelayMsMax = 300_000;

/** The wait of a lane until its next attempt, by the monotonic clock. Each call that begins one gives its length. */
export function createPause(clock: Clock, random: () => number) {
  const backOff = createBackOff(random);
  let untilMs = Number.NEGATIVE_INFINITY;
  let isServers = false;

  function begin(delayMs: number, byServer = false): number {
    untilMs = clock.monotonicMs() + delayMs;
    isServers = byServer;
    return delayMs;
  }

  return {
    /** A receiver that asks for no delay gets the back-off, or it would be hammered. */
    afterFailure(serverDelayMs = 0): number {
      if (serverDelayMs > 0) return begin(Math.min(serverDelayMs, serverDelayMsMax), true);
      return begin(backOff.next());
    },
    /** Go on with a pause that was stored as an instant of the wall clock; a long one was the receiver's wish. */
    resume(notBeforeUs: number) {
      const delayMs = (notBeforeUs - clock.nowUs()) / 1000;
      // Nobody waits longer than this: the wall clock was set back, and says nothing about the delay.
      if (delayMs > 0 && delayMs <= serverDelayMsMax) begin(delayMs, delayMs > backOffMsMax);
    },
    end() {
      untilMs = Number.NEGATIVE_INFINITY;
    },
    /** After a success the back-off starts over. */
    reset() {
      backOff.reset();
    },
    get leftMs(): number {
      return Math.max(0, untilMs - clock.monotonicMs());
    },
    /** The receiver asked for it. */
    get isServers(): boolean {
      return isServers;
    },
  };
}
