/** What an operator should know and that concerns more than one part of the configuration. */
import { topicFiltersOverlap } from "../source/topic.ts";
import type { GatewayConfig, SourceConfig } from "./config.ts";
import { isLoopback } from "./host.ts";
import type { ResolveInput } from "./resolve.ts";

export function warningsOf(config: GatewayConfig, input: ResolveInput): string[] {
  const warnings = [
    ...endpointWarnings(config, input),
    ...exposureWarnings(config),
    ...repetitionWarnings(config),
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
  { settings, endpoints, brokers, gateway }: ResolveInput,
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
  for (const { value } of brokers) {
    const { name } = value.metadata;
    if (gateway?.value.spec.bridges.some(({ endpointRef }) => endpointRef === name)) continue;
    warnings.push(`Endpoint ${name} is named by no bridge; nothing is read there`);
  }
  return warnings;
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
