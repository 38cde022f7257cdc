/** The whole gateway in one thread: with a store in memory, and on hosts without threads. */
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import type { BatchStore, StoreOptions } from "../../pipeline/store/batch-store.ts";
import { createTelemetry } from "../../pipeline/telemetry.ts";
import { assembleGateway, type Gateway, type OpenOptions } from "./assemble-gateway.ts";
import { startDeliveryInPlace } from "./delivery-in-place.ts";
import { openLastValues } from "./last-values.ts";
import { storeOptions } from "./store-options.ts";

/**
 * Open the gateway without threads. What is due is delivered by `deliver`, by POST /timer/flush, and, where the
 * gateway acknowledges what is delivered, while a request waits for it: a host that runs between events only need
 * not call `deliver`.
 *
 * Errors: StoreVersionError, StoreLockedError, and whatever the file system says of the store's folder.
 */
export async function openGatewayInPlace(config: GatewayConfig, options: OpenOptions): Promise<Gateway> {
  const telemetry = createTelemetry();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const ofStore = storeOptions(config);
  const store = await openStore(config, { ...ofStore, onCommit: telemetry.onCommit });
  try {
    const lastValues = await openLastValues(store, ofStore, options.logger);
    return assembleGateway(config, {
      ...options,
      store,
      lastValues,
      telemetry,
      startDelivery: (deliveryOptions) =>
        startDeliveryInPlace({ ...deliveryOptions, store, onFailure: failed.reject }),
      failed: failed.promise,
    });
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Not every host has both. */
async function openStore({ store }: GatewayConfig, options: StoreOptions): Promise<BatchStore> {
  if (store.type === "memory") {
    const { openMemoryStore } = await import("../../pipeline/store/memory.ts");
    return openMemoryStore(options);
  }
  const { openSqliteStore } = await import("../../pipeline/store/sqlite.ts");
  return openSqliteStore(options);
}
