import type { Clock } from "./clock.ts";
import { NotSettledError } from "./errors.ts";
import { type LaneName, laneKey } from "./message.ts";
import { isAmong, type Lane, type Owed } from "./store/batch-store.ts";

export interface WaitOptions {
  /** Longest wait; undefined: as long as it takes. */
  timeoutMs?: number | undefined;
  /** Aborted: nobody waits any more. */
  signal?: AbortSignal | undefined;
}

/** Called when a lane has settled all that it owes up to a message. */
export type SettledObserver = (lane: LaneName, lastId: number) => void;

/** Who waits for messages to be settled, and how far each lane has come. */
export interface Settled {
  readonly advance: SettledObserver;
  /**
   * Resolves once every lane has settled what it owes.
   *
   * Errors: NotSettledError after `timeoutMs`, when `signal` is aborted, and from `end` on.
   */
  wait(owed: readonly Owed[], options?: WaitOptions): Promise<void>;
  /** Turn away all who wait, and who will. */
  end(): void;
}

interface Waiter {
  /** What is not settled yet. */
  left: readonly { lane: string; id: number }[];
  finish(isSettled: boolean): void;
}

/** Nothing is settled at the beginning: each lane says where it stands when its delivery starts. */
export function createSettled({
  lanes,
  clock,
}: {
  lanes: readonly Pick<Lane, "name" | "mask">[];
  clock: Clock;
}): Settled {
  const settledIds = new Map(lanes.map(({ name }) => [laneKey(name), 0]));
  const waiters = new Set<Waiter>();
  let isEnded = false;

  function findLeft(owed: readonly Owed[]): Waiter["left"] {
    return owed.flatMap(({ lanes: mask, id }) =>
      lanes
        .filter((lane) => isAmong(mask, lane.mask))
        .map(({ name }) => ({ lane: laneKey(name), id }))
        .filter(isLeft),
    );
  }

  function isLeft({ lane, id }: Waiter["left"][number]): boolean {
    return id > (settledIds.get(lane) ?? 0);
  }

  return {
    advance(name, lastId) {
      const lane = laneKey(name);
      if (lastId <= (settledIds.get(lane) ?? 0)) return;
      settledIds.set(lane, lastId);
      for (const waiter of waiters) {
        waiter.left = waiter.left.filter(isLeft);
        if (waiter.left.length === 0) waiter.finish(true);
      }
    },
    async wait(owed, { timeoutMs, signal } = {}) {
      const left = findLeft(owed);
      if (left.length === 0) return;
      const finished = Promise.withResolvers<boolean>();
      const done = new AbortController();
      const waiter: Waiter = { left, finish: finished.resolve };
      if (isEnded || signal?.aborted) waiter.finish(false);
      signal?.addEventListener("abort", () => waiter.finish(false), { once: true, signal: done.signal });
      waiters.add(waiter);
      if (timeoutMs !== undefined) void clock.sleep(timeoutMs, done.signal).then(() => waiter.finish(false));
      const isSettled = await finished.promise;
      waiters.delete(waiter);
      done.abort();
      if (!isSettled)
        throw new NotSettledError("Cannot acknowledge the messages: they are not delivered yet");
    },
    end() {
      isEnded = true;
      for (const waiter of waiters) waiter.finish(false);
    },
  };
}
