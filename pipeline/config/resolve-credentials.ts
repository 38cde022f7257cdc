/** How the gateway identifies itself at an endpoint, and whom it trusts there: what destinations and bridges share. */
import type { DestinationAuthentication } from "./config.ts";
import type { EndpointAuthentication, EndpointTls } from "./kinds/endpoint.ts";
import type { Gateway } from "./kinds/gateway.ts";

export interface CredentialsInput {
  /** Of the endpoint document. */
  connection: { authentication: EndpointAuthentication; tls: EndpointTls };
  /** Of the destination or bridge. */
  written: {
    certificates: {
      trustedCaFile?: string | undefined;
      clientCertificateFile?: string | undefined;
      clientKeyFile?: string | undefined;
    };
    serviceAccountTokenFile?: string | undefined;
  };
  /** Of the Gateway document. */
  mounts: Pick<Gateway["spec"], "secretsPath" | "configMapsPath" | "serviceAccountTokenFile">;
  /** A path of the Gateway document. */
  locate(path: string): string;
}

/** Authorities to trust in place of the system's; both undefined: the system's. */
export interface Trust {
  trustedCaFolder: string | undefined;
  trustedCaFile: string | undefined;
}

/** What the endpoint says, else a certificate whose files are given; undefined when nothing is said. */
export function resolveAuthentication({
  connection,
  written,
  mounts,
  locate,
}: CredentialsInput): DestinationAuthentication | undefined {
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
  if (x509CertificateSettings === undefined) return undefined;
  const folder = locate(`${mounts.secretsPath}/${x509CertificateSettings.secretRef}`);
  return { method: "X509Certificate", folder };
}

/** What the destination or bridge says, else the endpoint. */
export function resolveTrust({ connection, written, mounts, locate }: CredentialsInput): Trust {
  const { trustedCaFile } = written.certificates;
  if (trustedCaFile !== undefined) {
    return { trustedCaFolder: undefined, trustedCaFile: locate(trustedCaFile) };
  }
  const reference = connection.tls.trustedCaCertificateConfigMapRef;
  return {
    trustedCaFolder: reference === undefined ? undefined : locate(`${mounts.configMapsPath}/${reference}`),
    trustedCaFile: undefined,
  };
}

const settingsByMethod = {
  Anonymous: "anonymousSettings",
  ServiceAccountToken: "serviceAccountTokenSettings",
  X509Certificate: "x509CertificateSettings",
} as const;

/** Settings of another method, commonly left behind when it was changed. */
export function leftoverWarnings(
  endpoint: string,
  { authentication }: CredentialsInput["connection"],
): string[] {
  const { method } = authentication;
  if (method === undefined) return [];
  return Object.values(settingsByMethod)
    .filter((block) => block !== settingsByMethod[method] && authentication[block] !== undefined)
    .map((block) => `Endpoint ${endpoint}: ${block} has no effect with method ${method}`);
}
