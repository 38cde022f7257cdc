import { Worker } from "node:worker_threads";
import { toError } from "../../pipeline/errors.ts";
import type { Logger } from "../../pipeline/logger.ts";
import type { SettledObserver } from "../../pipeline/settled.ts";
import type { ExportObservation } from "../../pipeline/telemetry.ts";
import type {
  Call,
  DeliveryCall,
  DeliveryCalls,
  DeliveryDriver,
  DeliveryStart,
  FromDelivery,
  ToDelivery,
} from "./delivery-protocol.ts";

/** A batch's objects live until it is encoded; what V8 would take by itself is mostly garbage that it keeps. */
const youngGenerationMbMax = 16;

/**
 * Deliver in a thread of its own, so that encoding never holds up a request.
 *
 * Errors: when the thread ends by itself, `onFailure` is called, and everything outstanding and every later call is
 *         rejected.
 */
export function startDeliveryThread(
  options: DeliveryStart & {
    logger: Logger;
    onExport(observation: ExportObservation): void;
    /** Where the gateway acknowledges what is delivered. */
    onSettled?: SettledObserver | undefined;
    onFailure(error: Error): void;
  },
): DeliveryDriver {
  const { config, environment, port, logger, onExport, onSettled, onFailure } = options;
  const worker = new Worker(new URL(import.meta.url.replace("delivery-thread.", "delivery-worker.")), {
    workerData: { config, environment, port } satisfies DeliveryStart,
    transferList: [port],
    resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMbMax },
  });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let lastId = 0;
  let appended = 0;
  let isStopped = false;
  let failure: Error | undefined;

  function fail(error: Error): void {
    if (failure !== undefined) return;
    failure = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
    if (!isStopped) onFailure(error);
  }

  worker.on("message", (message: FromDelivery) => {
    if (message.kind === "log") return logger[message.level](message.fields, message.message);
    if (message.kind === "export") return onExport(message.observation);
    if (message.kind === "settled") return onSettled?.(message.lane, message.lastId);
    waiting.get(message.id)?.resolve(message.value);
    waiting.delete(message.id);
  });
  worker.on("error", (error) => fail(toError(error)));
  worker.on("exit", () => fail(new Error("Cannot deliver: the delivery thread has ended")));

  const post = (message: ToDelivery) => worker.postMessage(message);

  function call<Method extends keyof DeliveryCalls>(method: Method): Call<Method> {
    return (...[options]) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure);
        const id = ++lastId;
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
        post({ kind: "call", id, method, options } as DeliveryCall);
      });
  }

  return {
    /** Those of one turn cross together. */
    wake(count) {
      if (appended === 0) {
        setImmediate(() => {
          post({ kind: "wake", appended });
          appended = 0;
        });
      }
      appended += count;
    },
    flush: call("flush"),
    health: call("health"),
    credentials: call("credentials"),
    run: call("run"),
    async stop(options) {
      await call("stop")(options);
      isStopped = true;
      await worker.terminate();
    },
  };
}
