/** One destination: its endpoint, what the Gateway document says of it, and the environment where both are silent. */
import type { DestinationAuthentication, DestinationConfig, TextOrSecret } from "./config.ts";
import { resolveConnection } from "./connection.ts";
import { defaults, histogramBoundsDefault } from "./defaults.ts";
import type { EnvironmentSettings, ExporterSettings } from "./environment.ts";
import { isLoopback } from "./host.ts";
import type { Connection } from "./kinds/dataflow-endpoint.ts";
import type { Destination } from "./kinds/destination.ts";
import {
  type CredentialsInput,
  leftoverWarnings,
  resolveAuthentication,
  resolveTrust,
  type Trust,
} from "./resolve-credentials.ts";
import { milliseconds } from "./units.ts";

export interface DestinationInput extends CredentialsInput {
  written: Destination;
  connection: Connection;
  exporter: ExporterSettings;
  settings: Pick<EnvironmentSettings, "resourceAttributes" | "temporality" | "histogramAggregation">;
  temporalityDefault: DestinationConfig["temporality"];
  /** A path of the environment. */
  locateOfEnvironment(path: string): string;
}

export interface ResolvedDestination {
  config: DestinationConfig;
  warnings: string[];
}

/** Errors: when there is no address; checks say so before. */
export function resolveDestination(input: DestinationInput): ResolvedDestination {
  const { written, connection, exporter, settings } = input;
  const { batching } = connection;
  const address = resolveConnection(
    {
      host: connection.host,
      tlsMode: connection.tls.mode,
      protocol: written.protocol,
      doesSchemeDecide: written.allowPlaintext,
    },
    exporter,
  );
  if ("fault" in address) throw new Error(address.fault);
  const isSecure = address.url.startsWith("https:");
  const { default: bounds = histogramBoundsDefault, ...byMetricName } = written.histogramBounds;
  const config: DestinationConfig = {
    name: written.endpointRef,
    url: address.url,
    protocol: address.protocol,
    signalUrls: address.signalUrls,
    authentication: resolveAuthentication(input) ?? certificateOfEnvironment(input, isSecure),
    ...trustOf(input),
    batching: { latencyMs: milliseconds(batching.latencySeconds), maxMessages: batching.maxMessages },
    signals: written.signals,
    compression: written.compression ?? exporter.compression ?? defaults.compression,
    timeoutMs:
      written.timeoutSeconds === undefined
        ? (exporter.timeoutMs ?? milliseconds(defaults.timeoutSeconds))
        : milliseconds(written.timeoutSeconds),
    headers: resolveHeaders(input),
    requestBytesMax: written.requestBytesMax,
    temporality: written.temporality ?? settings.temporality ?? input.temporalityDefault,
    windowMs: milliseconds(written.windowSeconds ?? Math.max(1, batching.latencySeconds)),
    histogramAggregation:
      written.histogramAggregation ?? settings.histogramAggregation ?? defaults.histogramAggregation,
    histogramBounds: { default: bounds, byMetricName },
    seriesMax: written.seriesMax,
    seriesIdleMs: milliseconds(written.seriesIdleSeconds),
    restateMs: milliseconds(written.restateSeconds),
    resourceAttributes: {
      "service.name": defaults.serviceName,
      ...settings.resourceAttributes,
      ...written.resourceAttributes,
    },
    startAt: written.startAt,
    sources: written.sources,
    topicFilters: written.topicFilters,
    deliverWithinMs:
      written.deliverWithinSeconds === undefined ? undefined : milliseconds(written.deliverWithinSeconds),
  };
  const warnings = [
    ...(address.isContradicted ? [contradictionWarning(config, connection)] : []),
    ...(isSecure ? [] : plaintextWarnings(config, input)),
    ...leftoverWarnings(config.name, connection),
    ...(hidesHeader(input)
      ? [
          `Destination ${config.name} sends its token instead of the authorization of OTEL_EXPORTER_OTLP_HEADERS`,
        ]
      : []),
  ];
  return { config, warnings };
}

/** Of the environment, where the endpoint and the destination are silent. */
function certificateOfEnvironment(
  { exporter, locateOfEnvironment }: DestinationInput,
  isSecure: boolean,
): DestinationAuthentication {
  const { clientCertificateFile: certificateFile, clientKeyFile: keyFile } = exporter;
  if (!isSecure || certificateFile === undefined || keyFile === undefined) return { method: "Anonymous" };
  return {
    method: "X509Certificate",
    certificateFile: locateOfEnvironment(certificateFile),
    keyFile: locateOfEnvironment(keyFile),
  };
}

function trustOf(input: DestinationInput): Trust {
  const trust = resolveTrust(input);
  const { trustedCaFile } = input.exporter;
  const isSilent = trust.trustedCaFolder === undefined && trust.trustedCaFile === undefined;
  if (!isSilent || trustedCaFile === undefined) return trust;
  return { ...trust, trustedCaFile: input.locateOfEnvironment(trustedCaFile) };
}

function resolveHeaders(input: DestinationInput): Record<string, TextOrSecret> {
  const { written, exporter, locate } = input;
  const isHidden = hidesHeader(input);
  const headers = Object.entries(written.headers ?? exporter.headers ?? {})
    .map(([name, value]): [string, TextOrSecret] => [name.toLowerCase(), value])
    .filter(([name]) => !isHidden || name !== "authorization")
    .map(([name, value]): [string, TextOrSecret] => [
      name,
      typeof value === "object" && "file" in value ? { file: locate(value.file) } : value,
    ]);
  return Object.fromEntries(headers);
}

/** Whether the endpoint's token stands in the place of a header from the environment. */
function hidesHeader({ written, connection, exporter }: DestinationInput): boolean {
  return (
    connection.authentication.method === "ServiceAccountToken" &&
    Object.keys(written.headers ?? exporter.headers ?? {}).some(
      (name) => name.toLowerCase() === "authorization",
    )
  );
}

function contradictionWarning({ name, url }: DestinationConfig, { tls }: Connection): string {
  const [scheme] = url.split(":");
  const means = scheme === "http" ? "data leaves without TLS" : "TLS is on";
  return `Destination ${name}: ${scheme}:// contradicts tls.mode ${tls.mode}; with allowPlaintext the scheme decides, and ${means}`;
}

function plaintextWarnings(config: DestinationConfig, { exporter }: DestinationInput): string[] {
  const { name, url, headers, authentication, trustedCaFolder, trustedCaFile } = config;
  const warnings: string[] = [];
  const headerNames = Object.keys(headers);
  if (headerNames.length > 0 && !isLoopback(new URL(url).hostname)) {
    warnings.push(`Destination ${name} sends headers (${headerNames.join(", ")}) without TLS`);
  }
  if (authentication.method === "ServiceAccountToken") {
    warnings.push(`Destination ${name} sends its service account token without TLS`);
  }
  if (trustedCaFolder !== undefined || trustedCaFile !== undefined) {
    warnings.push(`Destination ${name} is reached without TLS; its trusted authorities have no effect`);
  }
  if (exporter.clientCertificateFile !== undefined) {
    warnings.push(
      `Destination ${name} is reached without TLS; OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE has no effect`,
    );
  }
  return warnings;
}
