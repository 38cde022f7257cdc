import { MaterialError, readCertificates } from "./pem.ts";

/** Authorities to trust in place of the machine's own. */
export interface TrustedCa {
  /** PEM, one certificate each. */
  ca: string[];
  /** The first end among those that are valid; of one that has expired when there are no others. */
  expiresAtUs: number;
}

/** True for the files of a ConfigMap that are taken for certificates. */
export function isTrustedCaFile(name: string): boolean {
  return /\.(crt|pem)$/.test(name);
}

/**
 * Every certificate in the files of a ConfigMap.
 *
 * Errors: MaterialError when there is none, when a file cannot be read, and when every certificate has expired.
 */
export function readTrustedCa(files: ReadonlyMap<string, string>, nowUs: number): TrustedCa {
  const certificates = [...files].flatMap(([name, text]) => readCertificates({ name, text }));
  if (certificates.length === 0) {
    throw new MaterialError("Cannot find a trusted authority: wanted a certificate in a file *.crt or *.pem");
  }
  const ends = certificates.map(({ expiresAtUs }) => expiresAtUs).filter((endUs) => endUs > nowUs);
  if (ends.length === 0) {
    throw new MaterialError(
      `Cannot use ${[...files.keys()].join(", ")}: every certificate of the trusted authorities has expired; renew them`,
    );
  }
  return { ca: [...new Set(certificates.map(({ pem }) => pem))], expiresAtUs: Math.min(...ends) };
}
