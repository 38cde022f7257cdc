/** Secrets and certificates that a configuration names and that are not there at this moment. */
import { existsSync } from "node:fs";
import type {
  GatewayConfig,
  SecretReference,
  SourceAuthentication,
  TextOrSecret,
} from "../../pipeline/config/config.ts";
import type { createSecrets } from "./secrets.ts";

type Secrets = Pick<ReturnType<typeof createSecrets>, "faultOf">;

/** One sentence each. The gateway starts all the same, and answers 503 or does not deliver until they are there. */
export function describeMissing(config: GatewayConfig, secrets: Secrets): string[] {
  return [...unreadableSecrets(config, secrets), ...missingFiles(config)];
}

/** Where a value stands; never the value. */
export function placeOf(value: TextOrSecret): string {
  if (typeof value === "string") return "plain text";
  return "file" in value ? `file ${value.file}` : `environment variable ${value.env}`;
}

function unreadableSecrets(config: GatewayConfig, secrets: Secrets): string[] {
  const references: SecretReference[] = [
    ...(config.administration === undefined ? [] : [config.administration.token]),
    ...config.sources.flatMap(({ authentication }) => secretOf(authentication) ?? []),
    ...config.bridges.flatMap(({ authentication }) =>
      authentication.method === "UsernamePassword" ? [authentication.password] : [],
    ),
    ...config.destinations.flatMap(({ headers }) =>
      Object.values(headers).filter((value) => typeof value !== "string"),
    ),
    ...[...config.bridges, ...config.destinations].flatMap(({ authentication }) =>
      authentication.method === "ServiceAccountToken" ? [{ file: authentication.tokenFile }] : [],
    ),
  ];
  const faults = references.flatMap((reference) => {
    const fault = secrets.faultOf(reference);
    return fault === undefined ? [] : [`Secret ${fault}: ${placeOf(reference)}`];
  });
  return [...new Set(faults)];
}

function secretOf(authentication: SourceAuthentication | undefined): SecretReference | undefined {
  switch (authentication?.method) {
    case "Bearer":
      return authentication.token;
    case "Basic":
      return authentication.password;
    case "HmacSha256":
      return authentication.key;
    case "UrlSecret":
      return authentication.secret;
    default:
      return undefined;
  }
}

function missingFiles({ listen: { tls }, bridges, destinations }: GatewayConfig): string[] {
  const paths = [...bridges, ...destinations].flatMap(
    ({ authentication, trustedCaFolder, trustedCaFile }) => [
      ...("folder" in authentication ? [authentication.folder] : []),
      ...("keyFile" in authentication ? [authentication.certificateFile, authentication.keyFile] : []),
      trustedCaFolder,
      trustedCaFile,
    ],
  );
  const missing = [tls?.certificateFile, tls?.keyFile, tls?.clientCaFile, ...paths].filter(
    (path) => path !== undefined && !existsSync(path),
  );
  return [...new Set(missing)].map((path) => `Certificates cannot be found: ${path}`);
}
