/** Where each destination leads and how the gateway identifies itself there, as far as several fields decide it. */
import type { ConfigIssue } from "../errors.ts";
import { at, listAt, textAt } from "./at.ts";
import { resolveConnection } from "./connection.ts";
import type { ConfigDocument, Path } from "./documents.ts";
import type { EnvironmentSettings, ExporterSettings } from "./environment.ts";
import type { Protocol, TlsMode } from "./host.ts";
import { notSupportedYet } from "./messages.ts";

const settingsPath = ["spec", "openTelemetrySettings"];
const hostPath = [...settingsPath, "host"];
const tlsModePath = [...settingsPath, "tls", "mode"];
const methodPath = [...settingsPath, "authentication", "method"];

/** A destination as it is written: its endpoint, and what the Gateway document says of it. */
interface Written {
  endpoint: ConfigDocument | undefined;
  /** Undefined: the destination has only its endpoint. */
  place: { gateway: ConfigDocument; path: Path } | undefined;
  /** Whether something is sent there. */
  isUsed: boolean;
}

export function checkConnections(
  endpoints: readonly ConfigDocument[],
  gateway: ConfigDocument | undefined,
  settings: EnvironmentSettings,
): ConfigIssue[] {
  const issues = destinationsOf(endpoints, gateway).flatMap((written) => [
    ...checkAuthentication(written),
    ...exportersOf(written, settings).flatMap((exporter) => checkConnection(written, exporter)),
  ]);
  // What both signals share, or several destinations, is said once.
  const seen = new Set<string>();
  return issues.filter((issue) => {
    const key = JSON.stringify([issue.file, issue.line, issue.path, issue.message]);
    return !seen.has(key) && seen.add(key);
  });
}

function destinationsOf(
  endpoints: readonly ConfigDocument[],
  gateway: ConfigDocument | undefined,
): Written[] {
  if (endpoints.length === 0) return [{ endpoint: undefined, place: placeOf(gateway, 0), isUsed: true }];
  const references = listAt(gateway?.value, ["spec", "destinations"]).map((one) => at(one, ["endpointRef"]));
  return endpoints.map((endpoint) => {
    const index = references.indexOf(textAt(endpoint.value, ["metadata", "name"]));
    return { endpoint, place: placeOf(gateway, index), isUsed: index >= 0 || references.length === 0 };
  });
}

function placeOf(gateway: ConfigDocument | undefined, index: number): Written["place"] {
  const path = ["spec", "destinations", index];
  return gateway === undefined || at(gateway.value, path) === undefined ? undefined : { gateway, path };
}

function written({ place }: Written, field: readonly string[]): unknown {
  return place === undefined ? undefined : at(place.gateway.value, [...place.path, ...field]);
}

/** Of the signals that are sent there. */
function exportersOf(destination: Written, { exporters }: EnvironmentSettings): ExporterSettings[] {
  const signals = written(destination, ["signals"]);
  const names = (["metrics", "logs"] as const).filter(
    (signal) => !Array.isArray(signals) || signals.includes(signal),
  );
  return names.map((signal) => exporters[signal]);
}

/** The faults of an endpoint that nothing is sent to are shown all the same, those of the environment are not. */
function checkConnection(destination: Written, exporter: ExporterSettings): ConfigIssue[] {
  return connectionFaults(destination, exporter).filter(
    ({ file }) => destination.isUsed || file !== undefined,
  );
}

function connectionFaults(destination: Written, exporter: ExporterSettings): ConfigIssue[] {
  const { endpoint } = destination;
  const protocol = written(destination, ["protocol"]);
  if (protocol === undefined && exporter.protocol === "http/json") {
    return [{ path: exporter.protocolVariable, message: notSupportedYet("http/json") }];
  }
  const host = textAt(endpoint?.value, hostPath);
  // An empty one, and one that is no text, are faults by themselves.
  if (host === "" || (host === undefined && at(endpoint?.value, hostPath) !== undefined)) return [];
  const connection = resolveConnection(
    {
      host,
      tlsMode: tlsModeOf(textAt(endpoint?.value, tlsModePath)),
      protocol: protocolOf(protocol),
      doesSchemeDecide: written(destination, ["allowPlaintext"]) === true,
    },
    exporter,
  );
  if (!("fault" in connection)) {
    return connection.url.startsWith("https:") ? [] : checkPlaintext(destination, connection.url);
  }
  if (endpoint === undefined || host === undefined) {
    return [{ path: exporter.endpointVariable, message: connection.fault }];
  }
  const remedy = connection.isContradiction ? contradictionRemedy(endpoint, host) : "";
  return [endpoint.issue(hostPath, connection.fault + remedy)];
}

function contradictionRemedy(endpoint: ConfigDocument, host: string): string {
  const isPlain = host.toLowerCase().startsWith("http:");
  const otherHost = host.replace(/^https?/i, isPlain ? "https" : "http");
  const { line } = endpoint.issue(tlsModePath, "");
  const otherMode = `mode: ${isPlain ? "Disabled" : "Enabled"} in line ${line}`;
  return `; write ${otherHost} here or ${otherMode}, or set allowPlaintext: true on this destination in the Gateway document, and the scheme decides`;
}

function protocolOf(value: unknown): Protocol | undefined {
  return value === "grpc" || value === "http/protobuf" ? value : undefined;
}

function tlsModeOf(text: string | undefined): TlsMode | undefined {
  return text === "Enabled" || text === "Disabled" ? text : undefined;
}

/** A certificate can be shown only within TLS. A token can be sent without, which is a warning elsewhere. */
function checkPlaintext(destination: Written, url: string): ConfigIssue[] {
  const { endpoint, place } = destination;
  const message = `Wanted TLS for a client certificate, met ${url}; write https:// in host, or another method`;
  if (endpoint !== undefined && textAt(endpoint.value, methodPath) === "X509Certificate") {
    return [endpoint.issue(methodPath, message)];
  }
  if (place === undefined || written(destination, ["certificates", "clientCertificateFile"]) === undefined)
    return [];
  return [place.gateway.issue([...place.path, "certificates", "clientCertificateFile"], message)];
}

/** The settings of each method, and what stands in them. */
const methodSettings = {
  ServiceAccountToken: { block: "serviceAccountTokenSettings", wanted: "{ audience: … }" },
  X509Certificate: { block: "x509CertificateSettings", wanted: "{ secretRef: … }" },
} as const;

function checkAuthentication(destination: Written): ConfigIssue[] {
  const { endpoint } = destination;
  const authenticationPath = methodPath.slice(0, -1);
  const block = (name: string) => at(endpoint?.value, [...authenticationPath, name]);
  const issue = (path: Path, message: string) => endpoint?.issue(path, message) ?? { path: "", message };
  const method = at(endpoint?.value, methodPath);
  const hasFiles = (["clientCertificateFile", "clientKeyFile"] as const).some(
    (field) => written(destination, ["certificates", field]) !== undefined,
  );
  const issues: ConfigIssue[] = [];
  for (const [name, settings] of Object.entries(methodSettings)) {
    if (method === undefined && block(settings.block) !== undefined) {
      issues.push(issue(methodPath, `Missing, wanted ${name} for ${settings.block}`));
    } else if (method === name && block(settings.block) === undefined) {
      if (name === "X509Certificate" && hasFiles) continue;
      issues.push(
        issue(
          [...authenticationPath, settings.block],
          `Missing, wanted ${settings.wanted} for method ${name}`,
        ),
      );
    }
  }
  return [...issues, ...checkCertificates(destination, method), ...checkHeaders(destination, method)];
}

function checkCertificates(destination: Written, method: unknown): ConfigIssue[] {
  const { place } = destination;
  if (place === undefined) return [];
  const path = [...place.path, "certificates"];
  const pair = ["clientCertificateFile", "clientKeyFile"] as const;
  const [met, more] = pair.filter((field) => written(destination, ["certificates", field]) !== undefined);
  if (met === undefined) return [];
  if (more === undefined) {
    const missing = pair.find((field) => field !== met);
    return [place.gateway.issue([...path, met], `Wanted ${missing} beside it, met none`)];
  }
  if (method !== "Anonymous" && method !== "ServiceAccountToken") return [];
  const message = `Wanted method X509Certificate in the endpoint for a client certificate, met ${method}`;
  return [place.gateway.issue([...path, met], message)];
}

/** A token is sent as a header that can be there once. */
function checkHeaders(destination: Written, method: unknown): ConfigIssue[] {
  const headers = written(destination, ["headers"]);
  if (destination.place === undefined || method !== "ServiceAccountToken") return [];
  if (typeof headers !== "object" || headers === null) return [];
  const { gateway, path } = destination.place;
  return Object.keys(headers)
    .filter((name) => name.toLowerCase() === "authorization")
    .map((name) =>
      gateway.issue(
        [...path, "headers", name],
        "Wanted no header of this name beside method ServiceAccountToken, which sends it",
      ),
    );
}
