/**
 * Certificates made on the spot, for any names, dates and authorities, so that no key has to be kept in the repository
 * and no tool is needed. Source: RFC 5280, 4.1; X.690 for the encoding.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** PEM. */
export interface CertificateAndKey {
  cert: string;
  key: string;
}

export interface CertificateOptions {
  /** Common name. */
  name?: string;
  /** Default: a day ago. */
  startsAt?: Date;
  /** Default: in a day. */
  endsAt?: Date;
}

export interface LeafOptions extends CertificateOptions {
  dns?: string[];
  ipv4?: string[];
  uri?: string[];
  /** Default: new ones on P-256. */
  keys?: { publicKey: KeyObject; privateKey: KeyObject };
}

export interface Authority extends CertificateAndKey {
  /** A server's or client's certificate. */
  issue(options?: LeafOptions): CertificateAndKey;
  /** An authority below this one. */
  delegate(options?: CertificateOptions): Authority;
}

const dayMs = 86_400_000;

/** An authority that signs itself. */
export function createAuthority(options: CertificateOptions = {}): Authority {
  return makeAuthority({ name: "Test authority", ...options });
}

/** A receiver's certificate that signs itself. */
export function createSelfSigned(options: LeafOptions = {}): CertificateAndKey {
  return make({ name: "localhost", dns: ["localhost"], ipv4: ["127.0.0.1"], ...options });
}

interface Signer {
  name: string;
  privateKey: KeyObject;
}

function makeAuthority(options: CertificateOptions & { name: string; signer?: Signer }): Authority {
  const { privateKey, ...pem } = make({ ...options, isAuthority: true });
  const signer = { name: options.name, privateKey };
  return {
    ...pem,
    issue: (leaf = {}) => make({ name: "localhost", ...leaf, signer }),
    delegate: (below = {}) => makeAuthority({ name: "Test intermediate", ...below, signer }),
  };
}

function make(options: LeafOptions & { name: string; signer?: Signer; isAuthority?: boolean }) {
  const { startsAt = new Date(Date.now() - dayMs), endsAt = new Date(Date.now() + dayMs) } = options;
  const { publicKey, privateKey } = options.keys ?? generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signer = options.signer ?? { name: options.name, privateKey };
  const algorithm = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02)); // ecdsa-with-SHA256
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.of(2))), // version 3
    der(0x02, Buffer.of(1, ...randomBytes(8))), // serial number, positive
    algorithm,
    commonName(signer.name),
    sequence(time(startsAt), time(endsAt)),
    commonName(options.name),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions(options))),
  );
  const certificate = sequence(
    toBeSigned,
    algorithm,
    der(0x03, Buffer.of(0), sign("sha256", toBeSigned, signer.privateKey)),
  );
  return {
    cert: toPem(certificate),
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    privateKey,
  };
}

function extensions({
  dns = [],
  ipv4 = [],
  uri = [],
  isAuthority = false,
}: LeafOptions & { isAuthority?: boolean }) {
  const names = [
    ...dns.map((name) => der(0x82, Buffer.from(name))),
    ...uri.map((name) => der(0x86, Buffer.from(name))),
    ...ipv4.map((address) => der(0x87, Buffer.from(address.split(".").map(Number)))),
  ];
  const yes = der(0x01, Buffer.of(0xff));
  return [
    // basicConstraints, critical: cA
    ...(isAuthority ? [sequence(oid(0x55, 0x1d, 0x13), yes, der(0x04, sequence(yes)))] : []),
    // subjectAltName
    ...(names.length > 0 ? [sequence(oid(0x55, 0x1d, 0x11), der(0x04, sequence(...names)))] : []),
    // keyUsage: keyCertSign of an authority, digitalSignature of the others
    sequence(
      oid(0x55, 0x1d, 0x0f),
      der(0x04, der(0x03, isAuthority ? Buffer.of(2, 0x04) : Buffer.of(7, 0x80))),
    ),
  ];
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))));
}

function sequence(...content: Buffer[]): Buffer {
  return der(0x30, ...content);
}

/** One value in Distinguished Encoding Rules: tag, length, content. Source: X.690, 8.1. */
function der(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}

function oid(...bytes: number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

/** UTCTime: until 2049, to the second. */
function time(instant: Date): Buffer {
  const digits = instant.toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return der(0x17, Buffer.from(digits.slice(2)));
}

/** Lines of 64 characters, which strict readers want. Source: RFC 7468, 2. */
function toPem(certificate: Buffer): string {
  const lines = certificate.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
