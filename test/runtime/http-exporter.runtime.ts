/** Where runtimes differ for OTLP/HTTP: fetch, certificates of its own, and the words of what goes wrong. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { HttpExporterOptions } from "../../pipeline/export/http.ts";
import { httpExporter } from "../export/exporting.ts";
import { accept, startHttp, startHttps, startTcp } from "../export/http-server.ts";
import { createAuthority } from "../support/certificates.ts";

const closing: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closing.reverse()) await close();
});

function exporterFor(origin: string, options: Partial<HttpExporterOptions> = {}) {
  const exporter = httpExporter(origin, { compression: "gzip", ...options });
  closing.push(exporter.close);
  return exporter;
}

const someBytes = new TextEncoder().encode("some bytes");
const authority = createAuthority();
const server = authority.issue({ dns: ["localhost"], ipv4: ["127.0.0.1"] });

test("a request arrives byte for byte, with its headers", async () => {
  const bodies: Uint8Array[] = [];
  const agents: unknown[] = [];
  const { port, close } = await startHttp((request, body, response) => {
    bodies.push(gunzipSync(body));
    agents.push(request.headers["user-agent"]);
    accept(request, body, response);
  });
  closing.push(close);
  const outcome = await exporterFor(`http://127.0.0.1:${port}`).export("logs", someBytes, {});
  assert.deepEqual(outcome, { kind: "accepted" });
  assert.deepEqual(bodies.map(String), [String(Buffer.from(someBytes))]);
  assert.deepEqual(agents, ["test/1"]);
});

test("a private authority is trusted, a client certificate is shown, and replaced for the next request", async () => {
  const { port, connections, close } = await startHttps({
    ...server,
    ca: [authority.cert],
    requestCert: true,
    rejectUnauthorized: true,
  });
  closing.push(close);
  const ca = [authority.cert];
  let tls = { ca, ...authority.issue({ name: "gateway" }) };
  const exporter = exporterFor(`https://127.0.0.1:${port}`, { tls: () => tls });
  assert.deepEqual(await exporter.export("logs", someBytes, {}), { kind: "accepted" });
  tls = { ca, ...authority.issue({ name: "gateway-2" }) };
  assert.deepEqual(await exporter.export("logs", someBytes, {}), { kind: "accepted" });
  assert.equal(connections(), 2);
  const { kind, ...without } = await exporterFor(`https://127.0.0.1:${port}`, { tls: () => ({ ca }) }).export(
    "logs",
    someBytes,
    {},
  );
  assert.equal(kind, "retryable");
  assert.match("reason" in without ? without.reason : "", /client certificate/);
});

test("what goes wrong is told in an operator's words", async () => {
  const plain = await startHttp();
  const secure = await startHttps(server);
  const silent = await startTcp(() => {});
  const cut = await startTcp((socket) =>
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")),
  );
  const away = await startTcp(() => {});
  await away.close();
  closing.push(plain.close, secure.close, silent.close, cut.close);
  const cases: [string, RegExp, { isUnsent: true }?][] = [
    [`http://127.0.0.1:${away.port}`, /connection was refused/, { isUnsent: true }],
    ["http://collector.invalid:4318", /host name/, { isUnsent: true }],
    [`https://127.0.0.1:${plain.port}`, /does not speak TLS/, { isUnsent: true }],
    [`https://127.0.0.1:${secure.port}`, /authority is not trusted/, { isUnsent: true }],
    [`http://127.0.0.1:${cut.port}`, /before its answer was complete/],
    [`http://127.0.0.1:${silent.port}`, /No complete answer came within 2000 ms/],
  ];
  for (const [origin, reason, unsent] of cases) {
    const outcome = await exporterFor(origin, { timeoutMs: 2000 }).export("metrics", someBytes, {});
    assert.ok(outcome.kind === "retryable" && !outcome.answered, `${origin}: ${outcome.kind}`);
    assert.match(outcome.reason, reason);
    assert.equal(outcome.isUnsent, unsent?.isUnsent, origin);
  }
});
