/** Where a destination's requests go: its endpoint document, else the environment, else the local Collector. */
import type { Signal } from "../message.ts";
import { defaults } from "./defaults.ts";
import type { ExporterSettings } from "./environment.ts";
import { type Address, type AddressFault, type Protocol, resolveAddress, type TlsMode } from "./host.ts";

export interface ConnectionSource {
  /** Of the endpoint document; undefined where it is silent. */
  host: string | undefined;
  tlsMode: TlsMode | undefined;
  /** Of the destination; undefined where it is silent. */
  protocol: Protocol | undefined;
  doesSchemeDecide: boolean;
}

export interface ResolvedConnection extends Pick<Address, "protocol" | "isContradicted"> {
  /** Scheme, host and port. */
  url: string;
  signalUrls: Readonly<Record<Signal, string>>;
}

export function resolveConnection(
  { host, tlsMode, protocol: written, doesSchemeDecide }: ConnectionSource,
  exporter: ExporterSettings,
): ResolvedConnection | AddressFault {
  const { endpoint, endpointTlsMode } = exporter;
  const told = written ?? (exporter.protocol === "http/json" ? undefined : exporter.protocol);
  const isOfSignal = host === undefined && exporter.isEndpointOfSignal;
  const address =
    host !== undefined
      ? resolveAddress(host, { tlsMode, protocol: told, doesSchemeDecide, portDefault: "otlp" })
      : resolveAddress(endpoint ?? (told === "http/protobuf" ? defaults.httpEndpoint : defaults.endpoint), {
          tlsMode: endpointTlsMode,
          protocol: told,
          doesSchemeDecide: true,
          portDefault: "scheme",
        });
  if ("fault" in address) return address;
  const { protocol, origin, path, isContradicted } = address;
  if (host !== undefined && /\/v1\/(metrics|logs|traces)\/?$/.test(path)) {
    return {
      fault: `Wanted a host without the path of a signal, which is added, met ${JSON.stringify(path)}`,
    };
  }
  return {
    protocol,
    isContradicted,
    url: origin,
    signalUrls: {
      metrics: signalUrl(address, "metrics", isOfSignal),
      logs: signalUrl(address, "logs", isOfSignal),
    },
  };
}

/** Source: OpenTelemetry, "OTLP Exporter Configuration", "Endpoint URLs for OTLP/HTTP". */
function signalUrl({ protocol, origin, path }: Address, signal: Signal, isOfSignal: boolean): string {
  if (protocol === "grpc") return origin;
  if (isOfSignal) return `${origin}${path || "/"}`;
  return `${origin}${path.replace(/\/+$/, "")}/v1/${signal}`;
}
