import { describeMissing, placeOf } from "../handlers/runtime/missing.ts";
import type { createSecrets } from "../handlers/runtime/secrets.ts";
import type { DestinationConfig, GatewayConfig } from "../pipeline/config/config.ts";
import { describeBytes } from "./describe-bytes.ts";
import { describeCredentials, describeTrust } from "./describe-credentials.ts";
import { describeGraph } from "./describe-graphs.ts";
import { describeMapping } from "./describe-mappings.ts";
import { describeBridge, describeSource, describeTopics } from "./describe-origins.ts";
import { describeStore, storeFaults } from "./describe-store.ts";

type Secrets = ReturnType<typeof createSecrets>;

/** A configuration in an operator's words, one line each, without any secret. */
export function describeConfig(config: GatewayConfig, secrets: Secrets): string[] {
  const { limits, dedupe } = config;
  const warnings = [...config.warnings, ...describeMissing(config, secrets), ...storeFaults(config)];
  return [
    `Gateway ${config.name}`,
    `  listens on ${describeListener(config.listen)}`,
    `  administration: ${config.administration === undefined ? "no token" : `token from ${placeOf(config.administration.token)}`}`,
    `  limits: body ${describeBytes(limits.bodyBytesMax)}, payload ${describeBytes(limits.payloadBytesMax)}, ${limits.concurrentRequestsMax} requests at the same time`,
    `  acknowledges: what is ${config.acknowledge}${config.acknowledge === "stored" ? "" : `, waiting at most ${config.acknowledgeTimeoutMs / 1000} s`}`,
    `  store: ${describeStore(config)}`,
    `  dedupe: ${dedupe.windowSeconds === 0 ? "off" : `${dedupe.windowSeconds} s, at most ${dedupe.entriesMax} messages`}`,
    `  stopping: drains ${config.drainMs / 1000} s, flushes for at most ${config.shutdownGraceMs / 1000} s`,
    `  log level: ${config.log.level}`,
    ...(config.sources.length === 0 ? [] : ["Sources"]),
    ...config.sources.map(describeSource),
    ...(config.bridges.length === 0 ? [] : ["Bridges"]),
    ...config.bridges.flatMap(describeBridge),
    ...(config.graphs.length === 0 ? [] : ["Data flow graphs"]),
    ...config.graphs.flatMap(describeGraph),
    ...(config.mappings.length === 0 ? [] : [mappingsTitle(config)]),
    ...config.mappings.flatMap(describeMapping),
    "Destinations",
    ...config.destinations.flatMap(describeDestination),
    ...(warnings.length === 0 ? [] : ["Warnings"]),
    ...warnings.map((warning) => `  ${warning}`),
  ];
}

function mappingsTitle({ graphs }: GatewayConfig): string {
  return graphs.length === 0
    ? "Mappings, of which the first that matches is used"
    : "Mappings, of which the first that matches is used, for what no graph takes";
}

function describeListener({ host, port, tls }: GatewayConfig["listen"]): string {
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (tls === undefined) return `http://${address}`;
  const { certificateFile, keyFile, clientCaFile } = tls;
  const clients = clientCaFile === undefined ? "" : `, senders' certificates by file ${clientCaFile}`;
  return `https://${address} with certificate file ${certificateFile} and key ${keyFile}${clients}`;
}

function describeDestination(destination: DestinationConfig): string[] {
  const { batching, signalUrls, startAt, deliverWithinMs } = destination;
  const headers = Object.entries(destination.headers).map(([name, value]) => `${name} (${placeOf(value)})`);
  const attributes = Object.entries(destination.resourceAttributes).map(
    ([name, value]) => `${name}=${value}`,
  );
  const messages = [
    destination.sources.length === 0 ? "any source" : `sources ${destination.sources.join(", ")}`,
    describeTopics(destination),
    startAt === "now" ? "a new destination starts now" : "a new destination starts with the oldest",
    deliverWithinMs === undefined ? "delivered however late" : `given up after ${deliverWithinMs / 1000} s`,
  ];
  return [
    `  ${destination.name}: ${destination.url}`,
    `    protocol: ${destination.protocol}, ${describeTrust(destination)}, authentication ${describeCredentials(destination.authentication)}`,
    ...(destination.protocol === "grpc"
      ? []
      : [`    paths: ${destination.signals.map((signal) => `${signal} ${signalUrls[signal]}`).join(", ")}`]),
    `    batching: latencySeconds ${batching.latencyMs / 1000}, maxMessages ${batching.maxMessages}`,
    `    signals: ${destination.signals.join(", ")}`,
    `    messages: ${messages.join("; ")}`,
    `    requests: ${destination.compression === "none" ? "not compressed" : destination.compression}, time-out ${destination.timeoutMs / 1000} s, at most ${describeBytes(destination.requestBytesMax)}`,
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
    `    sums and histograms: ${temporality}, window ${windowMs / 1000} s`,
    `    series: at most ${seriesMax}, with gauges of rules`,
    ...(isRestated
      ? [`    stated again: every ${restateMs / 1000} s, for ${seriesIdleMs / 1000} s after a change`]
      : []),
    destination.histogramAggregation === "exponential"
      ? "    histograms: exponential"
      : `    histogram bounds: ${histogramBounds.default.join(", ")}${names.length === 0 ? "" : `; others for ${names.join(", ")}`}`,
  ];
}
