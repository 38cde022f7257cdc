/** The delivery of every lane that a configuration has, over a store that is open. */
import type { Clock } from "../../pipeline/clock.ts";
import type { DestinationConfig, GatewayConfig, SecretReference } from "../../pipeline/config/config.ts";
import { createDelivery, createLaneDelivery, type Delivery } from "../../pipeline/deliver.ts";
import type { Exporter } from "../../pipeline/export/exporter.ts";
import { createGrpcExporter } from "../../pipeline/export/grpc.ts";
import type { Logger } from "../../pipeline/logger.ts";
import type { LaneName, Signal } from "../../pipeline/message.ts";
import { createLogsEncoder, createMetricsEncoder, type EncoderSettings } from "../../pipeline/otlp/encode.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import type { Secret } from "../../pipeline/secret.ts";
import type { Lane } from "../../pipeline/store/batch-store.ts";
import type { ExportObservation } from "../../pipeline/telemetry.ts";
import { version } from "./version.ts";

export interface DeliveryOptions {
  config: GatewayConfig;
  store: { instanceId: string; lane(name: LaneName): Lane };
  secrets(reference: SecretReference): Secret;
  clock: Clock;
  logger: Logger;
  onExport(observation: ExportObservation): void;
}

/** Build the lanes' deliveries. `close` ends the exporters' connections. */
export function assembleDelivery(options: DeliveryOptions): Delivery & { close(): Promise<void> } {
  const { config, store, secrets, clock, logger, onExport } = options;
  const lenientSources = new Set(config.sources.filter(({ lenient }) => lenient).map(({ name }) => name));
  const exporters: Exporter[] = [];
  const lanes = config.destinations.flatMap((destination) => {
    const exporter = openExporter(destination, secrets);
    exporters.push(exporter);
    const settings = encoderSettings(destination, store.instanceId);
    return destination.signals.map((signal: Signal) =>
      createLaneDelivery({
        lane: store.lane({ destination: destination.name, signal }),
        encoder: signal === "metrics" ? createMetricsEncoder(settings) : createLogsEncoder(settings),
        exporter,
        parse: (message) => aioFormat.parse(message, { lenient: lenientSources.has(message.source) }),
        batching: destination.batching,
        clock,
        logger,
        onExport: (outcome, durationMs) =>
          onExport({ destination: destination.name, signal, outcome, durationMs }),
      }),
    );
  });
  return {
    ...createDelivery(lanes),
    close: async () => {
      await Promise.all(exporters.map((exporter) => exporter.close()));
    },
  };
}

/** Opens no connection yet. */
export function openExporter(destination: DestinationConfig, secrets: DeliveryOptions["secrets"]): Exporter {
  const { url, timeoutMs, compression } = destination;
  const headers = Object.fromEntries(
    Object.entries(destination.headers).map(([name, value]) => [
      name,
      typeof value === "string" ? value : secrets(value),
    ]),
  );
  const userAgent = `mqtt-otlp-gateway/${version}`;
  return createGrpcExporter({ url, timeoutMs, compression, headers, userAgent });
}

function encoderSettings(destination: DestinationConfig, instanceId: string): EncoderSettings {
  const { requestBytesMax, temporality, windowMs, histogramBounds, seriesMax } = destination;
  const resourceAttributes = { "service.instance.id": instanceId, ...destination.resourceAttributes };
  return { requestBytesMax, temporality, windowMs, histogramBounds, seriesMax, resourceAttributes };
}
