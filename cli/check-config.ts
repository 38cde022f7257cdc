/** `check-config`: reads the configuration as `serve` would, and says what it means. */
import { loadGatewayConfig } from "../handlers/runtime/config-files.ts";
import { createSecrets } from "../handlers/runtime/secrets.ts";
import { systemClock } from "../pipeline/clock.ts";
import type {
  DestinationConfig,
  GatewayConfig,
  SecretReference,
  SourceConfig,
  TextOrSecret,
} from "../pipeline/config/config.ts";
import { ConfigError } from "../pipeline/errors.ts";

export interface CheckConfigOptions {
  environment: Record<string, string | undefined>;
  /** Asks the destinations too. */
  probe?: boolean;
  write(text: string): void;
  writeError(text: string): void;
}

/**
 * Resolves with the exit status: 0; 2 when the configuration cannot be used, then every fault was written; 1 when
 * a destination that was asked did not take an empty request.
 */
export async function checkConfig(path: string | undefined, options: CheckConfigOptions): Promise<number> {
  try {
    const config = loadGatewayConfig(path, options.environment);
    const secrets = createSecrets({ clock: systemClock, environment: options.environment });
    options.write(`${describe(config, secrets).join("\n")}\n`);
    if (!options.probe) return 0;
    const { probe } = await import("./probe.ts");
    const { lines, isGood } = await probe(config, secrets);
    options.write(`${["Probe", ...lines.map((line) => `  ${line}`)].join("\n")}\n`);
    return isGood ? 0 : 1;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    options.writeError(`${error.message}\n`);
    return 2;
  }
}

type Secrets = ReturnType<typeof createSecrets>;

function describe(config: GatewayConfig, secrets: Secrets): string[] {
  const { listen, limits, store, deadLetters, dedupe } = config;
  const host = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  const warnings = [...config.warnings, ...unreadableSecrets(config, secrets)];
  return [
    `Gateway ${config.name}`,
    `  listens on http://${host}:${listen.port}`,
    `  administration: ${config.administration === undefined ? "no token" : `token from ${placeOf(config.administration.token)}`}`,
    `  limits: body ${limits.bodyBytesMax} bytes, payload ${limits.payloadBytesMax} bytes, ${limits.concurrentRequestsMax} requests at the same time`,
    `  store: ${store.path}, at most ${store.bytesMax} bytes; dead letters at most ${deadLetters.bytesMax} bytes`,
    `  dedupe: ${dedupe.windowSeconds === 0 ? "off" : `${dedupe.windowSeconds} s, at most ${dedupe.entriesMax} messages`}`,
    `  stopping: drains ${config.drainMs / 1000} s, flushes for at most ${config.shutdownGraceMs / 1000} s`,
    `  log level: ${config.log.level}`,
    ...(config.sources.length === 0 ? [] : ["Sources"]),
    ...config.sources.map(describeSource),
    "Destinations",
    ...config.destinations.flatMap(describeDestination),
    ...(warnings.length === 0 ? [] : ["Warnings"]),
    ...warnings.map((warning) => `  ${warning}`),
  ];
}

function describeSource(source: SourceConfig): string {
  const { authentication } = source;
  const parts = [
    `adapter ${source.adapter}`,
    authentication?.method === "Bearer"
      ? `Bearer token from ${placeOf(authentication.token)}`
      : "no authentication",
    source.topicFilters.length === 0 ? "any topic" : `topics ${source.topicFilters.join(", ")}`,
    ...(source.payloadEncoding === undefined ? [] : [`payload ${source.payloadEncoding}`]),
    ...(source.lenient ? ["lenient"] : []),
    `asks for a repeat with ${source.retryStatus}`,
  ];
  return `  POST /webhooks/${source.name}: ${parts.join("; ")}`;
}

function describeDestination(destination: DestinationConfig): string[] {
  const { batching, histogramBounds } = destination;
  const headers = Object.entries(destination.headers).map(([name, value]) => `${name} (${placeOf(value)})`);
  const attributes = Object.entries(destination.resourceAttributes).map(
    ([name, value]) => `${name}=${value}`,
  );
  const metricNames = Object.keys(histogramBounds.byMetricName);
  return [
    `  ${destination.name}: ${destination.url}`,
    `    protocol: ${destination.protocol}, TLS ${destination.url.startsWith("https:") ? "on" : "off"}, authentication Anonymous`,
    `    batching: latencySeconds ${batching.latencyMs / 1000}, maxMessages ${batching.maxMessages}`,
    `    signals: ${destination.signals.join(", ")}`,
    `    requests: ${destination.compression === "none" ? "not compressed" : destination.compression}, time-out ${destination.timeoutMs / 1000} s, at most ${destination.requestBytesMax} bytes`,
    `    headers: ${headers.length === 0 ? "none" : headers.join(", ")}`,
    `    sums and histograms: ${destination.temporality}, window ${destination.windowMs / 1000} s, at most ${destination.seriesMax} series`,
    `    histogram bounds: ${histogramBounds.default.join(", ")}${metricNames.length === 0 ? "" : `; others for ${metricNames.join(", ")}`}`,
    `    resource: ${attributes.join(", ")}`,
  ];
}

/** Where a value stands; never the value. */
function placeOf(value: TextOrSecret): string {
  if (typeof value === "string") return "plain text";
  return "file" in value ? `file ${value.file}` : `environment variable ${value.env}`;
}

/** Secrets that cannot be read at this moment: the gateway would start, and answer 503 or not deliver. */
function unreadableSecrets(config: GatewayConfig, secrets: Secrets): string[] {
  const references: SecretReference[] = [
    ...(config.administration === undefined ? [] : [config.administration.token]),
    ...config.sources.flatMap(({ authentication }) =>
      authentication?.method === "Bearer" ? [authentication.token] : [],
    ),
    ...config.destinations.flatMap(({ headers }) =>
      Object.values(headers).filter((value) => typeof value !== "string"),
    ),
  ];
  const unreadable = references.filter((reference) => secrets.open(reference).current() === undefined);
  return [...new Set(unreadable.map(placeOf))].map((place) => `Secret cannot be read, or is empty: ${place}`);
}
