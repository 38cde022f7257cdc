import { systemClock } from "../../pipeline/clock.ts";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { createConfiguredFormat } from "../../pipeline/configured-format.ts";
import type { LastValues } from "../../pipeline/last-values.ts";
import type { Logger } from "../../pipeline/logger.ts";
import { createReceiver } from "../../pipeline/receive.ts";
import { createSettled } from "../../pipeline/settled.ts";
import type { BatchStore } from "../../pipeline/store/batch-store.ts";
import type { Telemetry } from "../../pipeline/telemetry.ts";
import { createApp, type Flush, type GatewayState } from "../app.ts";
import { openBridges } from "./bridges.ts";
import type { DeliveryOptions } from "./delivery.ts";
import type { DeliveryDriver } from "./delivery-protocol.ts";
import { describeMissing } from "./missing.ts";
import { createSecrets } from "./secrets.ts";
import { storeOptions } from "./store-options.ts";
import { version } from "./version.ts";

export interface Gateway {
  /** `peer`: what a runtime that ends TLS itself knows of the other side, as `{ incoming: { socket } }`. */
  fetch(request: Request, peer?: object): Response | Promise<Response>;
  /** Drives every lane until `close`. */
  deliver(): Promise<void>;
  /** Deliver what is due, or all of it, once, as POST /timer/flush does. */
  flush: Flush;
  /** Rejects when a part of it has ended by itself: a new process is the remedy, the store is as it was. */
  readonly failed: Promise<never>;
  /** `/readyz` turns 503 from now on; requests are still served. */
  drain(): void;
  /** Turn requests away from now on. */
  stop(): void;
  /** Flush what is due within `shutdownGraceMs`, then close exporters and store. */
  close(): Promise<void>;
}

type Environment = Record<string, string | undefined>;

export interface OpenOptions {
  logger: Logger;
  /** Default: that of the process. */
  environment?: Environment | undefined;
}

/** What differs between runtimes. */
export interface GatewayParts extends OpenOptions {
  store: BatchStore;
  /** Undefined: no rule wants any. */
  lastValues: LastValues | undefined;
  startDelivery(options: Omit<DeliveryOptions, "store">, environment: Environment): DeliveryDriver;
  telemetry: Telemetry;
  failed: Promise<never>;
}

/** Put the parts together around a store that is open. */
export function assembleGateway(config: GatewayConfig, parts: GatewayParts): Gateway {
  const {
    logger,
    environment = { ...process.env },
    store,
    lastValues,
    startDelivery,
    telemetry,
    failed,
  } = parts;
  const clock = systemClock;
  const secrets = createSecrets({ clock, environment });
  for (const notice of store.notices) logger.warn({}, notice);
  for (const missing of describeMissing(config, secrets)) logger.warn({}, missing);
  const options = storeOptions(config);
  const lanes = options.lanes.map((lane) => {
    const { name, mask } = store.lane(lane);
    return { name, mask, filter: lane.filter };
  });
  const settled = config.acknowledge === "delivered" ? createSettled({ lanes, clock }) : undefined;
  const delivery = startDelivery(
    {
      config,
      secrets: secrets.open,
      clock,
      logger,
      onExport: telemetry.onExport,
      onSettled: settled?.advance,
    },
    environment,
  );
  const receiver = createReceiver({
    store,
    clock,
    logger,
    format: createConfiguredFormat(config),
    lanes,
    sources: [...config.sources, ...config.bridges],
    payloadBytesMax: config.limits.payloadBytesMax,
    settled: settled && {
      wait(owed, options) {
        const waiting = settled.wait(owed, options);
        return delivery.whileAwaited?.(waiting, owed) ?? waiting;
      },
    },
    oddities: telemetry.oddities,
    filtered: telemetry.filtered,
    lastValues,
    onAppended: delivery.wake,
  });
  const bridges = openBridges(config, {
    receiver,
    instanceId: store.instanceId,
    secrets: secrets.open,
    clock,
    logger,
  });
  const bridgesFailed = Promise.withResolvers<never>();
  const anyFailed = Promise.race([failed, bridgesFailed.promise]);
  anyFailed.catch(() => undefined);
  let bridgesStopped: Promise<void> | undefined;
  const stopBridges = () => (bridgesStopped ??= bridges.stop({ graceMs: config.shutdownGraceMs / 2 }));
  const closed = new AbortController();
  const state: GatewayState = { draining: false, stopping: false, startedAtUs: clock.nowUs(), version };
  const app = createApp({
    config,
    receiver,
    store,
    lastValues,
    delivery,
    bridges: bridges.reports,
    telemetry,
    clock,
    logger,
    secrets: secrets.open,
    state,
  });

  return {
    fetch: (request, peer) => app.fetch(request, peer),
    async deliver() {
      bridges.run().catch(bridgesFailed.reject);
      await delivery.run();
    },
    flush: delivery.flush,
    failed: anyFailed,
    drain() {
      state.draining = true;
    },
    stop() {
      state.stopping = true;
      stopBridges().catch(() => undefined);
      // Turned away before their connections are cut.
      if (settled) void clock.sleep(config.shutdownGraceMs / 2, closed.signal).then(settled.end);
    },
    async close() {
      state.stopping = true;
      try {
        await stopBridges();
        await delivery.stop({ graceMs: config.shutdownGraceMs });
      } finally {
        closed.abort();
        settled?.end();
        // Also when delivery has failed: a writer thread would keep the process alive.
        await store.close();
      }
    },
  };
}
