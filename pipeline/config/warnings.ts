/** What an operator should know and that concerns more than one part of the configuration. */
import { topicFiltersOverlap } from "../source/topic.ts";
import type { DestinationConfig, GatewayConfig, SourceConfig } from "./config.ts";
import { hiddenMappingWarnings } from "./hidden-mappings.ts";
import { isLoopback } from "./host.ts";
import { proxyWarnings } from "./proxies.ts";
import type { ResolveInput } from "./resolve.ts";
import { subscribersOf } from "./resolve-graph.ts";

export function warningsOf(config: GatewayConfig, input: ResolveInput): string[] {
  const warnings = [
    ...endpointWarnings(config, input),
    ...exposureWarnings(config),
    ...signatureWarnings(config),
    ...latenessWarnings(config),
    ...proxyWarnings(config.destinations, input.settings.proxies),
    ...repetitionWarnings(config),
    ...routeWarnings(config),
    ...hiddenMappingWarnings(config, input),
  ];
  if (config.sources.length === 0 && config.bridges.length === 0) {
    warnings.push("There is no source; nothing can arrive");
  }
  for (const signal of ["metrics", "logs"] as const) {
    if (config.destinations.some((one) => one.signals.includes(signal))) continue;
    warnings.push(`No destination takes ${signal}; they are acknowledged, and sent nowhere`);
  }
  return warnings;
}

function endpointWarnings(
  { destinations }: GatewayConfig,
  { settings, endpoints, brokers, gateway, graphs }: ResolveInput,
): string[] {
  const warnings: string[] = [];
  const isEndpointKnown = Object.values(settings.exporters).every(({ endpoint }) => endpoint !== undefined);
  for (const { value } of endpoints) {
    const { name } = value.metadata;
    const used = destinations.find((one) => one.name === name);
    if (used === undefined) {
      warnings.push(`Endpoint ${name} is named by no destination; nothing is sent there`);
    } else if (value.spec.openTelemetrySettings.host === undefined && !isEndpointKnown) {
      warnings.push(
        `Endpoint ${name} has no host and OTEL_EXPORTER_OTLP_ENDPOINT is not set; ${used.url} is taken`,
      );
    }
  }
  const readers = [
    ...(gateway?.value.spec.bridges ?? []),
    ...subscribersOf(
      graphs.map(({ value }) => value),
      brokers.map(({ value }) => value.metadata.name),
    ),
  ];
  for (const { value } of brokers) {
    const { name } = value.metadata;
    if (readers.some(({ endpointRef }) => endpointRef === name)) continue;
    warnings.push(`Endpoint ${name} is named by no bridge; nothing is read there`);
  }
  return warnings;
}

/** A destination that gives messages up before they are due. */
function latenessWarnings({ destinations }: GatewayConfig): string[] {
  return destinations.flatMap(({ name, deliverWithinMs, batching: { latencyMs } }) =>
    deliverWithinMs === undefined || deliverWithinMs > latencyMs
      ? []
      : `Destination ${name} has deliverWithinSeconds ${deliverWithinMs / 1000}, not above latencySeconds ${latencyMs / 1000}; what waits so long becomes a dead letter and is not sent`,
  );
}

/** Within one bridge this is an error. */
function repetitionWarnings({ bridges }: GatewayConfig): string[] {
  return bridges.flatMap((bridge, index) =>
    bridges
      .slice(0, index)
      .filter(
        ({ url, topicFilters }) => url === bridge.url && doAnyOverlap(topicFilters, bridge.topicFilters),
      )
      .map(
        (other) =>
          `Bridges ${other.name} and ${bridge.name} overlap at ${bridge.url}; what both take arrives twice`,
      ),
  );
}

/** A destination takes of a graph's messages only those that it takes at all. */
function routeWarnings({ graphs, destinations }: GatewayConfig): string[] {
  return graphs.flatMap((graph) => {
    const reaches = ({ sources, topicFilters }: DestinationConfig) =>
      graph.sources.some(
        (from) =>
          (sources.length === 0 || from.origins.some((origin) => sources.includes(origin))) &&
          (topicFilters.length === 0 || doAnyOverlap(topicFilters, from.topicFilters)),
      );
    return graph.destinations
      .filter(({ destination }) => !destinations.some((one) => one.name === destination && reaches(one)))
      .map(
        ({ node, destination }) =>
          `DataflowGraph ${graph.name}: node ${node} leads to ${destination}, whose sources and topicFilters take none of its messages`,
      );
  });
}

function doAnyOverlap(some: readonly string[], others: readonly string[]): boolean {
  return some.some((filter) => others.some((other) => topicFiltersOverlap(filter, other)));
}

/** What the sender sends is the secret itself. */
const plainMethods: readonly (string | undefined)[] = ["Bearer", "Basic", "UrlSecret"];

function exposureWarnings({ listen, sources }: GatewayConfig): string[] {
  if (listen.tls !== undefined || isLoopback(listen.host)) return [];
  const names = sources.filter(isPlain).map(({ name }) => name);
  if (names.length === 0) return [];
  return [
    `Secrets of ${names.length === 1 ? "source" : "sources"} ${names.join(", ")} arrive without TLS on ${listen.host}, unless a proxy with TLS stands before it`,
  ];
}

function isPlain({ authentication }: SourceConfig): boolean {
  return plainMethods.includes(authentication?.method);
}

/** What stands in headers is anybody's. */
function signatureWarnings({ sources }: GatewayConfig): string[] {
  return sources
    .filter(({ adapter, authentication }) => adapter === "raw" && authentication?.method === "HmacSha256")
    .map(
      ({ name }) =>
        `Senders of source ${name} sign the body alone; whoever sees a request can post it again with another topic or message id`,
    );
}
