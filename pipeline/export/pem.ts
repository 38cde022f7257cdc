import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

/** Certificates or keys cannot be used; the message says why, by the name of the file, without its content. */
export class MaterialError extends Error {
  override readonly name = "MaterialError";
}

/** A file without its folder. */
export interface NamedText {
  name: string;
  text: string;
}

export interface Certificate {
  pem: string;
  x509: X509Certificate;
  startsAtUs: number;
  expiresAtUs: number;
}

/** Also those without an end, so that a file that is cut short is not taken for a shorter one. */
const certificateBlocks = /-----BEGIN CERTIFICATE-----.*?(?:-----END CERTIFICATE-----|$)/gs;

const keyBlock = /-----BEGIN ((?:[A-Z0-9]+ )*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----/s;

/**
 * Every certificate of a file, in its order.
 *
 * Shape:  at least one.
 * Errors: MaterialError when there is none, or one that cannot be read.
 * Source: RFC 7468, "Textual Encoding of Certificates".
 */
export function readCertificates(file: NamedText): Certificate[] {
  const blocks = file.text.match(certificateBlocks);
  if (blocks === null) throw unfit(file, "a certificate in PEM");
  return blocks.map((pem, index) => {
    try {
      const x509 = new X509Certificate(pem);
      return { pem, x509, startsAtUs: instantUs(x509.validFrom), expiresAtUs: instantUs(x509.validTo) };
    } catch (cause) {
      throw new MaterialError(
        `Cannot use ${file.name}: its certificate ${index + 1} is damaged or cut short`,
        {
          cause,
        },
      );
    }
  });
}

/**
 * The private key of a file.
 *
 * Errors: MaterialError when there is none, and when it is encrypted or cannot be read.
 * Source: RFC 7468, "One Asymmetric Key and the Textual Encoding of PKCS #8 Private Key Info".
 */
export function readPrivateKey(file: NamedText): KeyObject {
  const [pem, label] = keyBlock.exec(file.text) ?? [];
  if (pem === undefined) throw unfit(file, "a private key in PEM");
  // The second is how keys were encrypted before PKCS #8. Source: RFC 1421, 4.6.1.1.
  if (label === "ENCRYPTED " || /^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw new MaterialError(
      `Cannot use ${file.name}: its private key is encrypted, wanted one without a passphrase`,
    );
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new MaterialError(`Cannot use ${file.name}: its private key is damaged`, { cause });
  }
}

function unfit({ name, text }: NamedText, wanted: string): MaterialError {
  return new MaterialError(`Cannot use ${name}: ${describe(text)}, wanted ${wanted}`);
}

/** What a file holds, so that a mix-up can be seen. */
function describe(text: string): string {
  if (text.trim() === "") return "it is empty";
  const label = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(text)?.[1];
  if (label?.endsWith("PRIVATE KEY")) {
    return text.includes(`-----END ${label}-----`)
      ? "it holds a private key"
      : "its private key is cut short";
  }
  if (label !== undefined) return `it holds a ${label.toLowerCase()}`;
  // DER and PKCS #12 begin with a SEQUENCE. Source: X.690, 8.9.
  return text.startsWith("\x30\x82") ? "it is binary" : "it holds no PEM";
}

/** Units: from the text that OpenSSL prints, `Nov 22 16:32:46 2026 GMT`, to microseconds since the Unix epoch. */
function instantUs(text: string): number {
  return Date.parse(text) * 1000;
}
