import type { Clock } from "../clock.ts";
import type { Secret } from "../secret.ts";
import { isClientCertificateFile, readClientCertificate, singleFiles } from "./client-certificate.ts";
import type { ConfiguredHeaders } from "./headers.ts";
import type { FileSource } from "./mounted-files.ts";
import { createReloaded } from "./reloaded.ts";
import { createServiceAccountToken } from "./service-account-token.ts";
import { systemTls, type TlsMaterial } from "./tls.ts";
import { isTrustedCaFile, readTrustedCa } from "./trusted-ca.ts";

export interface CredentialOptions {
  clock: Clock;
  serviceAccountToken?: { audience: string; token: Secret } | undefined;
  /** For mutual TLS: a mounted Kubernetes secret, or single files. */
  clientCertificateFolder?: string | undefined;
  clientCertificateFiles?: { certificateFile: string; keyFile: string } | undefined;
  /** Authorities to trust in place of the machine's: a mounted ConfigMap, or a single file. */
  trustedCaFolder?: string | undefined;
  trustedCaFile?: string | undefined;
  /** Other secrets that are sent: a changed one is a change of the credentials too. */
  secrets?: readonly Secret[] | undefined;
}

/** When something that is in use ends. */
export interface Expiration {
  credential: "token" | "clientCertificate" | "trustedCa";
  expiresAtUs: number;
}

export interface CredentialState {
  /** Another number whenever something that is sent or trusted was replaced. */
  revision: number;
  /** Why no call can be made now. */
  fault: string | undefined;
  /** What explains it when the receiver refuses the credential. */
  doubt: string | undefined;
  /** Why something new is not in use, while the older one does. */
  warning: string | undefined;
  expirations: readonly Expiration[];
}

/** What the gateway shows to one destination, and whom it trusts to be it. */
export interface Credentials {
  /** Sent with each call. */
  readonly headers: ConfiguredHeaders;
  /** For the next connection; the same object until something in it was replaced. */
  tls(): TlsMaterial;
  state(): CredentialState;
}

/** Credentials that are read again while the gateway runs, when they are used and at most every `checkIntervalMs`. */
export function createCredentials(options: CredentialOptions): Credentials {
  const { clock, serviceAccountToken, secrets = [] } = options;
  const token = serviceAccountToken && createServiceAccountToken({ ...serviceAccountToken, clock });
  const ownSource = clientCertificateSource(options);
  const own =
    ownSource &&
    createReloaded({ source: ownSource, purpose: "client certificate", parse: readClientCertificate, clock });
  const trustedSource = trustedCaSource(options);
  const trusted =
    trustedSource &&
    createReloaded({ source: trustedSource, purpose: "trusted authorities", parse: readTrustedCa, clock });

  const materialOf = whenChanged(
    () => [own?.current().value, trusted?.current().value] as const,
    ([certificate, authorities]): TlsMaterial => ({
      ...(trusted === undefined ? systemTls() : { ca: authorities?.ca ?? [] }),
      ...(certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key }),
    }),
  );

  let revision = 0;
  const revisionOf = whenChanged(
    () => [
      own?.current().value,
      trusted?.current().value,
      ...[...(token ? [token.authorization] : []), ...secrets].map((secret) => secret.current()),
    ],
    () => ++revision,
  );

  return {
    headers: token === undefined ? {} : { authorization: token.authorization },
    tls: materialOf,
    state() {
      const certificate = own?.current();
      const authorities = trusted?.current();
      const tokenState = token?.state();
      const expired = certificate?.value && expiry(certificate.value.expiresAtUs, clock.nowUs());
      const missing = [certificate, authorities].find(
        (part) => part !== undefined && part.value === undefined,
      );
      const expirations: [Expiration["credential"], number | undefined][] = [
        ["token", tokenState?.expiresAtUs],
        ["clientCertificate", certificate?.value?.expiresAtUs],
        ["trustedCa", authorities?.value?.expiresAtUs],
      ];
      return {
        revision: revisionOf(),
        fault: missing?.fault ?? (expired && (certificate?.fault ?? expired)) ?? tokenState?.fault,
        doubt: tokenState?.doubt,
        warning: certificate?.fault ?? authorities?.fault,
        expirations: expirations.flatMap(([credential, expiresAtUs]) =>
          expiresAtUs === undefined ? [] : [{ credential, expiresAtUs }],
        ),
      };
    },
  };
}

function clientCertificateSource(options: CredentialOptions): FileSource | undefined {
  const { clientCertificateFolder: folder, clientCertificateFiles: files } = options;
  if (folder !== undefined) return { folder, isWanted: isClientCertificateFile };
  return (
    files && { files: { [singleFiles.certificate]: files.certificateFile, [singleFiles.key]: files.keyFile } }
  );
}

function trustedCaSource({
  trustedCaFolder: folder,
  trustedCaFile: file,
}: CredentialOptions): FileSource | undefined {
  if (folder !== undefined) return { folder, isWanted: isTrustedCaFile };
  return file === undefined ? undefined : { files: { "the file of trusted authorities": file } };
}

function expiry(expiresAtUs: number, nowUs: number): string | undefined {
  if (nowUs < expiresAtUs) return undefined;
  return `The client certificate expired at ${new Date(expiresAtUs / 1000).toISOString()}: renew it`;
}

/** A function that computes again only when one of its inputs is another than at the last call. */
function whenChanged<Inputs extends readonly unknown[], Result>(
  read: () => Inputs,
  compute: (inputs: Inputs) => Result,
): () => Result {
  let last: { inputs: Inputs; result: Result } | undefined;
  return () => {
    const inputs = read();
    if (last === undefined || inputs.some((input, index) => input !== last?.inputs[index])) {
      last = { inputs, result: compute(inputs) };
    }
    return last.result;
  };
}
