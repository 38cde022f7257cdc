import type { Clock } from "../../pipeline/clock.ts";
import type { DestinationConfig, SecretReference } from "../../pipeline/config/config.ts";
import { createAuthenticatedExporter } from "../../pipeline/export/authenticated.ts";
import { type Credentials, createCredentials } from "../../pipeline/export/credentials.ts";
import type { Exporter } from "../../pipeline/export/exporter.ts";
import { createGrpcExporter } from "../../pipeline/export/grpc.ts";
import { createHttpExporter } from "../../pipeline/export/http.ts";
import type { Secret } from "../../pipeline/secret.ts";
import { version } from "./version.ts";

/** A destination with what the gateway shows to it. Opens no connection yet. */
export function openDestination(
  destination: DestinationConfig,
  { secrets, clock }: { secrets(reference: SecretReference): Secret; clock: Clock },
): { exporter: Exporter; credentials: Credentials } {
  const { url, signalUrls, protocol, timeoutMs, compression, authentication } = destination;
  const headers = Object.fromEntries(
    Object.entries(destination.headers).map(([name, value]) => [
      name,
      typeof value === "string" ? value : secrets(value),
    ]),
  );
  const credentials = createCredentials({
    clock,
    serviceAccountToken:
      authentication.method === "ServiceAccountToken"
        ? { audience: authentication.audience, token: secrets({ file: authentication.tokenFile }) }
        : undefined,
    clientCertificateFolder: "folder" in authentication ? authentication.folder : undefined,
    clientCertificateFiles: "certificateFile" in authentication ? authentication : undefined,
    trustedCaFolder: destination.trustedCaFolder,
    trustedCaFile: destination.trustedCaFile,
    secrets: Object.values(headers).filter((value) => typeof value !== "string"),
  });
  const common = {
    timeoutMs,
    compression,
    headers: { ...headers, ...credentials.headers },
    userAgent: `mqtt-otlp-gateway/${version}`,
    tls: credentials.tls,
  };
  const exporter =
    protocol === "grpc"
      ? createGrpcExporter({ url, ...common })
      : createHttpExporter({ urls: signalUrls, ...common });
  return { exporter: createAuthenticatedExporter(exporter, credentials), credentials };
}
