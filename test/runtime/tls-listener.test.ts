import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { Agent, type AgentOptions, request } from "node:https";
import { connect, type TLSSocket } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Listening, listen } from "../../handlers/runtime/node.ts";
import type { SourceConfig } from "../../pipeline/config/config.ts";
import { createTestApp, sourceConfig, validMetrics } from "../support/app.ts";
import { createAuthority, createSelfSigned, type LeafOptions } from "../support/certificates.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { createMountedFolder, type Files } from "../support/mounted-folder.ts";

const authority = createAuthority({ name: "Listeners" });
const clients = createAuthority({ name: "Clients" });
const strangers = createAuthority({ name: "Strangers" });
const own = { dns: ["localhost"], ipv4: ["127.0.0.1"] };
const checkMs = 5000;

function pair(name: string, more: LeafOptions = {}): Files {
  const { cert, key } = authority.issue({ ...own, name, ...more });
  return { "tls.crt": cert, "tls.key": key };
}

/** Two sources: `open`, and `devices`, which wants a client certificate when there are authorities for them. */
async function start({ files = pair("first"), names = [] as string[], asks = true } = {}) {
  const clock = createFakeClock({ nowUs: Date.now() * 1000 });
  const logger = createFakeLogger();
  const folder = createMountedFolder({ "clients.crt": clients.cert, ...files });
  onTestFinished(folder.remove);
  const sources: SourceConfig[] = [
    sourceConfig({ name: "open" }),
    sourceConfig({ name: "devices", authentication: { method: "ClientCertificate", names } }),
  ];
  const test = createTestApp({ sources });
  test.clock.jumpWall(clock.nowUs() / 1000 - test.clock.nowUs() / 1000);
  const server: Listening = await listen(
    (request, peer) => test.app.fetch(request, peer),
    {
      host: "127.0.0.1",
      port: 0,
      tls: {
        certificateFile: `${folder.path}/tls.crt`,
        keyFile: `${folder.path}/tls.key`,
        clientCaFile: asks ? `${folder.path}/clients.crt` : undefined,
      },
    },
    { clock, logger },
  );
  onTestFinished(() => server.close({ graceMs: 0 }));
  const swap = (next: Files, laterMs = checkMs) => {
    folder.swap({ "clients.crt": clients.cert, ...next });
    clock.advance(laterMs);
  };
  return { ...test, server, logger, swap, clock, appClock: test.clock };
}

interface Answer {
  status: number | undefined;
  detail: string | undefined;
  /** Common name that the server showed. */
  shown: string;
  socket: TLSSocket;
  connection: string | undefined;
}

/** Posts a message; connections of one agent are used again. */
function createSender(url: string, tls: AgentOptions = {}) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority.cert, ...tls });
  onTestFinished(() => agent.destroy());
  return async (source: string): Promise<Answer> => {
    const sending = request(`${url}/webhooks/${source}`, {
      method: "POST",
      agent,
      headers: { "Mqtt-Topic": "a" },
    });
    sending.end(validMetrics);
    const [response] = await once(sending, "response");
    const socket = response.socket as TLSSocket;
    const shown = String(socket.getPeerCertificate().subject.CN);
    let body = "";
    for await (const chunk of response) body += chunk;
    return {
      status: response.statusCode,
      detail: JSON.parse(body).detail,
      shown,
      socket,
      connection: response.headers.connection,
    };
  };
}

describe("the TLS listener", () => {
  it("serves with the certificate of its files", async () => {
    const { server } = await start({ asks: false });
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await createSender(server.url)("open")).toMatchObject({ status: 200, shown: "first" });
  });

  it("shows its intermediates, whatever their order in the file", async () => {
    const below = authority.delegate();
    const { cert, key } = below.issue({ ...own, name: "below" });
    const { server } = await start({ files: { "tls.crt": below.cert + cert, "tls.key": key } });
    expect(await createSender(server.url)("open")).toMatchObject({ status: 200, shown: "below" });
  });

  it("takes no TLS before 1.2, and none of it without TLS", async () => {
    const { server } = await start();
    const { port } = new URL(server.url);
    const old = connect({
      port: Number(port),
      host: "127.0.0.1",
      ca: authority.cert,
      maxVersion: "TLSv1.1",
      minVersion: "TLSv1",
    });
    await expect(once(old, "secureConnect")).rejects.toThrow();
    await expect(fetch(server.url.replace("https", "http"))).rejects.toThrow();
    expect(await createSender(server.url)("open")).toMatchObject({ status: 200 });
  });

  it("shows a new certificate to new connections, and lets those that are open go on", async () => {
    const { server, swap, logger } = await start();
    const early = createSender(server.url);
    const first = await early("open");
    swap(pair("second"));
    expect(await createSender(server.url)("open")).toMatchObject({ status: 200, shown: "second" });
    const again = await early("open");
    expect(again).toMatchObject({ status: 200, shown: "first", connection: "keep-alive" });
    expect(again.socket).toBe(first.socket);
    expect(logger.lines).toMatchObject([{ level: "info", message: "TLS listener uses the new certificate" }]);
  });

  it("does not look at its files at each connection", async () => {
    const { server, swap, clock } = await start();
    await createSender(server.url)("open");
    swap(pair("second"), checkMs - 1);
    expect(await createSender(server.url)("open")).toMatchObject({ shown: "first" });
    clock.advance(1);
    expect(await createSender(server.url)("open")).toMatchObject({ shown: "second" });
  });

  it.each([
    [
      "a key of another certificate",
      { ...pair("second"), "tls.key": String(pair("third")["tls.key"]) },
      /is not the key/,
    ],
    [
      "a certificate that is cut short",
      { ...pair("second"), "tls.crt": "-----BEGIN CERTIFICATE-----\nMIIB" },
      /damaged/,
    ],
    ["an empty key", { ...pair("second"), "tls.key": "" }, /it is empty/],
    ["no key", { "tls.crt": String(pair("second")["tls.crt"]) }, /ENOENT/],
    ["an expired certificate", pair("second", { endsAt: new Date(Date.now() - 1000) }), /it expired at/],
    ["one of tomorrow", pair("second", { startsAt: new Date(Date.now() + 3_600_000) }), /not valid before/],
    [
      "a key that is too short for TLS",
      pair("second", { keys: generateKeyPairSync("rsa", { modulusLength: 1024 }) }),
      /key too small/,
    ],
    ["authorities that cannot be read", { ...pair("second"), "clients.crt": "nothing" }, /clientCaFile/],
  ] as [string, Files, RegExp][])(
    "keeps what it has instead of %s, says so once, and takes a good one then",
    async (_, files, reason) => {
      const { server, swap, logger } = await start();
      for (let i = 0; i < 2; i++) {
        swap(files);
        expect(await createSender(server.url)("open")).toMatchObject({ status: 200, shown: "first" });
      }
      expect(logger.lines).toMatchObject([
        { level: "warn", fields: { reason: expect.stringMatching(reason) } },
      ]);
      expect(JSON.stringify(logger.lines)).not.toContain("PRIVATE");
      swap(pair("fourth"));
      expect(await createSender(server.url)("open")).toMatchObject({ shown: "fourth" });
    },
  );

  it("says when its certificate has expired and there is no new one", async () => {
    const { server, clock, logger } = await start({
      files: pair("first", { endsAt: new Date(Date.now() + 60_000) }),
    });
    await createSender(server.url)("open");
    expect(logger.lines).toEqual([]);
    clock.advance(61_000);
    await createSender(server.url)("open");
    expect(logger.lines).toMatchObject([
      { level: "warn", fields: { reason: expect.stringMatching(/it expired at/) } },
    ]);
  });

  it("starts with an expired certificate, since delivery need not wait for a new one", async () => {
    const { server, logger } = await start({ files: pair("old", { endsAt: new Date(Date.now() - 1000) }) });
    expect(logger.lines).toMatchObject([
      { level: "warn", fields: { reason: expect.stringMatching(/it expired at/) } },
    ]);
    expect(await createSender(server.url, { rejectUnauthorized: false })("open")).toMatchObject({
      shown: "old",
    });
  });

  it.each([
    ["no certificate", {}],
    ["a key of another", { ...pair("first"), "tls.key": String(pair("second")["tls.key"]) }],
  ] as [string, Files][])("does not start with %s", async (_, files) => {
    await expect(start({ files: { "tls.crt": "", "tls.key": "", ...files } })).rejects.toThrow(
      /^Cannot use (keyFile|certificateFile)/,
    );
  });

  it("outlives a sender that breaks its handshake off", async () => {
    const { server, logger } = await start();
    const { port } = new URL(server.url);
    const stranger = connect({ port: Number(port), host: "127.0.0.1" });
    await once(stranger, "error");
    await expect
      .poll(() => logger.lines)
      .toMatchObject([{ level: "debug", message: "A TLS handshake failed" }]);
    expect(await createSender(server.url)("open")).toMatchObject({ status: 200 });
  });
});

describe("client certificates", () => {
  it("lets one of a known authority in, and others with another credential on the same listener", async () => {
    const { server } = await start();
    expect(await createSender(server.url, clients.issue({ name: "line-1" }))("devices")).toMatchObject({
      status: 200,
    });
    expect(await createSender(server.url)("open")).toMatchObject({ status: 200 });
    expect(await createSender(server.url, strangers.issue())("open")).toMatchObject({ status: 200 });
  });

  it.each([
    ["none", {}, /wanted a client certificate$/],
    ["one of another authority", strangers.issue({ name: "line-1" }), /trusted here \(/],
    ["one that signs itself", createSelfSigned({ name: "line-1" }), /trusted here \(/],
    [
      "one that has expired",
      clients.issue({ name: "line-1", endsAt: new Date(Date.now() - 1000) }),
      /\(CERT_HAS_EXPIRED\)/,
    ],
    [
      "another name",
      clients.issue({ name: "line-2", dns: ["line-1.example", "xline-1"] }),
      /a name that may post here/,
    ],
    [
      "the name as a part of one",
      clients.issue({ name: "x, CN=line-1", dns: ["x, DNS:line-1"] }),
      /a name that may/,
    ],
    ["the name as an address", clients.issue({ name: "x", uri: ["dns:line-1"] }), /a name that may/],
  ] as [string, { cert?: string; key?: string }, RegExp][])(
    "turns %s away with 401",
    async (_, shown, detail) => {
      const { server, status } = await start({ names: ["line-1"] });
      const answer = await createSender(server.url, shown)("devices");
      expect(answer).toMatchObject({ status: 401, detail: expect.stringMatching(detail) });
      expect(await status()).toMatchObject({ received: 0, refused: { unauthorized: 1 } });
    },
  );

  it.each([
    ["Common Name", clients.issue({ name: "Line-1" })],
    ["DNS name", clients.issue({ name: "x", dns: ["a", "line-1"] })],
    ["URI", clients.issue({ name: "x", uri: ["spiffe://plant/line-1"] })],
  ])("knows a name as %s", async (_, shown) => {
    const { server } = await start({ names: ["line-1", "spiffe://plant/line-1"] });
    expect(await createSender(server.url, shown)("devices")).toMatchObject({ status: 200 });
  });

  it("of an authority below the known one is trusted, when the sender or the file has that one too", async () => {
    const below = clients.delegate({ name: "Line 1" });
    const { cert, key } = below.issue({ name: "a" });
    const { server, swap } = await start();
    const senderOf = (shown: string) => createSender(server.url, { cert: shown, key });
    expect(await senderOf(cert)("devices")).toMatchObject({ status: 401 });
    expect(await senderOf(cert + below.cert)("devices")).toMatchObject({ status: 200 });
    swap({ ...pair("second"), "clients.crt": clients.cert + below.cert });
    expect(await senderOf(cert)("devices")).toMatchObject({ status: 200 });
  });

  it("a session that is resumed shows no more than the first one did", async () => {
    const { server } = await start();
    const { port } = new URL(server.url);
    const open = async (session?: Buffer) => {
      const socket = connect({
        port: Number(port),
        host: "127.0.0.1",
        ca: authority.cert,
        ...(session ? { session } : {}),
      });
      let ticket: Buffer | undefined;
      socket.on("session", (session: Buffer) => {
        ticket = session;
      });
      socket.write(
        "POST /webhooks/devices HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
      );
      let text = "";
      let isReused = false;
      for await (const chunk of socket) {
        isReused = socket.isSessionReused();
        text += chunk;
      }
      return { text, isReused, ticket };
    };
    const { ticket, text } = await open();
    expect(text).toMatch(/^HTTP\/1\.1 401/);
    const resumed = await open(ticket);
    expect(resumed.isReused).toBe(true);
    expect(resumed.text).toMatch(/^HTTP\/1\.1 401/);
  });

  it("one that expires on an open connection is let in no more", async () => {
    const { server, appClock } = await start();
    const send = createSender(
      server.url,
      clients.issue({ name: "line-1", endsAt: new Date(Date.now() + 60_000) }),
    );
    expect(await send("devices")).toMatchObject({ status: 200 });
    appClock.advance(61_000);
    expect(await send("devices")).toMatchObject({
      status: 401,
      detail: expect.stringMatching(/has not expired/),
    });
  });

  it("new authorities count at once, and connections of the older ones end after one more answer", async () => {
    const { server, swap, clock } = await start();
    const old = createSender(server.url, clients.issue({ name: "line-1" }));
    const young = createSender(server.url, strangers.issue({ name: "line-2" }));
    expect(await old("devices")).toMatchObject({ status: 200, connection: "keep-alive" });
    expect(await young("open")).toMatchObject({ status: 200 });
    swap({ ...pair("second"), "clients.crt": strangers.cert });
    expect(await old("devices")).toMatchObject({ status: 200, connection: "close" });
    expect(await old("devices")).toMatchObject({ status: 401 });
    expect(await young("open")).toMatchObject({ connection: "close" });
    expect(await young("devices")).toMatchObject({ status: 200 });
    clock.advance(15_000);
    expect(await createSender(server.url, strangers.issue())("devices")).toMatchObject({
      connection: "keep-alive",
    });
  });

  it("are not there without TLS", async () => {
    const { app } = createTestApp({
      sources: [sourceConfig({ authentication: { method: "ClientCertificate", names: [] } })],
    });
    const response = await app.request("/webhooks/raw", { method: "POST", body: validMetrics });
    expect(response.headers.get("www-authenticate")).toBe('ClientCertificate realm="raw"');
    expect(response.status).toBe(401);
  });
});
