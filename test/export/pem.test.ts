import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { MaterialError, readCertificates, readPrivateKey } from "../../pipeline/export/pem.ts";
import { createAuthority } from "../support/certificates.ts";

const authority = createAuthority();
const { cert, key } = authority.issue({ endsAt: new Date("2040-02-03T04:05:06Z") });
const named = (text: string) => ({ name: "some.pem", text });

function fault(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(MaterialError);
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
}

describe("readCertificates()", () => {
  it("reads every certificate in the order of the file, among other text", () => {
    const certificates = readCertificates(named(`# theirs\n${cert}subject=CN\n${authority.cert}`));
    expect(certificates.map(({ x509 }) => x509.subject)).toEqual(["CN=localhost", "CN=Test authority"]);
    expect(certificates[0]?.expiresAtUs).toBe(Date.parse("2040-02-03T04:05:06Z") * 1000);
  });

  it("reads lines that end with CR LF", () => {
    expect(readCertificates(named(cert.replaceAll("\n", "\r\n")))).toHaveLength(1);
  });

  it.each([
    ["nothing", " \n", "it is empty"],
    ["a private key", key, "it holds a private key"],
    ["something else", "-----BEGIN CERTIFICATE REQUEST-----\n", "it holds a certificate request"],
    ["plain text", "<COLLECTOR_CERTIFICATE>", "it holds no PEM"],
    ["DER", new X509Certificate(cert).raw.toString("latin1"), "it is binary"],
  ])("says so when the file holds %s", (_what, text, met) => {
    expect(fault(() => readCertificates(named(text)))).toBe(
      `Cannot use some.pem: ${met}, wanted a certificate in PEM`,
    );
  });

  it("says which certificate is damaged", () => {
    const damaged = cert.replace(/MII/, "AAA");
    expect(fault(() => readCertificates(named(cert + damaged)))).toBe(
      "Cannot use some.pem: its certificate 2 is damaged or cut short",
    );
  });

  it("does not take a file that is cut short for a shorter one", () => {
    const text = cert + authority.cert.slice(0, -60);
    expect(fault(() => readCertificates(named(text)))).toContain("its certificate 2 is damaged or cut short");
  });
});

describe("readPrivateKey()", () => {
  const own = createPrivateKey(key);
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;

  it.each([
    ["PKCS #8", key],
    [
      "SEC 1 after its parameters",
      `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${own.export({ type: "sec1", format: "pem" })}`,
    ],
    ["PKCS #1", rsa.export({ type: "pkcs1", format: "pem" }) as string],
  ])("reads %s", (_form, text) => {
    expect(readPrivateKey(named(text)).type).toBe("private");
  });

  it("explains that an encrypted key cannot be used", () => {
    const cipher = { cipher: "aes-256-cbc", passphrase: "hunter2" };
    const encrypted = [
      own.export({ type: "pkcs8", format: "pem", ...cipher }),
      rsa.export({ type: "pkcs1", format: "pem", ...cipher }),
    ];
    for (const text of encrypted) {
      expect(fault(() => readPrivateKey(named(String(text))))).toBe(
        "Cannot use some.pem: its private key is encrypted, wanted one without a passphrase",
      );
    }
  });

  it.each([
    ["a certificate", cert, "it holds a certificate"],
    ["a public key", "-----BEGIN PUBLIC KEY-----\n", "it holds a public key"],
    ["half of a key", key.slice(0, -40), "its private key is cut short"],
  ])("says so when the file holds %s", (_what, text, met) => {
    expect(fault(() => readPrivateKey(named(text)))).toBe(
      `Cannot use some.pem: ${met}, wanted a private key in PEM`,
    );
  });

  it("says nothing of what is in a damaged key", () => {
    expect(fault(() => readPrivateKey(named(key.replace(/MIG/, "AAA"))))).toBe(
      "Cannot use some.pem: its private key is damaged",
    );
  });
});
