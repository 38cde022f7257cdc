/** The whole gateway from its configuration, for every runtime: only listening is left to them. */
import { systemClock } from "../../pipeline/clock.ts";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import type { Logger } from "../../pipeline/logger.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { createReceiver } from "../../pipeline/receive.ts";
import { openThreadedStore, type ThreadedStore } from "../../pipeline/store/thread.ts";
import { createTelemetry, type Telemetry } from "../../pipeline/telemetry.ts";
import type { AppOptions, GatewayState } from "../app.ts";
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
  const telemetry = createTelemetry();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const opening = openThreadedStore({
    ...storeOptions(config),
    onCommit: telemetry.onCommit,
    onFailure: failed.reject,
  });
  try {
    // Imported while the writer thread starts on another core.
    const [store, { createApp }] = await Promise.all([opening, import("../app.ts")]);
    return assemble(config, { ...options, store, createApp, telemetry, failed });
  } catch (error) {
    // The writer thread would keep the process alive.
    await opening.then((store) => store.close()).catch(() => undefined);
    throw error;
  }
}

function assemble(
  config: GatewayConfig,
  {
    logger,
    environment = { ...process.env },
    store,
    createApp,
    telemetry,
    failed,
  }: Parameters<typeof openGateway>[1] & {
    store: ThreadedStore;
    createApp: (options: AppOptions) => { fetch: Gateway["fetch"] };
    telemetry: Telemetry;
    failed: PromiseWithResolvers<never>;
  },
): Gateway {
  const clock = systemClock;
  const secrets = createSecrets({ clock, environment });
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
      try {
        await delivery.stop({ graceMs: config.shutdownGraceMs });
      } finally {
        // Also when the delivery thread is gone: the writer thread would keep the process alive.
        await store.close();
      }
    },
  };
}
