/** Secrets and certificates that a configuration names and that are not there at this moment. */
import { existsSync } from "node:fs";
import type { GatewayConfig, SecretReference, TextOrSecret } from "../../pipeline/config/config.ts";
import type { createSecrets } from "./secrets.ts";

type Secrets = ReturnType<typeof createSecrets>;

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
    ...config.sources.flatMap(({ authentication }) =>
      authentication?.method === "Bearer" ? [authentication.token] : [],
    ),
    ...config.destinations.flatMap(({ headers }) =>
      Object.values(headers).filter((value) => typeof value !== "string"),
    ),
    ...config.destinations.flatMap(({ authentication }) =>
      authentication.method === "ServiceAccountToken" ? [{ file: authentication.tokenFile }] : [],
    ),
  ];
  const unreadable = references.filter((reference) => secrets.open(reference).current() === undefined);
  return [...new Set(unreadable.map(placeOf))].map((place) => `Secret cannot be read, or is empty: ${place}`);
}

function missingFiles({ destinations }: GatewayConfig): string[] {
  const paths = destinations.flatMap(({ authentication, trustedCaFolder, trustedCaFile }) => [
    ...("folder" in authentication ? [authentication.folder] : []),
    ...("keyFile" in authentication ? [authentication.certificateFile, authentication.keyFile] : []),
    trustedCaFolder,
    trustedCaFile,
  ]);
  const missing = paths.filter((path) => path !== undefined && !existsSync(path));
  return [...new Set(missing)].map((path) => `Certificates cannot be found: ${path}`);
}
