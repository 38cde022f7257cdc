/** Where each destination leads, as far as several fields decide it. */
import type { ConfigIssue } from "../errors.ts";
import { listAt } from "./at.ts";
import {
  checkAuthentication,
  checkPlaintext,
  contradictionRemedy,
  methodPath,
  type Peer,
  peersOf,
  placeOf,
  settingOf,
  withoutRepeats,
  writtenOf,
} from "./check-authentication.ts";
import { resolveConnection } from "./connection.ts";
import type { ConfigDocument } from "./documents.ts";
import type { EnvironmentSettings, ExporterSettings } from "./environment.ts";
import { type Protocol, tlsModeOf } from "./host.ts";
import { notSupportedYet } from "./messages.ts";

const settingsPath = ["spec", "openTelemetrySettings"];
const list = ["spec", "destinations"];

interface Destination extends Peer {
  /** Whether something is sent there. */
  isUsed: boolean;
}

export function checkConnections(
  endpoints: readonly ConfigDocument[],
  gateway: ConfigDocument | undefined,
  settings: EnvironmentSettings,
): ConfigIssue[] {
  const issues = destinationsOf(endpoints, gateway).flatMap((destination) => [
    ...checkAuthentication(destination),
    ...checkHeaders(destination),
    ...exportersOf(destination, settings).flatMap((exporter) => checkConnection(destination, exporter)),
  ]);
  return withoutRepeats(issues);
}

function destinationsOf(
  endpoints: readonly ConfigDocument[],
  gateway: ConfigDocument | undefined,
): Destination[] {
  if (endpoints.length === 0) {
    return [{ endpoint: undefined, settingsPath, place: placeOf(gateway, list, 0), isUsed: true }];
  }
  const isEachUsed = listAt(gateway?.value, list).length === 0;
  return peersOf(endpoints, gateway, { list, settingsPath }).map((peer) => ({
    ...peer,
    isUsed: isEachUsed || peer.place !== undefined,
  }));
}

/** Of the signals that are sent there. */
function exportersOf(destination: Destination, { exporters }: EnvironmentSettings): ExporterSettings[] {
  const signals = writtenOf(destination, ["signals"]);
  const names = (["metrics", "logs"] as const).filter(
    (signal) => !Array.isArray(signals) || signals.includes(signal),
  );
  return names.map((signal) => exporters[signal]);
}

/** The faults of an endpoint that nothing is sent to are shown all the same, those of the environment are not. */
function checkConnection(destination: Destination, exporter: ExporterSettings): ConfigIssue[] {
  return connectionFaults(destination, exporter).filter(
    ({ file }) => destination.isUsed || file !== undefined,
  );
}

function connectionFaults(destination: Destination, exporter: ExporterSettings): ConfigIssue[] {
  const { endpoint } = destination;
  const protocol = writtenOf(destination, ["protocol"]);
  if (protocol === undefined && exporter.protocol === "http/json") {
    return [{ path: exporter.protocolVariable, message: notSupportedYet("http/json") }];
  }
  const host = settingOf(destination, ["host"]);
  // An empty one, and one that is no text, are faults by themselves.
  if (host === "" || (host !== undefined && typeof host !== "string")) return [];
  const connection = resolveConnection(
    {
      host,
      tlsMode: tlsModeOf(settingOf(destination, ["tls", "mode"])),
      protocol: protocolOf(protocol),
      doesSchemeDecide: writtenOf(destination, ["allowPlaintext"]) === true,
    },
    exporter,
  );
  if (!("fault" in connection)) {
    const { url } = connection;
    return url.startsWith("https:") ? [] : checkPlaintext(destination, url, "https");
  }
  if (endpoint === undefined || host === undefined) {
    return [{ path: exporter.endpointVariable, message: connection.fault }];
  }
  const isSecure = /^https:/i.test(host);
  const otherHost = host.replace(/^https?/i, isSecure ? "http" : "https");
  const remedy = connection.isContradiction
    ? contradictionRemedy(destination, { otherHost, isSecure, what: "destination" })
    : "";
  return [endpoint.issue([...settingsPath, "host"], connection.fault + remedy)];
}

function protocolOf(value: unknown): Protocol | undefined {
  return value === "grpc" || value === "http/protobuf" ? value : undefined;
}

/** A token is sent as a header that can be there once. */
function checkHeaders(destination: Destination): ConfigIssue[] {
  const { place } = destination;
  const headers = writtenOf(destination, ["headers"]);
  if (place === undefined || settingOf(destination, methodPath) !== "ServiceAccountToken") return [];
  if (typeof headers !== "object" || headers === null) return [];
  return Object.keys(headers)
    .filter((name) => name.toLowerCase() === "authorization")
    .map((name) =>
      place.gateway.issue(
        [...place.path, "headers", name],
        "Wanted no header of this name beside method ServiceAccountToken, which sends it",
      ),
    );
}
