/** Checked documents and settings of the environment, completed to plain values. */
import { adapterNames, sourceIdentity } from "./adapters.ts";
import type { DestinationConfig, GatewayConfig, SourceConfig } from "./config.ts";
import { defaults, histogramBoundsDefault, undocumentedLatencySeconds } from "./defaults.ts";
import type { ConfigDocument } from "./documents.ts";
import type { EnvironmentSettings, ExporterSettings } from "./environment.ts";
import { isLoopback, resolveHost } from "./host.ts";
import { type DataflowEndpoint, openTelemetrySettings } from "./kinds/dataflow-endpoint.ts";
import { type Destination, destination, type Gateway, gateway, type Source } from "./kinds/gateway.ts";

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

type Connection = DataflowEndpoint["spec"]["openTelemetrySettings"];

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
  const destinations = resolveDestinations(input, spec.destinations, locate);

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
    destinations,
    warnings: [],
  };
  return { ...config, warnings: warningsOf(config, input) };
}

function isFileReference<Value>(value: Value): value is Value & { file: string } {
  return typeof value === "object" && value !== null && "file" in value && typeof value.file === "string";
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
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
  };
}

function resolveDestinations(
  { endpoints, settings }: ResolveInput,
  written: readonly Destination[] | undefined,
  locate: <Value>(value: Value) => Value,
): DestinationConfig[] {
  const resolveSignals = (one: Destination, connection: Connection) =>
    signalGroups(one, settings).map(([signals, exporter]) => {
      const { resourceAttributes } = settings;
      return resolveDestination({ ...one, signals }, connection, { ...exporter, resourceAttributes }, locate);
    });
  if (endpoints.length === 0) {
    const batching = { latencySeconds: undocumentedLatencySeconds };
    return resolveSignals(
      destination.parse({ endpointRef: "default" }),
      openTelemetrySettings.parse({ batching }),
    );
  }
  const list =
    written ?? endpoints.map(({ value }) => destination.parse({ endpointRef: value.metadata.name }));
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

function resolveDestination(
  written: Destination,
  connection: Connection,
  environment: ExporterSettings & Pick<EnvironmentSettings, "resourceAttributes">,
  locate: <Value>(value: Value) => Value,
): DestinationConfig {
  const { batching } = connection;
  const { default: bounds = histogramBoundsDefault, ...byMetricName } = written.histogramBounds;
  const headers = Object.entries(written.headers ?? environment.headers ?? {});
  return {
    name: written.endpointRef,
    url: urlOf(connection, environment),
    protocol: "grpc",
    batching: { latencyMs: milliseconds(batching.latencySeconds), maxMessages: batching.maxMessages },
    signals: written.signals,
    compression: written.compression ?? environment.compression ?? defaults.compression,
    timeoutMs:
      written.timeoutSeconds === undefined
        ? (environment.timeoutMs ?? milliseconds(defaults.timeoutSeconds))
        : milliseconds(written.timeoutSeconds),
    headers: Object.fromEntries(headers.map(([header, value]) => [header.toLowerCase(), locate(value)])),
    requestBytesMax: written.requestBytesMax,
    temporality: written.temporality,
    windowMs: milliseconds(written.windowSeconds ?? Math.max(1, batching.latencySeconds)),
    histogramBounds: { default: bounds, byMetricName },
    seriesMax: written.seriesMax,
    resourceAttributes: {
      "service.name": defaults.serviceName,
      ...environment.resourceAttributes,
      ...written.resourceAttributes,
    },
  };
}

/** Of an address that was found right before. */
function urlOf({ host, tls }: Connection, { endpoint, endpointTlsMode }: ExporterSettings): string {
  const resolved =
    host !== undefined
      ? resolveHost(host, tls.mode)
      : endpoint !== undefined
        ? resolveHost(endpoint, endpointTlsMode)
        : resolveHost(defaults.endpoint, undefined);
  if ("fault" in resolved) throw new Error(resolved.fault);
  return resolved.url;
}

function warningsOf(config: GatewayConfig, { settings, endpoints }: ResolveInput): string[] {
  const warnings: string[] = [];
  const isEndpointKnown = Object.values(settings.exporters).every(({ endpoint }) => endpoint !== undefined);
  for (const { value } of endpoints) {
    if (value.spec.openTelemetrySettings.host !== undefined || isEndpointKnown) continue;
    warnings.push(
      `Endpoint ${value.metadata.name} has no host and OTEL_EXPORTER_OTLP_ENDPOINT is not set; ${defaults.endpoint} is taken`,
    );
  }
  if (config.sources.length === 0) warnings.push("There is no source; nothing can arrive");
  for (const { name, url, headers } of config.destinations) {
    const { protocol, hostname } = new URL(url);
    const names = Object.keys(headers);
    if (protocol === "http:" && !isLoopback(hostname) && names.length > 0) {
      warnings.push(`Destination ${name} sends headers (${names.join(", ")}) without TLS`);
    }
  }
  for (const variable of settings.unheeded) warnings.push(`${variable} is not supported yet, and not heeded`);
  // A destination whose signals differ in their settings is there twice.
  return [...new Set(warnings)];
}
