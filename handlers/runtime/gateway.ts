/** The whole gateway from its configuration, for every runtime: only listening is left to them. */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { type Clock, systemClock } from "../../pipeline/clock.ts";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import type { Logger } from "../../pipeline/logger.ts";
import { laneKey } from "../../pipeline/message.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { createReceiver } from "../../pipeline/receive.ts";
import { openThreadedStore } from "../../pipeline/store/thread.ts";
import { createTelemetry } from "../../pipeline/telemetry.ts";
import { createApp, type GatewayState } from "../app.ts";
import { assembleDelivery, laneNames } from "./delivery.ts";
import { createSecrets } from "./secrets.ts";
import { version } from "./version.ts";

export interface Gateway {
  fetch(request: Request): Response | Promise<Response>;
  /** Drives every lane until `close`. */
  deliver(): Promise<void>;
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
  options: { logger: Logger; clock?: Clock; environment?: Record<string, string | undefined> },
): Promise<Gateway> {
  const { logger, clock = systemClock, environment } = options;
  const telemetry = createTelemetry();
  const { open: secrets } = createSecrets({ clock, ...(environment ? { environment } : {}) });
  mkdirSync(dirname(config.store.path), { recursive: true });
  const names = laneNames(config);
  const store = await openThreadedStore({
    path: config.store.path,
    bytesMax: config.store.bytesMax,
    deadLetterBytesMax: config.deadLetters.bytesMax,
    dedupe: config.dedupe,
    lanes: names,
    onCommit: telemetry.onCommit,
  });
  for (const notice of store.notices) logger.warn({}, notice);

  const delivery = assembleDelivery({
    config,
    store,
    secrets,
    clock,
    logger,
    onExport: telemetry.onExport,
  });
  const receiver = createReceiver({
    store,
    clock,
    format: aioFormat,
    lanes: names.map((name) => ({ name, mask: store.lane(name).mask })),
    sources: config.sources,
    payloadBytesMax: config.limits.payloadBytesMax,
    onAppended: delivery.wake,
  });
  const state: GatewayState = { draining: false, stopping: false, startedAtUs: clock.nowUs(), version };
  const lanes = new Map(delivery.lanes.map((lane) => [laneKey(lane.name), lane]));
  const app = createApp({
    config,
    receiver,
    store,
    delivery: {
      flush: delivery.flush,
      health: (destination, signal) => {
        const key = laneKey({ destination, signal });
        const lane = lanes.get(key);
        if (lane === undefined) throw new Error(`Cannot tell the health of ${key}: there is no such lane`);
        return lane.health();
      },
    },
    telemetry,
    clock,
    logger,
    secrets,
    state,
  });

  return {
    fetch: (request) => app.fetch(request),
    deliver: () => delivery.run(),
    drain() {
      state.draining = true;
    },
    stop() {
      state.stopping = true;
    },
    async close() {
      state.stopping = true;
      await delivery.stop({ graceMs: config.shutdownGraceMs });
      await delivery.close();
      await store.close();
    },
  };
}
