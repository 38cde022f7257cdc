/** Ways from a gateway to a Collector: both protocols with each authentication, configured on both sides. */
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CertificateAndKey } from "../support/certificates.ts";
import type { Files } from "../support/mounted-folder.ts";
import { vacantPort } from "./workbench.ts";

export const protocols = ["grpc", "http/protobuf"] as const;
const authentications = ["anonymous", "bearer", "mutual"] as const;

export type Protocol = (typeof protocols)[number];
export type Authentication = (typeof authentications)[number];

/** Where a Collector listens for each authentication and protocol. */
export type Ports = Record<Authentication, Record<Protocol, number>>;

export async function choosePorts(): Promise<Ports> {
  const pair = async () => ({ grpc: await vacantPort(), "http/protobuf": await vacantPort() });
  return { anonymous: await pair(), bearer: await pair(), mutual: await pair() };
}

/** What a Collector's `material` folder holds. */
export function collectorFiles(server: CertificateAndKey, clientAuthority: string, token: string): Files {
  return { ...pairFiles(server), "clients.crt": clientAuthority, token };
}

/** A pair under the names of a Kubernetes secret of type TLS. */
export function pairFiles({ cert, key }: CertificateAndKey): Files {
  return { "tls.crt": cert, "tls.key": key };
}

/** A Collector that takes metrics and logs in each way, and reads its files again when they change. */
export function collectorConfiguration({
  ports,
  material,
  exporters,
  connectionAge,
}: {
  ports: Ports;
  /** Folder of `collectorFiles`; without one there are only the anonymous ways. */
  material?: string;
  /** Exporters, by signal and name. */
  exporters: { metrics: Record<string, object>; logs: Record<string, object> };
  /** After which it wants a gRPC connection replaced; default: never. */
  connectionAge?: string;
}): object {
  const receivers = Object.entries(securityOf(material)).map(([authentication, security]) => {
    const at = (protocol: Protocol) => ({
      endpoint: `localhost:${ports[authentication as Authentication][protocol]}`,
      ...security,
    });
    const keepalive = { server_parameters: { max_connection_age: connectionAge } };
    const protocols = {
      grpc: { ...at("grpc"), ...(connectionAge !== undefined && { keepalive }) },
      http: { ...at("http/protobuf"), keep_alives_enabled: false },
    };
    return [`otlp/${authentication}`, { protocols }] as const;
  });
  const pipeline = (signal: "metrics" | "logs") => ({
    receivers: receivers.map(([name]) => name),
    exporters: Object.keys(exporters[signal]),
  });
  const extensions = material === undefined ? {} : { bearertokenauth: { filename: join(material, "token") } };
  return {
    extensions,
    receivers: Object.fromEntries(receivers),
    exporters: { ...exporters.metrics, ...exporters.logs },
    service: {
      extensions: Object.keys(extensions),
      telemetry: { metrics: { level: "none" } },
      pipelines: { metrics: pipeline("metrics"), logs: pipeline("logs") },
    },
  };
}

/** Settings of a receiver by authentication. */
function securityOf(material: string | undefined): Partial<Record<Authentication, object>> {
  if (material === undefined) return { anonymous: {} };
  const tls = {
    cert_file: join(material, "tls.crt"),
    key_file: join(material, "tls.key"),
    reload_interval: "1s",
  };
  const clients = { client_ca_file: join(material, "clients.crt"), client_ca_file_reload: true };
  return {
    anonymous: {},
    bearer: { tls, auth: { authenticator: "bearertokenauth" } },
    mutual: { tls: { ...tls, ...clients } },
  };
}

/** A way to the Collector. */
export interface Destination {
  name: string;
  authentication: Authentication;
  protocol: Protocol;
  /** More fields of the destination in the Gateway document. */
  settings?: object;
}

/** Every protocol with every authentication. */
export const everyWay: readonly Destination[] = authentications.flatMap((authentication) =>
  protocols.map((protocol) => ({
    name: `${authentication}-${protocol.slice(0, 4)}`,
    authentication,
    protocol,
  })),
);

const methods = {
  anonymous: { method: "Anonymous" },
  bearer: { method: "ServiceAccountToken", serviceAccountTokenSettings: { audience: "otel" } },
  mutual: { method: "X509Certificate", x509CertificateSettings: { secretRef: "client" } },
};

/** Folders that the gateway reads, as Kubernetes mounts them. */
export interface Mounts {
  /** `pairFiles` of the client. */
  client: string;
  /** `ca.crt`: whom it trusts. */
  authorities: string;
  /** `token`. */
  tokens: string;
}

/** Write the configuration of a gateway with these ways to a Collector, and return its path. */
export function writeGateway({
  folder,
  ports,
  mounts,
  destinations,
  sources = [{ name: "devices", adapter: "mqtt", authentication: { method: "None" } }],
}: {
  folder: string;
  ports: Ports;
  mounts?: Mounts;
  destinations: readonly Destination[];
  sources?: readonly object[];
}): string {
  for (const [name, path] of Object.entries(mounts ?? {})) symlinkSync(path, join(folder, name));
  const endpoints = destinations.map(({ name, authentication, protocol }) => ({
    apiVersion: "connectivity.iotoperations.azure.com/v1",
    kind: "DataflowEndpoint",
    metadata: { name },
    spec: {
      endpointType: "OpenTelemetry",
      openTelemetrySettings: {
        host: `localhost:${ports[authentication][protocol]}`,
        batching: { latencySeconds: 0, maxMessages: 0 },
        authentication: methods[authentication],
        tls:
          authentication === "anonymous"
            ? { mode: "Disabled" }
            : { mode: "Enabled", trustedCaCertificateConfigMapRef: "authorities" },
      },
    },
  }));
  const gateway = {
    apiVersion: "mqtt-otlp-gateway/v1",
    kind: "Gateway",
    metadata: { name: "test" },
    spec: {
      listen: { host: "127.0.0.1", port: 0 },
      store: { path: join(folder, "gateway.db") },
      sources,
      destinations: destinations.map(({ name, protocol, settings }) => ({
        endpointRef: name,
        protocol,
        resourceAttributes: { destination: name },
        ...settings,
      })),
      secretsPath: folder,
      configMapsPath: folder,
      serviceAccountTokenFile: join(folder, "tokens", "token"),
    },
  };
  const path = join(folder, "gateway.yaml");
  // JSON is YAML.
  writeFileSync(
    path,
    [...endpoints, gateway].map((document) => JSON.stringify(document, null, 2)).join("\n---\n"),
  );
  return path;
}
