/** Checked documents and settings of the environment, completed to plain values. */
import { adapterNames } from "./adapters.ts";
import type { GatewayConfig } from "./config.ts";
import { defaults, undocumentedLatencySeconds } from "./defaults.ts";
import type { ConfigDocument } from "./documents.ts";
import type { EnvironmentSettings, ExporterSettings } from "./environment.ts";
import { withSubscribers } from "./graph-subscriptions.ts";
import { graphWarnings } from "./graph-warnings.ts";
import { type Bridge, bridge } from "./kinds/bridge.ts";
import { type Connection, type DataflowEndpoint, openTelemetrySettings } from "./kinds/dataflow-endpoint.ts";
import type { DataflowGraph } from "./kinds/dataflow-graph.ts";
import { type Destination, destination } from "./kinds/destination.ts";
import { type Gateway, gateway } from "./kinds/gateway.ts";
import type { Mapping } from "./kinds/mapping.ts";
import type { MqttEndpoint } from "./kinds/mqtt-endpoint.ts";
import { type ResolvedBridge, resolveBridge } from "./resolve-bridge.ts";
import { type ResolvedDestination, resolveDestination } from "./resolve-destination.ts";
import { resolveGraph, runs, subscribersOf } from "./resolve-graph.ts";
import { resolveMapping } from "./resolve-mapping.ts";
import { type Locate, openSource, resolveSource } from "./resolve-source.ts";
import { milliseconds } from "./units.ts";
import { warningsOf } from "./warnings.ts";

/** A document that its schema accepts. */
export interface Checked<Value> {
  document: ConfigDocument;
  value: Value;
}

export interface ResolveInput {
  gateway: Checked<Gateway> | undefined;
  endpoints: readonly Checked<DataflowEndpoint>[];
  brokers: readonly Checked<MqttEndpoint>[];
  mappings: readonly Checked<Mapping>[];
  graphs: readonly Checked<DataflowGraph>[];
  settings: EnvironmentSettings;
  resolvePath(file: string | undefined, path: string): string;
}

const undocumentedGateway = () => gateway.parse({ apiVersion: "mqtt-otlp-gateway/v1", kind: "Gateway" });

export function resolve(input: ResolveInput): GatewayConfig {
  const { settings } = input;
  const { metadata, spec } = input.gateway?.value ?? undocumentedGateway();
  const file = input.gateway?.document.file;
  /** Texts and secrets as they are, but for a path, which starts at the file that holds it. */
  const locate = <Value>(value: Value): Value =>
    isFileReference(value) ? { ...value, file: input.resolvePath(file, value.file) } : value;
  const storePath = () => {
    if (settings.storePath !== undefined) return input.resolvePath(undefined, settings.storePath);
    if (spec.store.path !== undefined) return input.resolvePath(file, spec.store.path);
    return input.resolvePath(undefined, defaults.storePath);
  };
  const resolved = resolveDestinations(input, spec);
  const writtenBridges = bridgesOf(input, spec);
  const bridges = resolveBridges(input, { ...spec, bridges: writtenBridges }, locate);
  const graphs = input.graphs.map(({ value }) => value);
  const { tls } = spec.listen;
  const { type } = spec.store;

  const config: GatewayConfig = {
    name: metadata.name,
    listen: {
      host: (settings.listenHost ?? spec.listen.host ?? defaults.listenHost).replace(/^\[(.*)\]$/, "$1"),
      port: settings.listenPort ?? spec.listen.port ?? defaults.listenPort,
      tls: tls && {
        certificateFile: input.resolvePath(file, tls.certificateFile),
        keyFile: input.resolvePath(file, tls.keyFile),
        clientCaFile: tls.clientCaFile && input.resolvePath(file, tls.clientCaFile),
      },
    },
    acknowledge: spec.acknowledge,
    acknowledgeTimeoutMs: milliseconds(spec.acknowledgeTimeoutSeconds),
    limits: {
      bodyBytesMax: spec.limits.bodyBytes,
      payloadBytesMax: spec.limits.payloadBytes,
      concurrentRequestsMax: spec.limits.concurrentRequests,
    },
    store: { type, path: storePath(), bytesMax: spec.store.bytesMax ?? defaults.storeBytesMax[type] },
    deadLetters: { bytesMax: spec.deadLetters.bytesMax ?? defaults.deadLetterBytesMax[type] },
    dedupe: { windowSeconds: spec.dedupe.seconds, entriesMax: spec.dedupe.entriesMax },
    drainMs: milliseconds(spec.drainSeconds),
    shutdownGraceMs: milliseconds(spec.shutdownGraceSeconds),
    log: { level: spec.log.level ?? settings.logLevel ?? defaults.logLevel },
    administration: spec.administration && { token: locate(spec.administration.token) },
    sources: spec.sources?.map((source) => resolveSource(source, locate)) ?? adapterNames.map(openSource),
    bridges: bridges.map(({ config }) => config),
    destinations: resolved.map(({ config }) => config),
    mappings: input.mappings.map(({ value }) => resolveMapping(value)),
    graphs: graphs
      .filter(runs)
      .map((graph) =>
        resolveGraph(graph, (endpoint) =>
          writtenBridges.filter(({ endpointRef }) => endpointRef === endpoint).map(({ name }) => name),
        ),
      ),
    warnings: [],
  };
  const warnings = [
    ...warningsOf(config, input),
    ...bridges.flatMap((one) => one.warnings),
    ...resolved.flatMap((one) => one.warnings),
    ...graphs.flatMap((graph) => graphWarnings(graph, config)),
  ];
  // A destination whose signals differ in their settings is there twice.
  return { ...config, warnings: [...new Set(warnings)] };
}

function isFileReference<Value>(value: Value): value is Value & { file: string } {
  return typeof value === "object" && value !== null && "file" in value && typeof value.file === "string";
}

function resolveDestinations(
  { gateway, endpoints, settings, resolvePath }: ResolveInput,
  mounts: Gateway["spec"],
): ResolvedDestination[] {
  const resolveSignals = (one: Destination, connection: Connection) =>
    signalGroups(one, settings).map(([signals, exporter]) =>
      resolveDestination({
        written: { ...one, signals },
        connection,
        exporter,
        settings,
        temporalityDefault: mounts.store.type === "memory" ? "delta" : defaults.temporality,
        mounts,
        locate: (path) => resolvePath(gateway?.document.file, path),
        locateOfEnvironment: (path) => resolvePath(undefined, path),
      }),
    );
  if (endpoints.length === 0) {
    const batching = { latencySeconds: undocumentedLatencySeconds };
    return resolveSignals(
      destination.parse({ endpointRef: "default" }),
      openTelemetrySettings.parse({ batching }),
    );
  }
  const list =
    mounts.destinations ??
    endpoints.map(({ value }) => destination.parse({ endpointRef: value.metadata.name }));
  return list.flatMap((one) => {
    const endpoint = endpoints.find(({ value }) => value.metadata.name === one.endpointRef);
    return endpoint === undefined ? [] : resolveSignals(one, endpoint.value.spec.openTelemetrySettings);
  });
}

/** With what graphs want to be read. */
function bridgesOf({ brokers, graphs }: ResolveInput, spec: Gateway["spec"]): Bridge[] {
  const subscribers = subscribersOf(
    graphs.map(({ value }) => value),
    brokers.map(({ value }) => value.metadata.name),
  );
  const { bridges, made } = withSubscribers(spec.bridges, subscribers);
  return [...bridges, ...made.map((one) => bridge.parse(one))];
}

function resolveBridges(
  { gateway, brokers, resolvePath }: ResolveInput,
  mounts: Gateway["spec"],
  locateSecret: Locate,
): ResolvedBridge[] {
  return mounts.bridges.flatMap((written) => {
    const broker = brokers.find(({ value }) => value.metadata.name === written.endpointRef);
    if (broker === undefined) return [];
    const connection = broker.value.spec.mqttSettings;
    const locate = (path: string) => resolvePath(gateway?.document.file, path);
    return resolveBridge({ written, connection, mounts, locate, locateSecret });
  });
}

/** The signals of a destination, together unless the environment has settings for one of them. */
function signalGroups(
  { signals }: Destination,
  { exporters }: EnvironmentSettings,
): [signals: Destination["signals"], exporter: ExporterSettings][] {
  if (exporters.metrics === exporters.logs) return [[signals, exporters.metrics]];
  return signals.map((signal) => [[signal], exporters[signal]]);
}
