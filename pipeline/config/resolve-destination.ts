/** One destination: its endpoint, what the Gateway document says of it, and the environment where both are silent. */
import type { DestinationAuthentication, DestinationConfig, TextOrSecret } from "./config.ts";
import { resolveConnection } from "./connection.ts";
import { defaults, histogramBoundsDefault } from "./defaults.ts";
import type { EnvironmentSettings, ExporterSettings } from "./environment.ts";
import { isLoopback } from "./host.ts";
import type { Connection } from "./kinds/dataflow-endpoint.ts";
import type { Destination } from "./kinds/destination.ts";
import type { Gateway } from "./kinds/gateway.ts";

export interface DestinationInput {
  written: Destination;
  connection: Connection;
  exporter: ExporterSettings;
  settings: Pick<EnvironmentSettings, "resourceAttributes" | "temporality" | "histogramAggregation">;
  /** Of the Gateway document. */
  mounts: Pick<Gateway["spec"], "secretsPath" | "configMapsPath" | "serviceAccountTokenFile">;
  /** A path of the Gateway document, and one of the environment. */
  locate(path: string): string;
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
    authentication: resolveAuthentication(input, isSecure),
    ...resolveTrust(input),
    batching: { latencyMs: milliseconds(batching.latencySeconds), maxMessages: batching.maxMessages },
    signals: written.signals,
    compression: written.compression ?? exporter.compression ?? defaults.compression,
    timeoutMs:
      written.timeoutSeconds === undefined
        ? (exporter.timeoutMs ?? milliseconds(defaults.timeoutSeconds))
        : milliseconds(written.timeoutSeconds),
    headers: resolveHeaders(input),
    requestBytesMax: written.requestBytesMax,
    temporality: written.temporality ?? settings.temporality ?? defaults.temporality,
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
    ...leftoverWarnings(config, connection),
    ...(hidesHeader(input)
      ? [
          `Destination ${config.name} sends its token instead of the authorization of OTEL_EXPORTER_OTLP_HEADERS`,
        ]
      : []),
  ];
  return { config, warnings };
}

export function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}

/** What the endpoint says, else a certificate that is given otherwise. */
function resolveAuthentication(
  { written, connection, exporter, mounts, locate, locateOfEnvironment }: DestinationInput,
  isSecure: boolean,
): DestinationAuthentication {
  const { method, serviceAccountTokenSettings, x509CertificateSettings } = connection.authentication;
  const { clientCertificateFile, clientKeyFile } = written.certificates;
  if (method === "Anonymous") return { method };
  if (method === "ServiceAccountToken" && serviceAccountTokenSettings !== undefined) {
    const tokenFile = locate(written.serviceAccountTokenFile ?? mounts.serviceAccountTokenFile);
    return { method, audience: serviceAccountTokenSettings.audience, tokenFile };
  }
  if (clientCertificateFile !== undefined && clientKeyFile !== undefined) {
    return {
      method: "X509Certificate",
      certificateFile: locate(clientCertificateFile),
      keyFile: locate(clientKeyFile),
    };
  }
  if (x509CertificateSettings !== undefined) {
    return {
      method: "X509Certificate",
      folder: locate(`${mounts.secretsPath}/${x509CertificateSettings.secretRef}`),
    };
  }
  const { clientCertificateFile: certificateFile, clientKeyFile: keyFile } = exporter;
  if (!isSecure || certificateFile === undefined || keyFile === undefined) return { method: "Anonymous" };
  return {
    method: "X509Certificate",
    certificateFile: locateOfEnvironment(certificateFile),
    keyFile: locateOfEnvironment(keyFile),
  };
}

function resolveTrust({
  written,
  connection,
  exporter,
  mounts,
  locate,
  locateOfEnvironment,
}: DestinationInput): Pick<DestinationConfig, "trustedCaFolder" | "trustedCaFile"> {
  const { trustedCaFile } = written.certificates;
  if (trustedCaFile !== undefined) {
    return { trustedCaFolder: undefined, trustedCaFile: locate(trustedCaFile) };
  }
  const reference = connection.tls.trustedCaCertificateConfigMapRef;
  if (reference !== undefined) {
    return { trustedCaFolder: locate(`${mounts.configMapsPath}/${reference}`), trustedCaFile: undefined };
  }
  const file = exporter.trustedCaFile;
  return {
    trustedCaFolder: undefined,
    trustedCaFile: file === undefined ? undefined : locateOfEnvironment(file),
  };
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

const settingsByMethod = {
  Anonymous: "anonymousSettings",
  ServiceAccountToken: "serviceAccountTokenSettings",
  X509Certificate: "x509CertificateSettings",
} as const;

/** Settings of another method, commonly left behind when it was changed. */
function leftoverWarnings({ name }: DestinationConfig, { authentication }: Connection): string[] {
  const { method } = authentication;
  if (method === undefined) return [];
  return Object.values(settingsByMethod)
    .filter((block) => block !== settingsByMethod[method] && authentication[block] !== undefined)
    .map((block) => `Endpoint ${name}: ${block} has no effect with method ${method}`);
}
