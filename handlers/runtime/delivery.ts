/** The delivery of every lane that a configuration has, over a store that is open. */
import type { Clock } from "../../pipeline/clock.ts";
import type { DestinationConfig, GatewayConfig, SecretReference } from "../../pipeline/config/config.ts";
import { type CredentialReport, reportCredentials } from "../../pipeline/credential-report.ts";
import { watchCredentials } from "../../pipeline/credential-watch.ts";
import { createDelivery, createLaneDelivery, type Delivery } from "../../pipeline/deliver.ts";
import type { Exporter } from "../../pipeline/export/exporter.ts";
import type { Logger } from "../../pipeline/logger.ts";
import type { LaneName, Signal } from "../../pipeline/message.ts";
import { createLogsEncoder, createMetricsEncoder, type EncoderSettings } from "../../pipeline/otlp/encode.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import type { Parsed } from "../../pipeline/payload/format.ts";
import type { Secret } from "../../pipeline/secret.ts";
import type { Lane, StoredMessage } from "../../pipeline/store/batch-store.ts";
import type { ExportObservation } from "../../pipeline/telemetry.ts";
import { openDestination } from "./destination.ts";

export interface DeliveryOptions {
  config: GatewayConfig;
  store: { instanceId: string; lane(name: LaneName): Lane };
  secrets(reference: SecretReference): Secret;
  clock: Clock;
  logger: Logger;
  onExport(observation: ExportObservation): void;
}

/**
 * Build the lanes' deliveries. `run` also looks at the credentials of their destinations, `close` ends the exporters'
 * connections.
 */
export function assembleDelivery(
  options: DeliveryOptions,
): Delivery & { credentials(): CredentialReport[]; close(): Promise<void> } {
  const { config, store, secrets, clock, logger, onExport } = options;
  const parse = createParse(config);
  const exporters: Exporter[] = [];
  const reports: (() => CredentialReport)[] = [];
  const watches: ((signal: AbortSignal) => Promise<void>)[] = [];
  const lanes = config.destinations.flatMap((destination) => {
    const { exporter, credentials } = openDestination(destination, { secrets, clock });
    exporters.push(exporter);
    const settings = encoderSettings(destination, store.instanceId);
    const ofDestination = destination.signals.map((signal: Signal) =>
      createLaneDelivery({
        lane: store.lane({ destination: destination.name, signal }),
        encoder: signal === "metrics" ? createMetricsEncoder(settings) : createLogsEncoder(settings),
        exporter,
        parse,
        batching: destination.batching,
        deliverWithinMs: destination.deliverWithinMs,
        restatement: destination.temporality === "cumulative" ? destination : undefined,
        clock,
        logger,
        onExport: (outcome, durationMs) =>
          onExport({ destination: destination.name, signal, outcome, durationMs }),
      }),
    );
    reports.push(() => reportCredentials(destination.name, credentials));
    watches.push((signal) =>
      watchCredentials({
        destination: destination.name,
        credentials,
        lanes: ofDestination,
        clock,
        logger,
        signal,
      }),
    );
    return ofDestination;
  });
  const delivery = createDelivery(lanes);
  return {
    ...delivery,
    async run(signal) {
      const ended = new AbortController();
      const watching = Promise.all(watches.map((watch) => watch(ended.signal)));
      await delivery.run(signal);
      ended.abort();
      await watching;
    },
    credentials: () => reports.map((report) => report()),
    close: async () => {
      await Promise.all(exporters.map((exporter) => exporter.close()));
    },
  };
}

/** A stored message as its source means it. */
function createParse({ sources }: GatewayConfig): (message: StoredMessage) => Parsed {
  const lenient = new Set(sources.filter((source) => source.lenient).map(({ name }) => name));
  const totals = new Set(
    sources.filter(({ counterValues }) => counterValues === "total").map(({ name }) => name),
  );
  return (message) => {
    const parsed = aioFormat.parse(message, { lenient: lenient.has(message.source) });
    if (parsed.kind === "refused" || !totals.has(message.source)) return parsed;
    return { ...parsed, items: { ...parsed.items, counterValues: "total" } };
  };
}

function encoderSettings(destination: DestinationConfig, instanceId: string): EncoderSettings {
  const { requestBytesMax, temporality, histogramAggregation, windowMs, histogramBounds, seriesMax } =
    destination;
  const resourceAttributes = { "service.instance.id": instanceId, ...destination.resourceAttributes };
  return {
    requestBytesMax,
    temporality,
    histogramAggregation,
    windowMs,
    histogramBounds,
    seriesMax,
    resourceAttributes,
  };
}
