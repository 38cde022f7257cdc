import { describeMissing, placeOf } from "../handlers/runtime/missing.ts";
import type { createSecrets } from "../handlers/runtime/secrets.ts";
import type { DestinationConfig, GatewayConfig, SourceConfig } from "../pipeline/config/config.ts";

type Secrets = ReturnType<typeof createSecrets>;

/** A configuration in an operator's words, one line each, without any secret. */
export function describeConfig(config: GatewayConfig, secrets: Secrets): string[] {
  const { listen, limits, store, deadLetters, dedupe } = config;
  const host = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  const warnings = [...config.warnings, ...describeMissing(config, secrets)];
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
    ...(source.counterValues === "total" ? ["counter values are totals"] : []),
    `asks for a repeat with ${source.retryStatus}`,
  ];
  return `  POST /webhooks/${source.name}: ${parts.join("; ")}`;
}

function describeDestination(destination: DestinationConfig): string[] {
  const { batching, signalUrls, startAt, deliverWithinMs } = destination;
  const headers = Object.entries(destination.headers).map(([name, value]) => `${name} (${placeOf(value)})`);
  const attributes = Object.entries(destination.resourceAttributes).map(
    ([name, value]) => `${name}=${value}`,
  );
  const messages = [
    destination.sources.length === 0 ? "any source" : `sources ${destination.sources.join(", ")}`,
    destination.topicFilters.length === 0 ? "any topic" : `topics ${destination.topicFilters.join(", ")}`,
    startAt === "now" ? "a new destination starts now" : "a new destination starts with the oldest",
    deliverWithinMs === undefined ? "delivered however late" : `given up after ${deliverWithinMs / 1000} s`,
  ];
  return [
    `  ${destination.name}: ${destination.url}`,
    `    protocol: ${destination.protocol}, ${describeTls(destination)}, authentication ${describeAuthentication(destination)}`,
    ...(destination.protocol === "grpc"
      ? []
      : [`    paths: ${destination.signals.map((signal) => `${signal} ${signalUrls[signal]}`).join(", ")}`]),
    `    batching: latencySeconds ${batching.latencyMs / 1000}, maxMessages ${batching.maxMessages}`,
    `    signals: ${destination.signals.join(", ")}`,
    `    messages: ${messages.join("; ")}`,
    `    requests: ${destination.compression === "none" ? "not compressed" : destination.compression}, time-out ${destination.timeoutMs / 1000} s, at most ${destination.requestBytesMax} bytes`,
    `    headers: ${headers.length === 0 ? "none" : headers.join(", ")}`,
    ...(destination.signals.includes("metrics") ? describeMetrics(destination) : []),
    `    resource: ${attributes.join(", ")}`,
  ];
}

function describeMetrics(destination: DestinationConfig): string[] {
  const { temporality, windowMs, seriesMax, histogramBounds, restateMs, seriesIdleMs } = destination;
  const names = Object.keys(histogramBounds.byMetricName);
  const isRestated = temporality === "cumulative" && restateMs > 0 && seriesIdleMs > 0;
  return [
    `    sums and histograms: ${temporality}, window ${windowMs / 1000} s, at most ${seriesMax} series`,
    ...(isRestated
      ? [`    stated again: every ${restateMs / 1000} s, for ${seriesIdleMs / 1000} s after a change`]
      : []),
    destination.histogramAggregation === "exponential"
      ? "    histograms: exponential"
      : `    histogram bounds: ${histogramBounds.default.join(", ")}${names.length === 0 ? "" : `; others for ${names.join(", ")}`}`,
  ];
}

function describeTls({ url, trustedCaFolder, trustedCaFile }: DestinationConfig): string {
  if (!url.startsWith("https:")) return "TLS off";
  if (trustedCaFolder !== undefined) return `TLS on, trusting folder ${trustedCaFolder}`;
  return trustedCaFile === undefined ? "TLS on" : `TLS on, trusting file ${trustedCaFile}`;
}

function describeAuthentication({ authentication }: DestinationConfig): string {
  const { method } = authentication;
  switch (method) {
    case "Anonymous":
      return method;
    case "ServiceAccountToken":
      return `${method} for audience ${authentication.audience} from file ${authentication.tokenFile}`;
    case "X509Certificate":
      return "folder" in authentication
        ? `${method} from folder ${authentication.folder}`
        : `${method} from file ${authentication.certificateFile} with key ${authentication.keyFile}`;
  }
}
