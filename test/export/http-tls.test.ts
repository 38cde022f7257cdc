import type { IncomingMessage } from "node:http";
import tls from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ExportOutcome } from "../../pipeline/export/exporter.ts";
import type { TlsMaterial } from "../../pipeline/export/tls.ts";
import { createAuthority, createSelfSigned } from "../support/certificates.ts";
import { httpExporter } from "./exporting.ts";
import { accept, startHttps } from "./http-server.ts";

const dayMs = 86_400_000;
const authority = createAuthority({ name: "Plant authority" });
const otherAuthority = createAuthority({ name: "Other authority" });
const names = { dns: ["localhost"], ipv4: ["127.0.0.1"] };
const server = authority.issue(names);
const client = authority.issue({ name: "gateway" });
const trusting: TlsMaterial = { ca: [authority.cert] };

async function receiver(...options: Parameters<typeof startHttps>) {
  const started = await startHttps(...options);
  onTestFinished(started.close);
  return started;
}

function exporterFor(port: number, tls?: () => TlsMaterial) {
  const exporter = httpExporter(`https://127.0.0.1:${port}`, { tls });
  onTestFinished(exporter.close);
  return exporter;
}

function exportTo(port: number, material?: TlsMaterial): Promise<ExportOutcome> {
  const exporter = exporterFor(port, material && (() => material));
  return exporter.export("metrics", new Uint8Array(), {});
}

/** The common name of the certificate that the client showed. */
function clientOf({ socket }: IncomingMessage): string {
  return socket instanceof tls.TLSSocket ? String(socket.getPeerCertificate().subject?.CN) : "";
}

function unanswered(reason: RegExp) {
  return { kind: "retryable", answered: false, reason: expect.stringMatching(reason) };
}

/** The same, and no byte of the request has left: the handshake did not come to its end. */
function unsent(reason: RegExp) {
  return { ...unanswered(reason), isUnsent: true };
}

describe("export() over TLS", () => {
  it("trusts a private authority, and the intermediates below it", async () => {
    const intermediate = authority.delegate();
    const leaf = intermediate.issue(names);
    const { port } = await receiver({ key: leaf.key, cert: leaf.cert + intermediate.cert });
    expect(await exportTo(port, trusting)).toEqual({ kind: "accepted" });
  });

  it("trusts what the machine trusts when nothing is configured", async () => {
    const { port } = await receiver(server);
    expect(await exportTo(port)).toEqual(unsent(/authority is not trusted/));
  });

  it.each([
    ["another authority", authority.issue(names), /authority is not trusted/],
    ["itself", createSelfSigned(names), /is self-signed/],
  ])("does not trust a certificate signed by %s", async (_name, certificate, reason) => {
    const { port } = await receiver(certificate);
    expect(await exportTo(port, { ca: [otherAuthority.cert] })).toEqual(unsent(reason));
  });

  it("trusts no authority of the same name with another key", async () => {
    const { port } = await receiver(server);
    const impostor = createAuthority({ name: "Plant authority" });
    expect(await exportTo(port, { ca: [impostor.cert] })).toEqual(unsent(/not trusted/));
  });

  it.each([
    ["for another host", { dns: ["other"] }, /for another host name/],
    ["that has expired", { ...names, endsAt: new Date(Date.now() - dayMs / 2) }, /has expired/],
    ["that is not valid yet", { ...names, startsAt: new Date(Date.now() + dayMs / 2) }, /not valid yet/],
  ])("does not trust a certificate %s", async (_name, leaf, reason) => {
    const { port } = await receiver(authority.issue(leaf));
    expect(await exportTo(port, trusting)).toEqual(unsent(reason));
  });

  it("speaks TLS 1.2", async () => {
    const { port } = await receiver({ ...server, maxVersion: "TLSv1.2" });
    expect(await exportTo(port, trusting)).toEqual({ kind: "accepted" });
  });

  it("speaks nothing older, even where the runtime would", async () => {
    const { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS } = tls;
    onTestFinished(() => void Object.assign(tls, { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS }));
    Object.assign(tls, { DEFAULT_MIN_VERSION: "TLSv1.1", DEFAULT_CIPHERS: "DEFAULT@SECLEVEL=0" });
    const { port } = await receiver({ ...server, minVersion: "TLSv1.1", maxVersion: "TLSv1.1" });
    expect(await exportTo(port, trusting)).toEqual(unsent(/no version of TLS that is safe/));
  });

  it("trusts nobody else where the runtime was told to trust anybody", async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
    onTestFinished(() => void delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
    const { port } = await receiver(server);
    expect(await exportTo(port, { ca: [otherAuthority.cert] })).toEqual(unsent(/not trusted/));
  });
});

describe("export() over mutual TLS", () => {
  const mutual = { ...server, ca: [authority.cert], requestCert: true };
  const own = { ...trusting, cert: client.cert, key: client.key };

  it("shows its certificate, with the intermediates", async () => {
    const intermediate = authority.delegate();
    const leaf = intermediate.issue({ name: "gateway-7" });
    const shown: string[] = [];
    const { port } = await receiver(mutual, (request, body, response) => {
      shown.push(clientOf(request));
      accept(request, body, response);
    });
    const outcome = await exportTo(port, { ...trusting, cert: leaf.cert + intermediate.cert, key: leaf.key });
    expect(outcome).toEqual({ kind: "accepted" });
    expect(shown).toEqual(["gateway-7"]);
  });

  it.each([
    ["TLSv1.2", unsent(/whether it wants a client certificate/)],
    // The client's handshake ends first: the request may be on its way.
    ["TLSv1.3", unanswered(/wants a client certificate that it trusts/)],
  ] as const)("says so when it has no certificate, with %s", async (version, outcome) => {
    const { port } = await receiver({ ...mutual, minVersion: version, maxVersion: version });
    expect(await exportTo(port, trusting)).toEqual(outcome);
  });

  it("says so when its certificate is not trusted", async () => {
    const { port } = await receiver(mutual);
    const stranger = otherAuthority.issue({ name: "gateway" });
    const outcome = await exportTo(port, { ...trusting, cert: stranger.cert, key: stranger.key });
    expect(outcome).toEqual(unanswered(/client certificate/));
  });

  it.each([
    ["is not PEM", { cert: "junk", key: client.key }, /not valid PEM/],
    ["is not that of its key", { cert: client.cert, key: server.key }, /does not belong to its certificate/],
  ])("says so when its certificate %s", async (_name, pair, reason) => {
    const { port } = await receiver(mutual);
    expect(await exportTo(port, { ...trusting, ...pair })).toEqual(unsent(reason));
  });

  it("uses a new certificate for the next request, and finishes the one under way with the old one", async () => {
    const arrived = Promise.withResolvers<void>();
    const rotated = Promise.withResolvers<void>();
    const shown: string[] = [];
    const { port, connections } = await receiver(mutual, async (request, body, response) => {
      shown.push(clientOf(request));
      if (shown.length === 1) {
        arrived.resolve();
        await rotated.promise;
      }
      accept(request, body, response);
    });
    let material: TlsMaterial = { ...own };
    const exporter = exporterFor(port, () => material);
    const underWay = exporter.export("metrics", new Uint8Array(), {});
    await arrived.promise;
    const next = authority.issue({ name: "gateway-2" });
    material = { ...trusting, cert: next.cert, key: next.key };
    expect(await exporter.export("metrics", new Uint8Array(), {})).toEqual({ kind: "accepted" });
    rotated.resolve();
    expect(await underWay).toEqual({ kind: "accepted" });
    expect(shown).toEqual(["gateway", "gateway-2"]);
    expect(connections()).toBe(2);
  });

  it("closes the connections of an old certificate", async () => {
    const { port, server: listening } = await receiver(mutual);
    // Neither side would close them soon for being idle.
    listening.keepAliveTimeout = 600_000;
    let material: TlsMaterial = { ...own };
    const exporter = exporterFor(port, () => material);
    const closed = new Promise((resolve) => {
      listening.once("secureConnection", (socket) => socket.once("close", resolve));
    });
    await exporter.export("metrics", new Uint8Array(), {});
    material = { ...own };
    await exporter.export("metrics", new Uint8Array(), {});
    await closed;
  });

  it("loses no request while certificates and authorities of both sides are replaced under load", async () => {
    const { port, server: listening } = await receiver(mutual);
    let material: TlsMaterial = own;
    const exporter = exporterFor(port, () => material);
    const outcomes: ExportOutcome[] = [];
    let isRotating = true;
    const send = async () => {
      while (isRotating) outcomes.push(await exporter.export("metrics", new Uint8Array(2000), {}));
    };
    const load = [send(), send(), send()];
    let previous = authority;
    let serverPair = server;
    for (let round = 1; round <= 4; round += 1) {
      // As it is done in practice: first both are trusted, then the certificates change, then the old one goes.
      const next = createAuthority({ name: `Authority ${round}` });
      const both = [previous.cert, next.cert];
      listening.setSecureContext({ ...serverPair, ca: both });
      material = { ...material, ca: both };
      await someMore(outcomes);
      serverPair = next.issue(names);
      listening.setSecureContext({ ...serverPair, ca: both });
      const { cert, key } = next.issue({ name: `gateway-${round}` });
      material = { ca: both, cert, key };
      await someMore(outcomes);
      listening.setSecureContext({ ...serverPair, ca: [next.cert] });
      material = { ca: [next.cert], cert, key };
      await someMore(outcomes);
      previous = next;
    }
    isRotating = false;
    await Promise.all(load);
    expect(outcomes.filter(({ kind }) => kind !== "accepted")).toEqual([]);
    expect(outcomes.length).toBeGreaterThan(100);
  });
});

/** Resolves once ten more requests have come to their end. */
async function someMore(outcomes: readonly ExportOutcome[]): Promise<void> {
  const wanted = outcomes.length + 10;
  while (outcomes.length < wanted) await new Promise((resolve) => setImmediate(resolve));
}
