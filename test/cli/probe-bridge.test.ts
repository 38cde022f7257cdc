import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { IConnackPacket } from "mqtt-packet";
import { describe, expect, it, onTestFinished } from "vitest";
import { probe } from "../../cli/probe.ts";
import { walkToBroker } from "../../cli/probe-bridge.ts";
import { createSecrets } from "../../handlers/runtime/secrets.ts";
import { systemClock } from "../../pipeline/clock.ts";
import type { BridgeConfig } from "../../pipeline/config/config.ts";
import { startPeer } from "../handlers/bridge-peer.ts";
import { bridgeConfig } from "../handlers/bridge-setup.ts";
import { createAuthority } from "../support/certificates.ts";
import { createPlainFolder } from "../support/mounted-folder.ts";

const secrets = createSecrets({ clock: systemClock, environment: { PASSWORD: "hunter2" } });
const withPassword = (env: string): Partial<BridgeConfig> => ({
  authentication: { method: "UsernamePassword", username: "gateway", password: { env } },
});

async function ask(fields: Partial<BridgeConfig>) {
  const { lines, isGood } = await probe({ bridges: [bridgeConfig(fields)], destinations: [] }, secrets);
  return { lines: lines.map((line) => line.replace(/^bridge plant /, "")), isGood };
}

/** What is said of a broker that answers CONNECT so. */
async function answered(connack: Partial<IConnackPacket>, fields: Partial<BridgeConfig> = {}) {
  const peer = await startPeer({ protocolVersion: fields.protocolVersion ?? 5 });
  const asked = ask({ url: peer.url, ...fields });
  const connection = await peer.connection();
  connection.send({ cmd: "connack", reasonCode: 0, sessionPresent: false, ...connack });
  if ((connack.reasonCode ?? 0) + (connack.returnCode ?? 0) > 0 || connack.sessionPresent) {
    return { ...(await answerOf()), ending: undefined };
  }
  await connection.closed;
  const ending = await peer.connection();
  ending.send({ cmd: "connack", reasonCode: 0, returnCode: 0, sessionPresent: true });
  await ending.closed;
  return { ...(await answerOf()), ending };

  async function answerOf() {
    const answer = await asked;
    await connection.closed;
    return { ...answer, last: answer.lines.at(-1), connection, port: new URL(peer.url).port };
  }
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("probe() of a bridge", () => {
  it("says what a broker's answer breaks that cannot be read", async () => {
    const peer = await startPeer();
    const asked = ask({ url: peer.url });
    const connection = await peer.connection();
    connection.sendBytes("20 04 00 00 01 13");
    const { lines, isGood } = await asked;
    expect(isGood).toBe(false);
    expect(lines.at(-1)).toContain("an answer with a Keep Alive that cannot be read");
  });

  it("goes to the broker's answer, with a session of its own and without a subscription", async () => {
    const fields = { ...withPassword("PASSWORD"), clientIdPrefix: "edge-" };
    const { lines, isGood, port, connection, ending } = await answered({}, fields);
    expect(isGood).toBe(true);
    expect(lines).toEqual([
      "DNS: ok, 127.0.0.1 is an address",
      `TCP: ok, port ${port} is open`,
      "TLS: ok, off",
      "credential: ok, UsernamePassword",
      expect.stringMatching(
        /^MQTT: ok, the broker took the connection of client edge-plant-probe-[0-9a-f]{8}, .*nothing was subscribed to/,
      ),
    ]);
    expect(connection.connect).toMatchObject({
      clean: false,
      clientId: expect.stringMatching(/^edge-plant-probe-[0-9a-f]{8}$/),
      username: "gateway",
    });
    expect(connection.received.map(({ cmd }) => cmd)).toEqual(["disconnect"]);
    expect(ending?.connect).toMatchObject({
      clean: true,
      clientId: connection.connect.clientId,
      properties: { sessionExpiryInterval: 0 },
    });
    expect(ending?.received.map(({ cmd }) => cmd)).toEqual(["disconnect"]);
    expect(lines.join()).not.toContain("hunter2");
  });

  it("leaves a session as it is that was there before, with its messages", async () => {
    const peer = await startPeer();
    const asked = ask({ url: peer.url, sessionExpirySeconds: 3600 });
    const connection = await peer.connection();
    const publish = { cmd: "publish", topic: "plant/a", payload: "1", dup: false, retain: false } as const;
    connection.send(
      { cmd: "connack", reasonCode: 0, sessionPresent: true },
      { ...publish, qos: 1, messageId: 1 },
    );
    const second = peer.connection().then(() => Promise.reject(new Error("Met a second connection")));
    const { lines, isGood } = await Promise.race([asked, second]);
    await connection.closed;
    expect(isGood).toBe(true);
    expect(lines.at(-1)).toContain("it has one of its own for this user, whose session is left as it is");
    expect(connection.connect).toMatchObject({ clean: false, properties: { sessionExpiryInterval: 3600 } });
    expect(connection.received.map(({ cmd }) => cmd)).not.toContain("puback");
  });

  it.each([
    [{ reasonCode: 0x86 }, {}, /does not know this user name and password: .* \(reason code 0x86\)$/],
    [
      { reasonCode: 0x87, properties: { reasonString: "not you" } },
      {},
      /does not authorize .* \(reason code 0x87, "not you"\)$/,
    ],
    [{ returnCode: 2 }, { protocolVersion: 4 }, /does not take the Client Identifier: set clientIdPrefix/],
    [
      { properties: { sharedSubscriptionAvailable: false } },
      { sharedSubscription: "g" },
      /no shared subscriptions: leave sharedSubscription out/,
    ],
    [{ properties: { wildcardSubscriptionAvailable: false } }, {}, /no subscriptions with wildcards/],
  ] as [Partial<IConnackPacket>, Partial<BridgeConfig>, RegExp][])(
    "fails at an answer with %j, and says what to do",
    async (connack, fields, reason) => {
      const { last, isGood } = await answered(connack, fields);
      expect(isGood).toBe(false);
      expect(last).toMatch(/^MQTT: failed, The broker /);
      expect(last).toMatch(reason);
    },
  );

  it("ends its session in MQTT 3.1.1 too", async () => {
    const { isGood, ending } = await answered({ returnCode: 0 }, { protocolVersion: 4 });
    expect(isGood).toBe(true);
    expect(ending?.connect).toMatchObject({ clean: true, protocolVersion: 4 });
    expect(ending?.connect.properties).toBeUndefined();
  });

  it("remarks that the broker has QoS 0 alone", async () => {
    const { last, isGood } = await answered({ properties: { maximumQoS: 0 } });
    expect(isGood).toBe(true);
    expect(last).toContain("highest QoS is 0");
  });

  it("says that nobody listens", async () => {
    const server = createServer();
    const address = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await ask({ url: `mqtt://${address}` })).toEqual({
      isGood: false,
      lines: [
        "DNS: ok, 127.0.0.1 is an address",
        "TCP: failed, The connection was refused: check host and port, and that the broker runs",
        "TLS: skipped, TCP failed",
        "credential: ok, Anonymous",
        "MQTT: skipped, TCP failed",
      ],
    });
  });

  it("says that the broker's certificate is not trusted, and connects no further", async () => {
    const { cert, key } = createAuthority().issue({ name: "broker", ipv4: ["127.0.0.1"] });
    const url = `mqtts://${await listen(createTlsServer({ cert, key }, (socket) => socket.resume()))}`;
    const { lines } = await ask({ url });
    expect(lines[2]).toMatch(/^TLS: failed, The broker's certificate authority is not trusted/);
    expect(lines.at(-1)).toBe("MQTT: skipped, TLS failed");
  });

  it("trusts the configured authority, and says when it ends", async () => {
    const authority = createAuthority();
    const { path, remove } = createPlainFolder({ "ca.crt": authority.cert });
    onTestFinished(remove);
    const leaf = authority.issue({ name: "broker", ipv4: ["127.0.0.1"] });
    const url = `mqtts://${await listen(createTlsServer(leaf, (socket) => socket.end()))}`;
    const { lines } = await ask({ url, trustedCaFolder: path });
    expect(lines[2]).toMatch(/^TLS: ok, TLSv1\.3 for 127\.0\.0\.1, certificate of CN=broker/);
    expect(lines[3]).toMatch(/^credential: ok, Anonymous; trustedCa ends at 20/);
    expect(lines[4]).toBe("MQTT: failed, The broker closed the connection: look into its log");
  });

  it("sends nothing without its password", async () => {
    const received: Buffer[] = [];
    const server = createServer((socket) => socket.on("data", (data) => received.push(data)));
    const { lines, isGood } = await ask({ url: `mqtt://${await listen(server)}`, ...withPassword("NONE") });
    expect(isGood).toBe(false);
    expect(lines[3]).toMatch(/^credential: failed, The password cannot be read/);
    expect(lines[4]).toBe("MQTT: skipped, credential failed");
    expect(received).toEqual([]);
  });

  it("says that a port never answers", async () => {
    const server = createServer((socket) => socket.on("error", () => undefined).resume());
    const config = bridgeConfig({ url: `mqtt://${await listen(server)}` });
    const steps = await walkToBroker(config, secrets, { timeoutMs: 50 });
    expect(steps.at(-1)).toEqual({
      name: "MQTT",
      result: {
        kind: "failed",
        text: "The broker did not answer in time: check host and port, and that the port speaks MQTT",
      },
    });
  });
});
