/** The whole gateway from its configuration, for every runtime: only listening is left to them. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { systemClock } from "../../pipeline/clock.ts";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import type { Logger } from "../../pipeline/logger.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { createReceiver } from "../../pipeline/receive.ts";
import { openThreadedStore } from "../../pipeline/store/thread.ts";
import { createTelemetry } from "../../pipeline/telemetry.ts";
import type { GatewayState } from "../app.ts";
import { startDeliveryThread } from "./delivery-thread.ts";
import { describeMissing } from "./missing.ts";
import { createSecrets } from "./secrets.ts";
import { storeOptions } from "./store-options.ts";
import { version } from "./version.ts";

export interface Gateway {
  fetch(request: Request): Response | Promise<Response>;
  /** Drives every lane until `close`. */
  deliver(): Promise<void>;
  /** Rejects when a part of it has ended by itself: a new process is the remedy, the store is as it was. */
  readonly failed: Promise<never>;
  /** `/readyz` turns 503 from now on; requests are still served. */
  drain(): void;
  /** Turn requests away from now on. */
  stop(): void;
  /** Flush what is due within `shutdownGraceMs`, then close exporters and store. */
  close(): Promise<void>;
}

/**
 * Open the store and put the parts together.
 *
 * Errors: StoreVersionError, StoreLockedError, and whatever the file system says of the store's folder.
 */
export async function openGateway(
  config: GatewayConfig,
  options: { logger: Logger; environment?: Record<string, string | undefined> },
): Promise<Gateway> {
  const { logger, environment = { ...process.env } } = options;
  const clock = systemClock;
  const telemetry = createTelemetry();
  const secrets = createSecrets({ clock, environment });
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  mkdirSync(dirname(config.store.path), { recursive: true });
  const opening = openThreadedStore({
    ...storeOptions(config),
    onCommit: telemetry.onCommit,
    onFailure: failed.reject,
  });
  // Imported while the writer thread starts on another core.
  const [store, { createApp }] = await Promise.all([opening, import("../app.ts")]);
  for (const notice of store.notices) logger.warn({}, notice);
  for (const missing of describeMissing(config, secrets)) logger.warn({}, missing);

  const delivery = startDeliveryThread({
    config,
    environment,
    port: store.connect(),
    logger,
    onExport: telemetry.onExport,
    onFailure: failed.reject,
  });
  const receiver = createReceiver({
    store,
    clock,
    logger,
    format: aioFormat,
    lanes: storeOptions(config).lanes.map((lane) => {
      const { name, mask } = store.lane(lane);
      return { name, mask, filter: lane.filter };
    }),
    sources: config.sources,
    payloadBytesMax: config.limits.payloadBytesMax,
    oddities: telemetry.oddities,
    onAppended: delivery.wake,
  });
  const state: GatewayState = { draining: false, stopping: false, startedAtUs: clock.nowUs(), version };
  const app = createApp({
    config,
    receiver,
    store,
    delivery,
    telemetry,
    clock,
    logger,
    secrets: secrets.open,
    state,
  });

  return {
    fetch: (request) => app.fetch(request),
    deliver: () => delivery.run(),
    failed: failed.promise,
    drain() {
      state.draining = true;
    },
    stop() {
      state.stopping = true;
    },
    async close() {
      state.stopping = true;
      await delivery.stop({ graceMs: config.shutdownGraceMs });
      await store.close();
    },
  };
}
