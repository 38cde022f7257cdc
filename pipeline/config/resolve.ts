/** Checked documents and settings of the environment, completed to plain values. */
import { adapterNames, sourceIdentity } from "./adapters.ts";
import type { GatewayConfig, SourceConfig } from "./config.ts";
import { defaults, undocumentedLatencySeconds } from "./defaults.ts";
import type { ConfigDocument } from "./documents.ts";
import type { EnvironmentSettings, ExporterSettings } from "./environment.ts";
import { type Connection, type DataflowEndpoint, openTelemetrySettings } from "./kinds/dataflow-endpoint.ts";
import { type Destination, destination } from "./kinds/destination.ts";
import { type Gateway, gateway } from "./kinds/gateway.ts";
import type { Source } from "./kinds/source.ts";
import { milliseconds, type ResolvedDestination, resolveDestination } from "./resolve-destination.ts";

/** A document that its schema accepts. */
export interface Checked<Value> {
  document: ConfigDocument;
  value: Value;
}

export interface ResolveInput {
  gateway: Checked<Gateway> | undefined;
  endpoints: readonly Checked<DataflowEndpoint>[];
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

  const config: GatewayConfig = {
    name: metadata.name,
    listen: {
      host: (settings.listenHost ?? spec.listen.host ?? defaults.listenHost).replace(/^\[(.*)\]$/, "$1"),
      port: settings.listenPort ?? spec.listen.port ?? defaults.listenPort,
    },
    limits: {
      bodyBytesMax: spec.limits.bodyBytes,
      payloadBytesMax: spec.limits.payloadBytes,
      concurrentRequestsMax: spec.limits.concurrentRequests,
    },
    store: { path: storePath(), bytesMax: spec.store.bytesMax },
    deadLetters: spec.deadLetters,
    dedupe: { windowSeconds: spec.dedupe.seconds, entriesMax: spec.dedupe.entriesMax },
    drainMs: milliseconds(spec.drainSeconds),
    shutdownGraceMs: milliseconds(spec.shutdownGraceSeconds),
    log: { level: spec.log.level ?? settings.logLevel ?? defaults.logLevel },
    administration: spec.administration && { token: locate(spec.administration.token) },
    sources: spec.sources?.map((source) => resolveSource(source, locate)) ?? adapterNames.map(openSource),
    destinations: resolved.map(({ config }) => config),
    warnings: [],
  };
  const warnings = [...warningsOf(config, input), ...resolved.flatMap((one) => one.warnings)];
  // A destination whose signals differ in their settings is there twice.
  return { ...config, warnings: [...new Set(warnings)] };
}

function isFileReference<Value>(value: Value): value is Value & { file: string } {
  return typeof value === "object" && value !== null && "file" in value && typeof value.file === "string";
}

/** What there is when no document names sources. Only loopback gets this far. */
function openSource(adapter: SourceConfig["adapter"]): SourceConfig {
  return {
    name: adapter,
    adapter,
    authentication: { method: "None" },
    topicFilters: [],
    lenient: false,
    payloadEncoding: undefined,
    retryStatus: 503,
    counterValues: "increment",
  };
}

function resolveSource(source: Source, locate: <Value>(value: Value) => Value): SourceConfig {
  const { authentication } = source;
  return {
    ...sourceIdentity({ name: source.name, adapter: source.adapter }),
    authentication:
      authentication?.method === "Bearer"
        ? { method: "Bearer", token: locate(authentication.token) }
        : authentication,
    topicFilters: source.topicFilters,
    lenient: source.lenient,
    payloadEncoding: source.payloadEncoding,
    retryStatus: source.retryStatus,
    counterValues: source.counterValues,
  };
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

/** The signals of a destination, together unless the environment has settings for one of them. */
function signalGroups(
  { signals }: Destination,
  { exporters }: EnvironmentSettings,
): [signals: Destination["signals"], exporter: ExporterSettings][] {
  if (exporters.metrics === exporters.logs) return [[signals, exporters.metrics]];
  return signals.map((signal) => [[signal], exporters[signal]]);
}

/** What concerns more than one destination. */
function warningsOf(config: GatewayConfig, { settings, endpoints }: ResolveInput): string[] {
  const warnings: string[] = [];
  const isEndpointKnown = Object.values(settings.exporters).every(({ endpoint }) => endpoint !== undefined);
  for (const { value } of endpoints) {
    const { name } = value.metadata;
    const used = config.destinations.find((one) => one.name === name);
    if (used === undefined) {
      warnings.push(`Endpoint ${name} is named by no destination; nothing is sent there`);
    } else if (value.spec.openTelemetrySettings.host === undefined && !isEndpointKnown) {
      warnings.push(
        `Endpoint ${name} has no host and OTEL_EXPORTER_OTLP_ENDPOINT is not set; ${used.url} is taken`,
      );
    }
  }
  if (config.sources.length === 0) warnings.push("There is no source; nothing can arrive");
  for (const signal of ["metrics", "logs"] as const) {
    if (config.destinations.some((one) => one.signals.includes(signal))) continue;
    warnings.push(`No destination takes ${signal}; they are acknowledged, and sent nowhere`);
  }
  return warnings;
}
