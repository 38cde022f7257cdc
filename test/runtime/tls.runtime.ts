/** Where runtimes differ for OTLP/gRPC over TLS: certificates of its own, and what becomes of a refused handshake. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createAuthenticatedExporter } from "../../pipeline/export/authenticated.ts";
import { type CredentialOptions, createCredentials } from "../../pipeline/export/credentials.ts";
import { createGrpcExporter } from "../../pipeline/export/grpc.ts";
import { createAuthority } from "../support/certificates.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createMountedFolder, type Files } from "../support/mounted-folder.ts";
import { startTlsReceiver } from "../support/tls-receiver.ts";

const closing: (() => unknown)[] = [];
after(async () => {
  for (const close of closing.reverse()) await close();
});

const authority = createAuthority({ name: "Receivers" });
const clients = createAuthority({ name: "Clients" });
const server = authority.issue({ dns: ["localhost"], ipv4: ["127.0.0.1"] });

function pairOf(name: string): Files {
  const below = clients.delegate({ name: `Below ${name}` });
  const { cert, key } = below.issue({ name });
  return { "client_cert.pem": cert, "client_key.pem": key, "client_intermediate_certs.pem": below.cert };
}

function mount(files: Files) {
  const folder = createMountedFolder(files);
  closing.push(folder.remove);
  return folder;
}

function exporterFor(url: string, options: Omit<CredentialOptions, "clock">) {
  const clock = createFakeClock({ nowUs: Date.now() * 1000 });
  const credentials = createCredentials({ ...options, clock });
  const { headers, tls } = credentials;
  const exporter = createAuthenticatedExporter(
    createGrpcExporter({ url, timeoutMs: 5000, compression: "none", headers, userAgent: "test/1", tls }),
    credentials,
  );
  closing.push(exporter.close);
  return { clock, send: () => exporter.export("logs", new Uint8Array(), {}) };
}

test("a private authority is trusted, a client certificate is shown, and a good new one replaces it", async () => {
  const receiver = await startTlsReceiver({ ...server, ca: clients.cert });
  closing.push(receiver.close);
  const own = mount(pairOf("one"));
  const { clock, send } = exporterFor(receiver.url, {
    trustedCaFolder: mount({ "ca.crt": authority.cert }).path,
    clientCertificateFolder: own.path,
  });
  assert.deepEqual(await send(), { kind: "accepted" });
  own.swap({ ...pairOf("broken"), "client_key.pem": String(clients.issue().key) });
  clock.advance(5000);
  assert.deepEqual(await send(), { kind: "accepted" });
  own.swap(pairOf("two"));
  clock.advance(5000);
  assert.deepEqual(await send(), { kind: "accepted" });
  assert.deepEqual(
    receiver.requests.map(({ client }) => client),
    ["one", "one", "two"],
  );
});

test("a receiver that wants a client certificate and gets none is told apart, and the exporter closes", async () => {
  const receiver = await startTlsReceiver({ ...server, ca: clients.cert });
  closing.push(receiver.close);
  const { send } = exporterFor(receiver.url, { trustedCaFolder: mount({ "ca.crt": authority.cert }).path });
  const outcome = await send();
  assert.equal(outcome.kind, "retryable");
  assert.match(outcome.kind === "retryable" ? outcome.reason : "", /client certificate/);
});

test("a receiver of another authority is not trusted", async () => {
  const receiver = await startTlsReceiver(clients.issue({ dns: ["localhost"], ipv4: ["127.0.0.1"] }));
  closing.push(receiver.close);
  const { send } = exporterFor(receiver.url, { trustedCaFolder: mount({ "ca.crt": authority.cert }).path });
  const outcome = await send();
  assert.match(outcome.kind === "retryable" ? outcome.reason : "", /authority is not trusted/);
});
