import { toError } from "../../pipeline/errors.ts";
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
  /** Its loops run until the gateway closes. */
  let isRunning = false;
  let waiting = 0;
  let nobodyWaits = new AbortController();
  let driving: Promise<void> = Promise.resolve();

  function fail(error: unknown) {
    options.onFailure(toError(error));
  }

  function enter() {
    waiting += 1;
    if (isRunning || waiting > 1) return;
    nobodyWaits = new AbortController();
    const { signal } = nobodyWaits;
    // The loops of before may be about to end.
    driving = driving.then(() => delivery.drive(signal)).catch(fail);
  }

  function leave() {
    waiting -= 1;
    if (waiting === 0) nobodyWaits.abort();
  }

  return {
    wake: delivery.wake,
    flush: delivery.flush,
    health: async () => delivery.lanes.map((lane) => ({ lane: lane.name, health: lane.health() })),
    credentials: async () => delivery.credentials(),
    run() {
      isRunning = true;
      nobodyWaits.abort();
      return driving.then(() => delivery.run()).catch(fail);
    },
    /** A function host may freeze this process once the last answer is given: no attempt outlives it. */
    async whileAwaited(waitingFor) {
      enter();
      try {
        return await waitingFor;
      } finally {
        leave();
      }
    },
    async stop(options) {
      await delivery.stop(options);
      nobodyWaits.abort();
      await driving;
      await delivery.close();
    },
  };
}
