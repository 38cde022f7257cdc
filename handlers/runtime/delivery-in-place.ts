import { toError } from "../../pipeline/errors.ts";
import { isAmong } from "../../pipeline/store/batch-store.ts";
import { createAwaitedLane } from "./awaited-lane.ts";
import { assembleDelivery, type DeliveryOptions } from "./delivery.ts";
import type { DeliveryDriver } from "./delivery-protocol.ts";

/**
 * Deliver in this thread: for a store that lives in its memory, and for hosts without threads.
 *
 * Errors: `onFailure` is called when a loop has ended by itself, which none should.
 */
export function startDeliveryInPlace(
  options: DeliveryOptions & { onFailure(error: Error): void },
): DeliveryDriver {
  const delivery = assembleDelivery(options);
  const fail = (error: unknown) => options.onFailure(toError(error));
  const awaited = delivery.lanes.map((lane) => ({
    mask: options.store.lane(lane.name).mask,
    ...createAwaitedLane(lane, fail),
  }));

  async function endAwaited() {
    await Promise.all(awaited.map((lane) => lane.end()));
  }

  return {
    wake: delivery.wake,
    flush: delivery.flush,
    health: async () => delivery.lanes.map((lane) => ({ lane: lane.name, health: lane.health() })),
    credentials: async () => delivery.credentials(),
    /** Its loops run until the gateway closes. */
    run: () =>
      endAwaited()
        .then(() => delivery.run())
        .catch(fail),
    /**
     * A function host may freeze this process once the last answer is given: no attempt outlives it. One that nobody
     * waits for is not begun, or each answer would cut it off, and leave one more copy of it at its receiver.
     */
    async whileAwaited(waiting, owed) {
      const owing = awaited.filter(({ mask }) => owed.some(({ lanes }) => isAmong(lanes, mask)));
      for (const lane of owing) lane.enter();
      try {
        return await waiting;
      } finally {
        for (const lane of owing) lane.leave();
      }
    },
    async stop(options) {
      await delivery.stop(options);
      await endAwaited();
      await delivery.close();
    },
  };
}
