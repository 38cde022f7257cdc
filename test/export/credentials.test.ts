import { renameSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type CredentialOptions, createCredentials } from "../../pipeline/export/credentials.ts";
import { createAuthority } from "../support/certificates.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createMountedFolder, createPlainFolder, type Files } from "../support/mounted-folder.ts";
import { createToken } from "../support/token.ts";

const dayMs = 86_400_000;
const nowMs = Date.now();
const soon = { endsAt: new Date(nowMs + dayMs) };
const later = { endsAt: new Date(nowMs + 10 * dayMs) };
const authority = createAuthority();
const pairFiles = ({ cert, key }: { cert: string; key: string }) => ({ "tls.crt": cert, "tls.key": key });
const first = authority.issue(soon);
const second = authority.issue(later);

const removing: (() => void)[] = [];
afterEach(() => {
  for (const remove of removing.splice(0)) remove();
});

function mount(files: Files) {
  const folder = createMountedFolder(files);
  removing.push(folder.remove);
  return folder;
}

function open(options: Omit<CredentialOptions, "clock">) {
  const clock = createFakeClock({ nowUs: nowMs * 1000 });
  return { clock, credentials: createCredentials({ ...options, clock }) };
}

/** A client certificate in use, and a way to put other files in its place. */
function withPair(files: Files = pairFiles(first)) {
  const folder = mount(files);
  const opened = open({ clientCertificateFolder: folder.path });
  return {
    ...opened,
    folder,
    /** What the next check finds. */
    swap(next: Files) {
      folder.swap(next);
      opened.clock.advance(5000);
      return opened.credentials.state();
    },
  };
}

describe("createCredentials()", () => {
  it("of an anonymous gateway sends nothing and trusts what the machine trusts", () => {
    const { credentials } = open({});
    expect(credentials.headers).toEqual({});
    expect(credentials.tls().ca?.length).toBeGreaterThan(10);
    expect(credentials.tls().cert).toBeUndefined();
    expect(credentials.state()).toEqual({
      revision: 1,
      fault: undefined,
      doubt: undefined,
      warning: undefined,
      expirations: [],
    });
  });

  it("gives the client's certificate for a connection, and says when it ends", () => {
    const { credentials } = withPair();
    expect(credentials.tls()).toMatchObject({ cert: first.cert, key: first.key });
    expect(credentials.state()).toMatchObject({
      fault: undefined,
      warning: undefined,
      expirations: [{ credential: "clientCertificate" }],
    });
  });

  it("gives the same object until something in it was replaced", () => {
    const { credentials, clock, swap } = withPair();
    const before = credentials.tls();
    const { revision } = credentials.state();
    clock.advance(60_000);
    expect(credentials.tls()).toBe(before);
    expect(credentials.state().revision).toBe(revision);
    expect(swap(pairFiles(second)).revision).toBe(revision + 1);
    expect(credentials.tls()).not.toBe(before);
    expect(credentials.tls()).toMatchObject({ cert: second.cert, key: second.key });
  });

  it("looks at the files every 5 s and not at each use", () => {
    const { credentials, clock, folder } = withPair();
    expect(credentials.tls().cert).toBe(first.cert);
    folder.swap(pairFiles(second));
    clock.advance(4999);
    expect(credentials.tls().cert).toBe(first.cert);
    clock.advance(1);
    expect(credentials.tls().cert).toBe(second.cert);
  });

  it.each([
    ["whose key does not match", { "tls.crt": second.cert, "tls.key": first.key }, "it is not the key of"],
    ["that is damaged", { "tls.crt": "half", "tls.key": second.key }, "it holds no PEM"],
    ["without its key", { "tls.crt": second.cert }, "Cannot find tls.key"],
    ["that is gone", {}, "Cannot find a client certificate"],
    [
      "that has expired",
      pairFiles(authority.issue({ startsAt: new Date(0), endsAt: new Date(1000) })),
      "expired at 1970-01-01T00:00:01.000Z",
    ],
  ])("keeps the older pair, with a warning, for a new one %s", (_what, files, warning) => {
    const { credentials, swap } = withPair();
    const { revision } = credentials.state();
    const state = swap(files);
    expect(state).toMatchObject({ revision, fault: undefined });
    expect(state.warning).toContain(warning);
    expect(credentials.tls().cert).toBe(first.cert);
    expect(swap(pairFiles(second))).toMatchObject({ revision: revision + 1, warning: undefined });
    expect(credentials.tls().cert).toBe(second.cert);
  });

  it("is at fault when the pair in use expires and the new one is broken", () => {
    const { credentials, clock, swap } = withPair();
    credentials.state();
    swap({ "tls.crt": second.cert, "tls.key": first.key });
    expect(credentials.state().fault).toBeUndefined();
    clock.advance(dayMs);
    expect(credentials.state().fault).toBe(
      "Cannot use tls.key: it is not the key of the certificate in tls.crt",
    );
    expect(swap(pairFiles(second)).fault).toBeUndefined();
  });

  it("is at fault when the pair in use expires and nobody renewed it", () => {
    const { credentials, clock } = withPair();
    credentials.state();
    clock.advance(dayMs);
    expect(credentials.state().fault).toMatch(/^The client certificate expired at 20.*: renew it$/);
  });

  it("takes a pair that was not valid yet once it is", () => {
    const early = authority.issue({ startsAt: new Date(nowMs + dayMs / 2), ...later });
    const { credentials, clock, swap } = withPair();
    expect(swap(pairFiles(early)).warning).toContain("is not valid before");
    clock.advance(dayMs / 2);
    expect(credentials.state().warning).toBeUndefined();
    expect(credentials.tls().cert).toBe(early.cert);
  });

  it("is at fault from the start when a pair cannot be used, and heals", () => {
    const { credentials, swap } = withPair({});
    expect(credentials.state().fault).toContain("Cannot find a client certificate");
    expect(swap(pairFiles(first)).fault).toBeUndefined();
    expect(credentials.tls().cert).toBe(first.cert);
  });

  it("names no path when a folder cannot be read, and keeps what it has", () => {
    const { credentials, clock, folder } = withPair();
    credentials.state();
    renameSync(folder.path, `${folder.path}-away`);
    clock.advance(5000);
    expect(credentials.state()).toMatchObject({
      fault: undefined,
      warning:
        "Cannot read the files of the client certificate (ENOENT): check that they are mounted and readable",
    });
    renameSync(`${folder.path}-away`, folder.path);
    clock.advance(5000);
    expect(credentials.state().warning).toBeUndefined();
  });

  it("trusts the authorities of a ConfigMap alone, and keeps them when new ones are broken", () => {
    const next = createAuthority({ name: "Next" });
    const folder = mount({ "ca.crt": authority.cert });
    const { credentials, clock } = open({ trustedCaFolder: folder.path });
    expect(credentials.tls().ca?.join("")).toBe(authority.cert.trimEnd());
    folder.swap({ "ca.crt": "" });
    clock.advance(5000);
    expect(credentials.state()).toMatchObject({
      fault: undefined,
      warning: "Cannot use ca.crt: it is empty, wanted a certificate in PEM",
    });
    expect(credentials.tls().ca).toHaveLength(1);
    folder.swap({ "ca.crt": authority.cert, "next.pem": next.cert });
    clock.advance(5000);
    expect(credentials.tls().ca).toHaveLength(2);
  });

  it("takes single files in place of folders", () => {
    const folder = createPlainFolder({
      "x.pem": first.cert,
      "x.key": first.key,
      "roots.txt": authority.cert,
    });
    removing.push(folder.remove);
    const { credentials, clock } = open({
      clientCertificateFiles: {
        certificateFile: join(folder.path, "x.pem"),
        keyFile: join(folder.path, "x.key"),
      },
      trustedCaFile: join(folder.path, "roots.txt"),
    });
    expect(credentials.state().fault).toBeUndefined();
    expect(credentials.tls()).toEqual({ cert: first.cert, key: first.key, ca: [authority.cert.trimEnd()] });
    folder.write({ "x.pem": second.cert });
    clock.advance(5000);
    expect(credentials.state().warning).toBe(
      "Cannot use the key file: it is not the key of the certificate in the certificate file",
    );
    folder.write({ "x.key": second.key, "roots.txt": "" });
    clock.advance(5000);
    expect(credentials.tls().cert).toBe(second.cert);
    expect(credentials.state().warning).toBe(
      "Cannot use the file of trusted authorities: it is empty, wanted a certificate in PEM",
    );
  });

  it("trusts nobody while a ConfigMap's authorities cannot be read", () => {
    const { credentials } = open({ trustedCaFolder: "/does/not/exist" });
    expect(credentials.tls()).toEqual({ ca: [] });
    expect(credentials.state().fault).toBe(
      "Cannot read the files of the trusted authorities (ENOENT): check that they are mounted and readable",
    );
  });

  it("sends a token, and counts another one as a change", () => {
    let values = [createToken({ aud: "otel", exp: nowMs / 1000 + 60 })];
    const { credentials } = open({
      serviceAccountToken: { audience: "otel", token: { current: () => values } },
    });
    const { revision, expirations } = credentials.state();
    expect(expirations).toEqual([{ credential: "token", expiresAtUs: nowMs * 1000 + 60_000_000 }]);
    values = [createToken({ aud: "else" })];
    expect(credentials.state()).toMatchObject({ revision: revision + 1 });
    expect(credentials.state().fault).toContain('is for the audience "else"');
    expect(credentials.headers.authorization).toEqual({ current: expect.any(Function) });
  });

  it("counts a change of another secret that is sent", () => {
    let values = ["one"];
    const { credentials } = open({ secrets: [{ current: () => values }] });
    const { revision } = credentials.state();
    expect(credentials.state().revision).toBe(revision);
    values = ["two"];
    expect(credentials.state().revision).toBe(revision + 1);
  });
});
