import { type Certificate, MaterialError, readCertificates, readPrivateKey } from "./pem.ts";

/** A client's certificate for mutual TLS, checked. */
export interface ClientCertificate {
  /** PEM: the certificate, then its intermediates. */
  cert: string;
  /** PEM, PKCS #8. */
  key: string;
  expiresAtUs: number;
}

/** What a pair is called that is not in a folder. */
export const singleFiles = { certificate: "the certificate file", key: "the key file" };

/** The names of a Kubernetes secret of type TLS, then those that Azure IoT Operations documents for MQTT endpoints. */
const pairs = [
  singleFiles,
  { certificate: "tls.crt", key: "tls.key" },
  { certificate: "client_cert.pem", key: "client_key.pem" },
];
const intermediates = /^(ca.*|client_intermediate_certs)\.(crt|pem)$/;

/** True for the files of a secret that readClientCertificate() understands. */
export function isClientCertificateFile(name: string): boolean {
  return (
    intermediates.test(name) || pairs.some(({ certificate, key }) => name === certificate || name === key)
  );
}

/**
 * The client's certificate from the files of a secret, by name.
 *
 * Errors: MaterialError when a file is missing or cannot be read, when the key is that of no certificate, and when
 *         the certificate is not valid at `nowUs`.
 * Source: RFC 8446, 4.4.2, on the order of the certificates.
 */
export function readClientCertificate(files: ReadonlyMap<string, string>, nowUs: number): ClientCertificate {
  const pair =
    pairs.find(({ certificate, key }) => files.has(certificate) && files.has(key)) ??
    pairs.find(({ certificate, key }) => files.has(certificate) || files.has(key));
  if (pair === undefined) {
    throw new MaterialError(
      "Cannot find a client certificate: wanted tls.crt and tls.key, or client_cert.pem and client_key.pem",
    );
  }
  const key = readPrivateKey(named(files, pair.key));
  const certificates = readCertificates(named(files, pair.certificate));
  const own = certificates.find(({ x509 }) => x509.checkPrivateKey(key));
  if (own === undefined) {
    throw new MaterialError(
      `Cannot use ${pair.key}: it is not the key of the certificate in ${pair.certificate}`,
    );
  }
  checkDates(own, pair.certificate, nowUs);
  const chain = [own, ...certificates, ...intermediatesIn(files)].map(({ pem }) => pem);
  return {
    cert: `${[...new Set(chain)].join("\n")}\n`,
    key: key.export({ type: "pkcs8", format: "pem" }) as string,
    expiresAtUs: own.expiresAtUs,
  };
}

function named(files: ReadonlyMap<string, string>, name: string) {
  const text = files.get(name);
  if (text === undefined)
    throw new MaterialError(`Cannot find ${name} beside the rest of the client certificate`);
  return { name, text };
}

/** A root is the receiver's to know: it is left out. Issuers that have nothing to add leave an empty file. */
function intermediatesIn(files: ReadonlyMap<string, string>): Certificate[] {
  return [...files]
    .filter(([name, text]) => intermediates.test(name) && text.trim() !== "")
    .flatMap(([name, text]) => readCertificates({ name, text }))
    .filter(({ x509 }) => x509.subject !== x509.issuer);
}

function checkDates({ startsAtUs, expiresAtUs }: Certificate, name: string, nowUs: number): void {
  if (nowUs < startsAtUs) {
    throw new MaterialError(
      `Cannot use ${name}: the client certificate is not valid before ${instant(startsAtUs)}; check the clock`,
    );
  }
  if (nowUs >= expiresAtUs) {
    throw new MaterialError(
      `Cannot use ${name}: the client certificate expired at ${instant(expiresAtUs)}; renew it`,
    );
  }
}

function instant(us: number): string {
  return new Date(us / 1000).toISOString();
}
