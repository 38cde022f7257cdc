/** The delivery of every lane that a configuration has, over a store that is open. */
import type { Clock } from "../../pipeline/clock.ts";
import type { GatewayConfig, SecretReference } from "../../pipeline/config/config.ts";
import { createConfiguredFormat } from "../../pipeline/configured-format.ts";
import { type CredentialReport, conditionOf } from "../../pipeline/credential-report.ts";
import { watchCredentials } from "../../pipeline/credential-watch.ts";
import { createDelivery, createLaneDelivery, type Delivery } from "../../pipeline/deliver.ts";
import { encoderSettings } from "../../pipeline/encoder-settings.ts";
import type { Exporter } from "../../pipeline/export/exporter.ts";
import type { Logger } from "../../pipeline/logger.ts";
import type { LaneName, Signal } from "../../pipeline/message.ts";
import type { OnValuesMax } from "../../pipeline/otlp/attribute-values.ts";
import { createLogsEncoder, createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { OnSeriesMax } from "../../pipeline/otlp/series-max.ts";
import { createParse } from "../../pipeline/parse-message.ts";
import { createRouteParse } from "../../pipeline/routes.ts";
import type { Secret } from "../../pipeline/secret.ts";
import type { SettledObserver } from "../../pipeline/settled.ts";
import { observeSettled } from "../../pipeline/settled-lane.ts";
import type { Lane } from "../../pipeline/store/batch-store.ts";
import type { ExportObservation } from "../../pipeline/telemetry.ts";
import { openDestination } from "./destination.ts";

export interface DeliveryOptions {
  config: GatewayConfig;
  store: { instanceId: string; lane(name: LaneName): Lane };
  secrets(reference: SecretReference): Secret;
  clock: Clock;
  logger: Logger;
  onExport(observation: ExportObservation): void;
  /** Where somebody waits for it. */
  onSettled?: SettledObserver | undefined;
}

export interface AssembledDelivery extends Delivery {
  /** Also looks at the credentials of the destinations. */
  run(signal?: AbortSignal): Promise<void>;
  credentials(): CredentialReport[];
  /** End the exporters' connections. */
  close(): Promise<void>;
}

/** Build the deliveries of the lanes. */
export function assembleDelivery(options: DeliveryOptions): AssembledDelivery {
  const { config, store, secrets, clock, logger, onExport, onSettled } = options;
  const parse = createParse([...config.sources, ...config.bridges], createConfiguredFormat(config));
  const exporters: Exporter[] = [];
  const reports: (() => CredentialReport)[] = [];
  const watches: ((signal: AbortSignal) => Promise<void>)[] = [];
  const lanes = config.destinations.flatMap((destination) => {
    const { exporter, credentials } = openDestination(destination, { secrets, clock });
    exporters.push(exporter);
    const parseRoute = config.graphs.length === 0 ? parse : createRouteParse(destination.name, parse);
    const settings = encoderSettings(destination, store.instanceId);
    const tellValuesMax: OnValuesMax = (limit) =>
      logger.warn(
        { destination: destination.name, ...limit },
        "Metrics have more values of an attribute than attributeValuesMax: the others are sent as (other)",
      );
    const tellSeriesMax: OnSeriesMax = (limit) =>
      logger.warn(
        { destination: destination.name, ...limit },
        "A metric has more series than seriesMax: the others share one with otel.metric.overflow",
      );
    const ofDestination = destination.signals.map((signal: Signal) => {
      const lane = store.lane({ destination: destination.name, signal });
      return createLaneDelivery({
        lane: onSettled ? observeSettled(lane, onSettled) : lane,
        encoder:
          signal === "metrics"
            ? createMetricsEncoder(settings, tellValuesMax, tellSeriesMax)
            : createLogsEncoder(settings),
        exporter,
        parse: parseRoute,
        // Where somebody waits for every message, each is due at once.
        batching: onSettled ? { ...destination.batching, latencyMs: 0 } : destination.batching,
        deliverWithinMs: destination.deliverWithinMs,
        restatement: destination.temporality === "cumulative" ? destination : undefined,
        clock,
        logger,
        onExport: (outcome, durationMs) =>
          onExport({ destination: destination.name, signal, outcome, durationMs }),
      });
    });
    reports.push(() => ({ destination: destination.name, ...conditionOf(credentials) }));
    watches.push((signal) =>
      watchCredentials({
        owner: { destination: destination.name },
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
