/** Credentials over real TLS connections on this machine. */
import type { SecureServerOptions } from "node:http2";
import tls from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { createAuthenticatedExporter } from "../../pipeline/export/authenticated.ts";
import { type CredentialOptions, createCredentials } from "../../pipeline/export/credentials.ts";
import { createGrpcExporter } from "../../pipeline/export/grpc.ts";
import { createSessions } from "../../pipeline/export/sessions.ts";
import type { TlsMaterial } from "../../pipeline/export/tls.ts";
import { createAuthority } from "../support/certificates.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createMountedFolder, type Files } from "../support/mounted-folder.ts";
import { startTlsReceiver } from "../support/tls-receiver.ts";
import { createToken } from "../support/token.ts";

const dayMs = 86_400_000;
const nowMs = Date.now();
const loopback = { dns: ["localhost"], ipv4: ["127.0.0.1"] };
const past = { startsAt: new Date(nowMs - 9 * dayMs), endsAt: new Date(nowMs - dayMs) };
const authority = createAuthority({ name: "Authority of the receiver" });
const clients = createAuthority({ name: "Authority of the clients" });
const server = authority.issue(loopback);
const client = clients.issue({ name: "gateway" });
const pairFiles = ({ cert, key }: { cert: string; key: string }) => ({ "tls.crt": cert, "tls.key": key });

function mount(files: Files) {
  const folder = createMountedFolder(files);
  onTestFinished(folder.remove);
  return folder;
}

async function receive(material: SecureServerOptions, options?: { hold?: () => Promise<void> }) {
  const receiver = await startTlsReceiver(material, options);
  onTestFinished(receiver.close);
  return receiver;
}

/** A gateway's way to a receiver. */
function connectTo(url: string, options: Omit<CredentialOptions, "clock">) {
  const clock = createFakeClock({ nowUs: nowMs * 1000 });
  const credentials = createCredentials({ ...options, clock });
  const exporter = createAuthenticatedExporter(
    createGrpcExporter({
      url,
      timeoutMs: 5000,
      compression: "none",
      headers: credentials.headers,
      userAgent: "test/1",
      tls: credentials.tls,
    }),
    credentials,
  );
  onTestFinished(exporter.close);
  return { clock, credentials, send: () => exporter.export("logs", new Uint8Array(), {}) };
}

/** The outcome of one call to a receiver whose certificate is this one, with a private authority. */
async function sendTo(material: SecureServerOptions, trusted = authority.cert) {
  const { url } = await receive(material);
  return await connectTo(url, { trustedCaFolder: mount({ "ca.crt": trusted }).path }).send();
}

describe("a private authority", () => {
  it("is trusted when its ConfigMap is", async () => {
    expect(await sendTo(server)).toEqual({ kind: "accepted" });
  });

  it("is trusted through intermediates that the receiver sends", async () => {
    const below = authority.delegate();
    const { cert, key } = below.issue(loopback);
    expect(await sendTo({ cert: cert + below.cert, key })).toEqual({ kind: "accepted" });
  });

  it("is not trusted by the machine", async () => {
    const { url } = await receive(server);
    expect(await connectTo(url, {}).send()).toMatchObject({
      kind: "retryable",
      reason: "The receiver's certificate authority is not trusted: add its certificate",
    });
  });

  it("is not trusted when the ConfigMap has another one", async () => {
    expect(await sendTo(server, clients.cert)).toMatchObject({
      kind: "retryable",
      reason: "The receiver's certificate authority is not trusted: add its certificate",
    });
  });

  it("does not help a certificate for another host", async () => {
    expect(await sendTo(authority.issue({ dns: ["elsewhere.example"] }))).toMatchObject({
      kind: "retryable",
      reason: "The receiver's certificate is for another host name: check the host",
    });
  });

  it("does not help a certificate that has expired", async () => {
    expect(await sendTo(authority.issue({ ...loopback, ...past }))).toMatchObject({
      kind: "retryable",
      reason: "The receiver's certificate has expired: renew it",
    });
  });

  it("does not help a receiver that speaks TLS 1.1, even where the runtime would", async () => {
    const { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS } = tls;
    onTestFinished(() => void Object.assign(tls, { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS }));
    Object.assign(tls, { DEFAULT_MIN_VERSION: "TLSv1.1", DEFAULT_CIPHERS: "DEFAULT@SECLEVEL=0" });
    const outcome = await sendTo({ ...server, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" });
    expect(outcome).toMatchObject({ kind: "retryable", answered: false });
  });

  it("is wanted also where the runtime was told to trust anybody", async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    onTestFinished(() => void delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
    expect(await sendTo(server, clients.cert)).toMatchObject({ kind: "retryable", answered: false });
  });

  it("stops the lane when its ConfigMap has no certificate", async () => {
    expect(await sendTo(server, "")).toEqual({
      kind: "misconfigured",
      reason: "Cannot use ca.crt: it is empty, wanted a certificate in PEM",
    });
  });
});

describe("mutual TLS", () => {
  const trustedCa = () => mount({ "ca.crt": authority.cert }).path;
  const wanting = { ...server, ca: clients.cert };

  it("shows the certificate, with its intermediates", async () => {
    const below = clients.delegate({ name: "Below" });
    const own = below.issue({ name: "plant-7" });
    const folder = mount({
      "client_cert.pem": own.cert,
      "client_key.pem": own.key,
      "client_intermediate_certs.pem": below.cert,
    });
    const receiver = await receive(wanting);
    const { send } = connectTo(receiver.url, {
      trustedCaFolder: trustedCa(),
      clientCertificateFolder: folder.path,
    });
    expect(await send()).toEqual({ kind: "accepted" });
    expect(receiver.requests).toEqual([{ authorization: undefined, client: "plant-7" }]);
  });

  it.each([
    ["no certificate", undefined],
    ["one of another authority", authority.issue({ name: "stranger" })],
  ])("names the client certificate as the cause when the receiver gets %s", async (_what, pair) => {
    const { url } = await receive(wanting);
    const { send } = connectTo(url, {
      trustedCaFolder: trustedCa(),
      clientCertificateFolder: pair && mount(pairFiles(pair)).path,
    });
    expect(await send()).toMatchObject({
      kind: "retryable",
      answered: false,
      reason: expect.stringContaining("client certificate"),
    });
  });

  it("stops the lane when the pair has expired, before any connection", async () => {
    const receiver = await receive(wanting);
    const { send } = connectTo(receiver.url, {
      trustedCaFolder: trustedCa(),
      clientCertificateFolder: mount(pairFiles(clients.issue(past))).path,
    });
    expect(await send()).toMatchObject({
      kind: "misconfigured",
      reason: expect.stringContaining("the client certificate expired"),
    });
    expect(receiver.handshakes()).toBe(0);
  });
});

describe("rotation", () => {
  it("replaces authority, pair and token on both sides while calls flow, and none is lost", async () => {
    const nextAuthority = createAuthority({ name: "Next authority of the receiver" });
    const nextClients = createAuthority({ name: "Next authority of the clients" });
    const nextServer = nextAuthority.issue(loopback);
    const receiver = await receive({ ...server, ca: clients.cert });
    const trusted = mount({ "ca.crt": authority.cert });
    const own = mount(pairFiles(client));
    let token = createToken({ aud: "otel", n: 0 });
    let tokens = [token];
    const { clock, send } = connectTo(receiver.url, {
      trustedCaFolder: trusted.path,
      clientCertificateFolder: own.path,
      serviceAccountToken: { audience: "otel", token: { current: () => tokens } },
    });
    const outcomes: Promise<unknown>[] = [];
    const shown: (string | undefined)[] = [];
    /** Calls before, at and after the moment at which a change is noticed. */
    const step = async (change: () => void) => {
      outcomes.push(send(), send());
      change();
      outcomes.push(send());
      clock.advance(5000);
      outcomes.push(send(), send());
      await Promise.all(outcomes);
      shown.push(receiver.requests.at(-1)?.client);
    };

    await step(() => {});
    await step(() => trusted.swap({ "ca.crt": authority.cert, "next.crt": nextAuthority.cert }));
    await step(() => receiver.replace({ ...server, ca: [clients.cert, nextClients.cert] }));
    await step(() => own.swap(pairFiles(nextClients.issue({ name: "gateway-2" }))));
    await step(() => receiver.replace({ ...nextServer, ca: nextClients.cert }));
    await step(() => trusted.swap({ "ca.crt": nextAuthority.cert }));
    await step(() => own.swap({ "tls.crt": "half", "tls.key": "" }));
    await step(() => own.swap(pairFiles(nextClients.issue({ name: "gateway-3" }))));
    await step(() => {
      token = createToken({ aud: "otel", n: 1 });
      tokens = [token];
    });

    expect(new Set((await Promise.all(outcomes)).map((outcome) => JSON.stringify(outcome)))).toEqual(
      new Set(['{"kind":"accepted"}']),
    );
    expect(receiver.requests).toHaveLength(outcomes.length);
    expect(shown).toEqual([
      ...Array(3).fill("gateway"),
      ...Array(4).fill("gateway-2"),
      ...Array(2).fill("gateway-3"),
    ]);
    expect(receiver.requests.at(-1)?.authorization).toBe(`Bearer ${token}`);
    // The first, and one for each replaced authority or pair.
    expect(receiver.handshakes()).toBe(5);
  });

  it("lets a call that is under way end on the old connection", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let arrived = () => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const receiver = await receive(
      { ...server, ca: clients.cert },
      {
        hold: () => {
          arrived();
          return held;
        },
      },
    );
    const own = mount(pairFiles(client));
    const { clock, send } = connectTo(receiver.url, {
      trustedCaFolder: mount({ "ca.crt": authority.cert }).path,
      clientCertificateFolder: own.path,
    });
    const before = send();
    await arrival;
    own.swap(pairFiles(clients.issue({ name: "gateway-2" })));
    clock.advance(5000);
    const after = send();
    release();
    expect(await Promise.all([before, after])).toEqual([{ kind: "accepted" }, { kind: "accepted" }]);
    expect(receiver.requests.map(({ client }) => client)).toEqual(["gateway", "gateway-2"]);
  });

  it("lets requests that wait for a connection with the old pair go on", async () => {
    const receiver = await receive({ ...server, ca: clients.cert });
    let material: TlsMaterial = { ca: [authority.cert], ...client };
    const sessions = createSessions({ url: receiver.url, connectTimeoutMs: 5000, tls: () => material });
    onTestFinished(sessions.close);
    const before = sessions.request("POST", "/", {}, {});
    material = { ca: [authority.cert], ...clients.issue({ name: "gateway-2" }) };
    const streams = await Promise.all([before, sessions.request("POST", "/", {}, {})]);
    await Promise.all(
      streams.map(
        (stream) =>
          new Promise((resolve) => {
            stream.once("response", resolve);
            stream.end();
          }),
      ),
    );
    expect(receiver.requests.map(({ client }) => client).sort()).toEqual(["gateway", "gateway-2"]);
  });
});
