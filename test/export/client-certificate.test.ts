import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isClientCertificateFile, readClientCertificate } from "../../pipeline/export/client-certificate.ts";
import { readCertificates } from "../../pipeline/export/pem.ts";
import { createAuthority } from "../support/certificates.ts";

const root = createAuthority({ name: "Root" });
const upper = root.delegate({ name: "Upper" });
const lower = upper.delegate({ name: "Lower" });
const own = lower.issue({ name: "gateway", endsAt: new Date("2040-01-01T00:00:00Z") });
const other = lower.issue({ name: "other" });
const nowUs = Date.now() * 1000;

const read = (files: Record<string, string>, atUs = nowUs) =>
  readClientCertificate(new Map(Object.entries(files)), atUs);
const subjects = (cert: string) => readCertificates({ name: "", text: cert }).map(({ x509 }) => x509.subject);

describe("readClientCertificate()", () => {
  it("reads a Kubernetes secret of type TLS", () => {
    const { cert, key, expiresAtUs } = read({ "tls.crt": own.cert, "tls.key": own.key });
    expect(subjects(cert)).toEqual(["CN=gateway"]);
    expect(key).toBe(own.key);
    expect(expiresAtUs).toBe(Date.parse("2040-01-01T00:00:00Z") * 1000);
  });

  it("reads the names of an MQTT endpoint's secret, with intermediates in their order", () => {
    const { cert } = read({
      "client_cert.pem": own.cert,
      "client_key.pem": own.key,
      "client_intermediate_certs.pem": lower.cert + upper.cert,
    });
    expect(subjects(cert)).toEqual(["CN=gateway", "CN=Lower", "CN=Upper"]);
  });

  it("prefers the names of a TLS secret where both are", () => {
    const { cert } = read({
      "tls.crt": own.cert,
      "tls.key": own.key,
      "client_cert.pem": other.cert,
      "client_key.pem": other.key,
    });
    expect(subjects(cert)).toEqual(["CN=gateway"]);
  });

  it("takes the pair that is complete where only half of the other is", () => {
    const { cert } = read({ "tls.crt": other.cert, "client_cert.pem": own.cert, "client_key.pem": own.key });
    expect(subjects(cert)).toEqual(["CN=gateway"]);
  });

  it("takes an empty file of authorities for none", () => {
    const { cert } = read({ "tls.crt": own.cert, "tls.key": own.key, "ca.crt": "\n" });
    expect(subjects(cert)).toEqual(["CN=gateway"]);
  });

  it("refuses a key of another algorithm", () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const key = String(privateKey.export({ type: "pkcs8", format: "pem" }));
    expect(() => read({ "tls.crt": own.cert, "tls.key": key })).toThrow(
      "Cannot use tls.key: it is not the key of the certificate in tls.crt",
    );
  });

  it("sends the chain of tls.crt and the intermediates of ca.crt once, without the root", () => {
    const { cert } = read({
      "tls.crt": own.cert + lower.cert,
      "tls.key": own.key,
      "ca.crt": lower.cert + upper.cert + root.cert,
    });
    expect(subjects(cert)).toEqual(["CN=gateway", "CN=Lower", "CN=Upper"]);
  });

  it("finds the key's own certificate where the chain is written upside down", () => {
    const { cert } = read({ "tls.crt": upper.cert + lower.cert + own.cert, "tls.key": own.key });
    expect(subjects(cert)).toEqual(["CN=gateway", "CN=Upper", "CN=Lower"]);
  });

  it.each([
    [
      {},
      "Cannot find a client certificate: wanted tls.crt and tls.key, or client_cert.pem and client_key.pem",
    ],
    [{ "tls.crt": own.cert }, "Cannot find tls.key beside the rest of the client certificate"],
    [{ "tls.key": own.key }, "Cannot find tls.crt beside the rest of the client certificate"],
    [{ "client_cert.pem": own.cert }, "Cannot find client_key.pem beside the rest of the client certificate"],
    [
      { "tls.crt": own.cert, "tls.key": other.key },
      "Cannot use tls.key: it is not the key of the certificate in tls.crt",
    ],
    [
      { "tls.crt": own.key, "tls.key": own.key },
      "Cannot use tls.crt: it holds a private key, wanted a certificate in PEM",
    ],
    [
      { "client_cert.pem": own.cert, "client_key.pem": own.key, "client_intermediate_certs.pem": "x" },
      "Cannot use client_intermediate_certs.pem: it holds no PEM, wanted a certificate in PEM",
    ],
  ])("explains what is wrong with a secret (%#)", (files, message) => {
    expect(() => read(files)).toThrow(message);
  });

  it("refuses a certificate that has expired, and one that is not valid yet", () => {
    const files = { "tls.crt": own.cert, "tls.key": own.key };
    expect(() => read(files, Date.parse("2040-01-01T00:00:00Z") * 1000)).toThrow(
      "Cannot use tls.crt: the client certificate expired at 2040-01-01T00:00:00.000Z; renew it",
    );
    expect(() => read(files, nowUs - 2 * 86_400_000_000)).toThrow(
      /^Cannot use tls\.crt: the client certificate is not valid before 20\d\d-.*; check the clock$/,
    );
  });
});

describe("isClientCertificateFile()", () => {
  it("knows the files of either naming, and leaves others alone", () => {
    const names = ["tls.crt", "tls.key", "ca.crt", "client_cert.pem", "client_key.pem"];
    expect([...names, "client_intermediate_certs.pem", "ca-bundle.pem"].every(isClientCertificateFile)).toBe(
      true,
    );
    expect(["token", "keystore.jks", "..data", "tls.crt.bak"].some(isClientCertificateFile)).toBe(false);
  });
});
