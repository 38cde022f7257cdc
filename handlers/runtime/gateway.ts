/** The whole gateway from its configuration, for every runtime with threads: only listening is left to them. */
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { openThreadedStore } from "../../pipeline/store/thread.ts";
import { createTelemetry } from "../../pipeline/telemetry.ts";
import type { Gateway, OpenOptions } from "./assemble-gateway.ts";
import { startDeliveryThread } from "./delivery-thread.ts";
import { openLastValues } from "./last-values.ts";
import { storeOptions } from "./store-options.ts";

export type { Gateway } from "./assemble-gateway.ts";

/**
 * Open the store and put the parts together. The store writes and the lanes deliver in threads of their own, but for
 * a store in memory, which is where its users are.
 *
 * Errors: StoreVersionError, StoreLockedError, and whatever the file system says of the store's folder.
 */
export async function openGateway(config: GatewayConfig, options: OpenOptions): Promise<Gateway> {
  if (config.store.type === "memory") {
    const { openGatewayInPlace } = await import("./gateway-in-place.ts");
    return openGatewayInPlace(config, options);
  }
  const telemetry = createTelemetry();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const ofStore = storeOptions(config);
  const opening = openThreadedStore({
    ...ofStore,
    onCommit: telemetry.onCommit,
    onFailure: failed.reject,
  });
  try {
    // Imported while the writer thread starts on another core.
    const [store, { assembleGateway }] = await Promise.all([opening, import("./assemble-gateway.ts")]);
    const lastValues = await openLastValues(store, ofStore, options.logger);
    return assembleGateway(config, {
      ...options,
      store,
      lastValues,
      telemetry,
      startDelivery: ({ logger, onExport, onSettled }, environment) =>
        startDeliveryThread({
          config,
          environment,
          port: store.connect(),
          logger,
          onExport,
          onSettled,
          onFailure: failed.reject,
        }),
      failed: failed.promise,
    });
  } catch (error) {
    // The writer thread would keep the process alive.
    await opening.then((store) => store.close()).catch(() => undefined);
    throw error;
  }
}
