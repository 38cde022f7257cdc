import { describe, expect, it } from "vitest";
import { isTrustedCaFile, readTrustedCa } from "../../pipeline/export/trusted-ca.ts";
import { createAuthority } from "../support/certificates.ts";

const dayMs = 86_400_000;
const nowMs = Date.now();
const next = createAuthority({ name: "Next", endsAt: new Date(nowMs + 9 * dayMs) });
const present = createAuthority({ name: "Present", endsAt: new Date(nowMs + 2 * dayMs) });
const past = createAuthority({
  name: "Past",
  startsAt: new Date(nowMs - 9 * dayMs),
  endsAt: new Date(nowMs - dayMs),
});

const read = (files: Record<string, string>) => readTrustedCa(new Map(Object.entries(files)), nowMs * 1000);
const seconds = (us: number) => Math.floor(us / 1_000_000);

describe("readTrustedCa()", () => {
  it("takes every certificate of every file, each once", () => {
    const { ca } = read({ "a.crt": next.cert + present.cert, "b.pem": present.cert });
    expect(ca.map((pem) => pem.trim())).toEqual([next.cert.trim(), present.cert.trim()]);
  });

  it("ends when the first certificate that is valid does, and keeps those that have expired", () => {
    const { ca, expiresAtUs } = read({ "a.crt": next.cert + past.cert + present.cert });
    expect(ca).toHaveLength(3);
    expect(seconds(expiresAtUs)).toBe(seconds((nowMs + 2 * dayMs) * 1000));
  });

  it("explains that none is there", () => {
    expect(() => read({})).toThrow(
      "Cannot find a trusted authority: wanted a certificate in a file *.crt or *.pem",
    );
  });

  it("explains which file cannot be read", () => {
    expect(() => read({ "a.crt": next.cert, "b.pem": "oops" })).toThrow(
      "Cannot use b.pem: it holds no PEM, wanted a certificate in PEM",
    );
  });

  it("explains that all have expired", () => {
    expect(() => read({ "a.crt": past.cert })).toThrow(
      "Cannot use a.crt: every certificate of the trusted authorities has expired; renew them",
    );
  });
});

describe("isTrustedCaFile()", () => {
  it("takes *.crt and *.pem", () => {
    expect(["ca.crt", "bundle.pem"].every(isTrustedCaFile)).toBe(true);
    expect(["README", "ca.jks", "..data", "ca.crt.old"].some(isTrustedCaFile)).toBe(false);
  });
});
