import type { LaneDelivery } from "../../pipeline/deliver.ts";

/** A lane that is driven for as long as somebody waits for its messages. */
export interface AwaitedLane {
  /** One more waits: the loop begins with the first. */
  enter(): void;
  /** One less: an attempt that is under way for nobody is given up. */
  leave(): void;
  /** From now on it is not driven for those who wait. Resolves once its loop has ended. */
  end(): Promise<void>;
}

/** `onFailure` is called when a loop has ended by itself, which none should. */
export function createAwaitedLane(
  lane: Pick<LaneDelivery, "run">,
  onFailure: (error: unknown) => void,
): AwaitedLane {
  let waiting = 0;
  let isEnded = false;
  let nobodyWaits = new AbortController();
  let driving: Promise<void> = Promise.resolve();

  return {
    enter() {
      waiting += 1;
      if (isEnded || waiting > 1) return;
      nobodyWaits = new AbortController();
      const { signal } = nobodyWaits;
      // The loop of before may be about to end.
      driving = driving.then(() => lane.run(signal)).catch(onFailure);
    },
    leave() {
      waiting -= 1;
      if (waiting === 0) nobodyWaits.abort();
    },
    end() {
      isEnded = true;
      nobodyWaits.abort();
      return driving;
    },
  };
}
