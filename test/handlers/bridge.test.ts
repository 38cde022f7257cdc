import { join } from "node:path";
import mqtt from "mqtt";
import { describe, expect, it, onTestFinished } from "vitest";
import { type BridgeOptions, createBridge } from "../../handlers/bridge/bridge.ts";
import { createBridgeCredentials } from "../../handlers/bridge/credentials.ts";
import type { IdBlock } from "../../handlers/bridge/ids.ts";
import type { BridgeConfig } from "../../pipeline/config/config.ts";
import { DiskFullError, StoreFullError } from "../../pipeline/errors.ts";
import type { Secret } from "../../pipeline/secret.ts";
import { createAuthority } from "../support/certificates.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { createPlainFolder } from "../support/mounted-folder.ts";
import { createToken } from "../support/token.ts";
import { type PeerConnection, publish, startPeer, suback } from "./bridge-peer.ts";
import { bridgeConfig, createHeldReceiver, turn } from "./bridge-setup.ts";

interface RunOptions extends Partial<Pick<BridgeOptions, "journal" | "subscriptions">> {
  password?: Secret;
  token?: Secret;
}

function run(fields: Partial<BridgeConfig>, { password, token, ...journals }: RunOptions = {}) {
  const config = bridgeConfig(fields);
  const clock = createFakeClock();
  const logger = createFakeLogger();
  const receiver = createHeldReceiver();
  const bridge = createBridge({
    config,
    instanceId: "instance",
    credentials: createBridgeCredentials(config, { password, token, clock }),
    connect: (options) => mqtt.connect(options),
    receiver,
    packetBytesMax: 1_000,
    ...journals,
    clock,
    logger,
    random: () => 0.5,
  });
  const running = bridge.run();
  const stop = async () => {
    await bridge.stop({ graceMs: 1_000 });
    await running;
  };
  onTestFinished(async () => {
    const stopped = stop();
    clock.advance(60_000);
    await stopped;
  });
  const messages = () => logger.lines.map(({ message }) => message);
  /** The reason of the newest line that has one. */
  const reason = () => logger.lines.findLast(({ fields }) => "reason" in fields)?.fields.reason;
  return { bridge, receiver, clock, logger, messages, reason, stop };
}

async function connected(fields: Partial<BridgeConfig> = {}, options: RunOptions = {}) {
  const peer = await startPeer({ protocolVersion: fields.protocolVersion ?? 5 });
  const started = run({ url: peer.url, ...fields }, options);
  const connection = await peer.connection();
  const subscribe = await connection.accept();
  await untilConnected(started);
  return { peer, connection, subscribe, ...started };
}

/** The next connection of a bridge that lost the one it had while the message with Packet Identifier 1 was being stored. */
async function cutWhileStoring() {
  const { peer, connection, receiver, clock } = await connected();
  connection.publish(1);
  await receiver.until(1);
  connection.cut();
  clock.advance(await clock.asleep());
  return { receiver, second: await peer.connection() };
}

async function untilConnected({ bridge }: Pick<ReturnType<typeof run>, "bridge">) {
  while (!bridge.report().connected) await turn();
}

/** Packet Identifiers of the PUBACKs so far, in order. */
function acknowledged({ received }: PeerConnection) {
  return received.filter(({ cmd }) => cmd === "puback").map(({ messageId }) => messageId);
}

describe("createBridge", () => {
  it("run() connects with a persistent session and Receive Maximum, and subscribes", async () => {
    const { connection, subscribe, bridge, messages } = await connected({
      clientIdPrefix: "gw-",
      topicFilters: ["plant/#", "hall/+/state"],
    });
    expect(connection.connect).toMatchObject({
      clientId: "gw-plant-instance",
      clean: false,
      keepalive: 60,
      protocolVersion: 5,
      properties: { sessionExpiryInterval: 600, receiveMaximum: 10 },
    });
    expect(subscribe?.subscriptions).toEqual([
      { topic: "plant/#", qos: 1, nl: false, rap: false, rh: 2 },
      { topic: "hall/+/state", qos: 1, nl: false, rap: false, rh: 2 },
    ]);
    expect(bridge.report()).toEqual({
      name: "plant",
      connected: true,
      retainedSkipped: 0,
      droppedWhenBusy: 0,
      reason: null,
    });
    expect(messages()).toEqual(["Bridge plant is connected"]);
  });

  it("run() speaks MQTT 3.1.1 where that is wanted", async () => {
    const { connection, subscribe } = await connected({ protocolVersion: 4 });
    expect(connection.connect).toMatchObject({ protocolVersion: 4, clean: false });
    expect(subscribe?.subscriptions).toEqual([{ topic: "plant/#", qos: 1 }]);
  });

  it("run() subscribes by the name of the share", async () => {
    const { subscribe } = await connected({ sharedSubscription: "gateways", retained: true, qos: 0 });
    expect(subscribe?.subscriptions).toEqual([
      { topic: "$share/gateways/plant/#", qos: 0, nl: false, rap: false, rh: 1 },
    ]);
  });

  it("run() hands a message over with what its packet says", async () => {
    const { connection, receiver, clock } = await connected();
    connection.publish(7, {
      payload: Buffer.from([0, 255]),
      properties: {
        messageExpiryInterval: 30,
        contentType: "application/json",
        userProperties: { a: ["1", "2"], b: "3" },
      },
    });
    await receiver.until(1);
    expect(receiver.calls[0]?.message).toEqual({
      topic: "plant/a",
      payload: Buffer.from([0, 255]),
      qos: 1,
      retain: false,
      dup: false,
      contentType: "application/json",
      messageExpiryIntervalSeconds: 30,
      publishedAtUs: clock.nowUs(),
      repeatId: { run: expect.any(String), number: expect.any(Number) },
      userProperties: [
        ["a", "1"],
        ["a", "2"],
        ["b", "3"],
      ],
    });
  });

  it("run() takes a message that comes in pieces like any other, and acknowledges it once", async () => {
    const { connection, receiver } = await connected();
    connection.publish(1, { payload: "whole" });
    await receiver.until(1);
    connection.sendBytes("32 15 0007 706c616e742f61 0002");
    await turn();
    connection.sendBytes("07 26 0001 61 0001");
    await turn();
    connection.sendBytes("62 7b7d 32 0c 0007 706c616e742f61 0003 00");
    await receiver.until(2);
    expect(receiver.calls[1]).toMatchObject({
      text: "{},",
      message: { topic: "plant/a", userProperties: [["a", "b"]] },
    });
    for (const call of receiver.calls) call.accept();
    for (let count = 0; count < 3; count++) await connection.next("puback");
    expect(acknowledged(connection)).toEqual([1, 2, 3]);
  });

  it("run() sends PUBACKs on the wire in the order of arrival", async () => {
    const { connection, receiver } = await connected();
    for (const [index, packetId] of [4, 2, 9].entries()) {
      connection.publish(packetId);
      await receiver.until(index + 1);
    }
    receiver.calls[2]?.accept();
    receiver.calls[1]?.accept();
    await turn();
    expect(acknowledged(connection)).toEqual([]);
    receiver.calls[0]?.accept();
    for (let count = 0; count < 3; count++) await connection.next("puback");
    expect(acknowledged(connection)).toEqual([4, 2, 9]);
  });

  it("run() answers pings and takes messages while others wait to be stored", async () => {
    const { connection, receiver } = await connected();
    connection.publish(1);
    await receiver.until(1);
    connection.send({ cmd: "pingresp" }, publish(2, { qos: 0, messageId: 0 }), publish(3));
    await receiver.until(2);
    expect(receiver.calls.map(({ text }) => text)).toEqual(["1", "2,3"]);
    expect(acknowledged(connection)).toEqual([]);
  });

  it("run() reads a burst of QoS 0 no faster than it is stored, and drops nothing of it", async () => {
    const { bridge, connection, receiver } = await connected();
    const count = 4_500;
    const taken = () => receiver.calls.reduce((sum, { elements }) => sum + elements.length, 0);
    connection.send(...Array.from({ length: count }, () => publish(1, { qos: 0 })));
    await receiver.until(8);
    expect(taken()).toBe(2_000);
    for (let call = 0; call < receiver.calls.length || taken() < count; call++) {
      await receiver.until(call + 1);
      receiver.calls[call]?.accept();
    }
    expect(bridge.report().droppedWhenBusy).toBe(0);
  });

  it("run() keeps the connection alive as often as the broker wants it while nothing more is read", async () => {
    const peer = await startPeer();
    const started = run({ url: peer.url, maxInflightMessages: 1 });
    const connection = await peer.connection();
    await connection.accept({ properties: { serverKeepAlive: 10 } });
    await untilConnected(started);
    connection.publish(1);
    connection.publish(2);
    await connection.next("pingreq");
    expect(await started.clock.asleep()).toBe(5_000);
    started.clock.advance(5_000);
    await connection.next("pingreq");
  });

  it("run() sends no PUBACK on a later connection for what an earlier one brought", async () => {
    const { receiver, second } = await cutWhileStoring();
    await second.accept({ sessionPresent: true });
    receiver.calls[0]?.accept();
    await turn();
    second.publish(1, { dup: true });
    await receiver.until(2);
    expect(acknowledged(second)).toEqual([]);
    expect(receiver.calls[1]?.message.repeatId).toEqual(receiver.calls[0]?.message.repeatId);
    receiver.calls[1]?.accept();
    await second.next("puback");
    expect(acknowledged(second)).toEqual([1]);
  });

  it("run() knows a repeat that comes right behind CONNACK", async () => {
    const { receiver, second } = await cutWhileStoring();
    second.send(
      { cmd: "connack", reasonCode: 0, sessionPresent: true },
      publish(1, { dup: true }),
      publish(2),
    );
    await receiver.until(2);
    expect(receiver.calls[1]?.message.repeatId).toEqual(receiver.calls[0]?.message.repeatId);
    for (const call of receiver.calls) call.accept();
    await second.next("puback");
    await second.next("puback");
    expect(acknowledged(second)).toEqual([1, 2]);
  });

  it("run() takes a fresh message with a Packet Identifier that was used before for a new one", async () => {
    const { receiver, second } = await cutWhileStoring();
    await second.accept({ sessionPresent: true });
    second.publish(1);
    await receiver.until(2);
    expect(receiver.calls[1]?.message.repeatId).not.toEqual(receiver.calls[0]?.message.repeatId);
  });

  it("run() subscribes again and warns when the broker has lost the session", async () => {
    const { peer, connection, clock, messages } = await connected();
    connection.cut();
    clock.advance(await clock.asleep());
    const second = await peer.connection();
    expect(await second.accept({ sessionPresent: false })).toMatchObject({ cmd: "subscribe" });
    expect(messages().join("\n")).toContain("lost the session of bridge plant");
  });

  it("run() subscribes again in a session that was resumed, whose subscription the broker may have lost", async () => {
    const { peer, connection, clock, ...started } = await connected();
    connection.cut();
    clock.advance(await clock.asleep());
    const second = await peer.connection();
    second.send({ cmd: "connack", reasonCode: 0, sessionPresent: true });
    const subscribe = await second.next("subscribe");
    expect(subscribe.subscriptions).toMatchObject([{ topic: "plant/#", rh: 2 }]);
    expect(started.bridge.report().connected).toBe(false);
    second.send(suback(subscribe));
    await untilConnected(started);
  });

  it("run() gives up what an earlier configuration subscribed to in the session", async () => {
    let kept: readonly string[] = ["plant/#", "hall/#"];
    const subscriptions = {
      read: () => kept,
      write(filters: readonly string[]) {
        kept = filters;
      },
    };
    const peer = await startPeer();
    const started = run({ url: peer.url, sharedSubscription: "gateways" }, { subscriptions });
    const connection = await peer.connection();
    await connection.accept({ sessionPresent: true });
    const unsubscribe = await connection.next("unsubscribe");
    expect(unsubscribe.unsubscriptions).toEqual(["plant/#", "hall/#"]);
    expect(kept).toEqual(["$share/gateways/plant/#", "plant/#", "hall/#"]);
    connection.send({ cmd: "unsuback", messageId: Number(unsubscribe.messageId), granted: [0, 17] });
    while (kept.length > 1) await turn();
    expect(kept).toEqual(["$share/gateways/plant/#"]);
    expect(started.bridge.report().connected).toBe(true);
  });

  it("run() gives nothing up in a new session, and keeps what it subscribes to", async () => {
    const written: (readonly string[])[] = [];
    const subscriptions = {
      read: () => ["hall/#"],
      write: (filters: readonly string[]) => void written.push(filters),
    };
    const { connection } = await connected({}, { subscriptions });
    expect(connection.received.map(({ cmd }) => cmd)).toEqual(["subscribe"]);
    expect(written).toEqual([["plant/#"]]);
  });

  it("run() does not subscribe while it cannot keep that", async () => {
    const subscriptions = {
      read: () => [],
      write() {
        throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
      },
    };
    const peer = await startPeer();
    const { clock, reason } = run({ url: peer.url }, { subscriptions });
    const connection = await peer.connection();
    connection.send({ cmd: "connack", reasonCode: 0, sessionPresent: false });
    await connection.closed;
    await clock.asleep();
    expect(reason()).toContain("journal");
    expect(connection.received).toEqual([]);
  });

  it("run() does not subscribe again in a session of MQTT 3.1.1 that was resumed, and gets nothing retained again", async () => {
    const { peer, connection, clock, ...started } = await connected({ protocolVersion: 4 });
    connection.cut();
    clock.advance(await clock.asleep());
    const second = await peer.connection();
    await second.accept({ sessionPresent: true });
    await untilConnected(started);
    expect(second.received).toEqual([]);
  });

  it("run() subscribes in a session that an earlier process left", async () => {
    const peer = await startPeer();
    run({ url: peer.url });
    const connection = await peer.connection();
    connection.send({ cmd: "connack", reasonCode: 0, sessionPresent: true });
    expect(await connection.next("subscribe")).toMatchObject({ cmd: "subscribe" });
  });

  it.each([
    ["store is full, its quota is used up", new StoreFullError("Full")],
    ["store's disk is full", new DiskFullError("Full")],
  ])("run() withholds PUBACKs while the %s, and goes on without a new connection", async (why, error) => {
    const { connection, receiver, bridge, clock, messages } = await connected();
    connection.publish(1);
    await receiver.until(1);
    receiver.calls[0]?.fail(error);
    const delayMs = await clock.asleep();
    expect(bridge.report()).toMatchObject({
      connected: true,
      reason: `The ${why}: messages are acknowledged again when there is room`,
    });
    clock.advance(delayMs);
    await receiver.until(2);
    receiver.calls[1]?.accept();
    await connection.next("puback");
    expect(bridge.report()).toMatchObject({ connected: true, reason: null });
    expect(messages()).toEqual([
      "Bridge plant is connected",
      "Bridge plant acknowledges nothing",
      "Bridge plant stores messages again",
    ]);
  });

  it("run() writes not more than one line a minute of a store that is full again and again", async () => {
    const { connection, receiver, clock, messages } = await connected();
    for (let times = 0; times < 3; times++) {
      connection.publish(times + 1);
      await receiver.until(2 * times + 1);
      receiver.calls[2 * times]?.fail(new StoreFullError("Full"));
      clock.advance(await clock.asleep());
      await receiver.until(2 * times + 2);
      receiver.calls[2 * times + 1]?.accept();
      await connection.next("puback");
    }
    expect(messages().filter((message) => message.endsWith("acknowledges nothing"))).toHaveLength(1);
    expect(messages().filter((message) => message.endsWith("again"))).toHaveLength(1);
  });

  it("run() tells nothing of what failed in us", async () => {
    const { connection, receiver, bridge, clock } = await connected();
    connection.publish(1);
    await receiver.until(1);
    receiver.calls[0]?.fail(new Error("EIO: /var/lib/gateway.db"));
    await clock.asleep();
    expect(bridge.report().reason).toBe("Messages cannot be stored now: look into the gateway's log");
  });

  it.each([
    [134, "The broker does not know this user name and password"],
    [135, "The broker does not authorize the bridge"],
    [128, "The broker gave no reason"],
    [140, "The broker does not know this method of authentication"],
    [200, "The broker refuses it"],
  ])("run() says why the broker refuses it with reason code %i", async (reasonCode, words) => {
    const peer = await startPeer();
    const { bridge, clock, reason } = run({ url: peer.url });
    const connection = await peer.connection();
    const properties = { reasonString: "because\nof this" };
    connection.send({ cmd: "connack", reasonCode, sessionPresent: false, properties });
    await clock.asleep();
    expect(reason()).toContain(words);
    expect(reason()).toContain(`reason code 0x${reasonCode.toString(16)}, "because of this"`);
    expect(bridge.report()).toMatchObject({ connected: false, reason: reason() });
  });

  it.each([
    [1, "The broker does not speak this version of MQTT"],
    [4, "The broker does not know this user name and password"],
    [5, "The broker does not authorize the bridge"],
  ])("run() says why a broker of MQTT 3.1.1 refuses it with return code %i", async (returnCode, words) => {
    const peer = await startPeer({ protocolVersion: 4 });
    const { clock, reason } = run({ url: peer.url, protocolVersion: 4 });
    const connection = await peer.connection();
    connection.send({ cmd: "connack", returnCode, sessionPresent: false });
    await clock.asleep();
    expect(reason()).toContain(words);
  });

  it("run() is not connected when a filter is refused, names it, and tries again", async () => {
    const peer = await startPeer();
    const { bridge, clock, reason } = run({ url: peer.url, topicFilters: ["a/#", "b/#"] });
    const connection = await peer.connection();
    connection.send({ cmd: "connack", reasonCode: 0, sessionPresent: false });
    connection.send(suback(await connection.next("subscribe"), [1, 135]));
    await connection.closed;
    const delayMs = await clock.asleep();
    expect(bridge.report().connected).toBe(false);
    expect(reason()).toBe(
      'Cannot subscribe to "b/#": The broker does not authorize the bridge: check its credentials, and what the broker lets it do (reason code 0x87)',
    );
    clock.advance(delayMs);
    expect(await (await peer.connection()).accept()).toMatchObject({ cmd: "subscribe" });
  });

  it("run() warns when the broker grants QoS 0 alone", async () => {
    const peer = await startPeer();
    const started = run({ url: peer.url });
    const connection = await peer.connection();
    connection.send({ cmd: "connack", reasonCode: 0, sessionPresent: false });
    connection.send(suback(await connection.next("subscribe"), [0]));
    await untilConnected(started);
    expect(started.messages().at(-1)).toContain("with QoS 0 only");
  });

  it("run() gives a broker up that does not answer the subscription", async () => {
    const peer = await startPeer();
    const { clock, reason } = run({ url: peer.url });
    const connection = await peer.connection();
    connection.send({ cmd: "connack", reasonCode: 0, sessionPresent: false });
    await connection.next("subscribe");
    clock.advance(30_000);
    await connection.closed;
    await clock.asleep();
    expect(reason()).toBe("The broker did not answer the subscription in time: check its load");
  });

  it("run() says that another client has taken the session over, and waits longer each time", async () => {
    const { peer, connection, clock, reason } = await connected();
    connection.send({ cmd: "disconnect", reasonCode: 142 });
    expect(await clock.asleep()).toBe(1_000);
    expect(reason()).toContain("Another client has connected with the same Client Identifier");
    clock.advance(1_000);
    const second = await peer.connection();
    await second.accept();
    second.send({ cmd: "disconnect", reasonCode: 142 });
    await second.closed;
    expect(await clock.asleep()).toBe(1_500);
  });

  it("run() says that the broker closed the connection, with a reason or without", async () => {
    const { peer, connection, clock, reason } = await connected();
    connection.cut();
    clock.advance(await clock.asleep());
    expect(reason()).toBe("The broker closed the connection: look into its log");
    const second = await peer.connection();
    await second.accept();
    second.send({ cmd: "disconnect", reasonCode: 139 });
    await second.closed;
    await clock.asleep();
    expect(reason()).toBe("The broker is shutting down (reason code 0x8b)");
  });

  it("run() waits short again after a connection that has lasted", async () => {
    const { peer, connection, clock, ...started } = await connected();
    connection.cut();
    expect(await clock.asleep()).toBe(1_000);
    clock.advance(1_000);
    const second = await peer.connection();
    await second.accept();
    await untilConnected(started);
    clock.advance(30_000);
    second.cut();
    await second.closed;
    while (started.bridge.report().connected) await turn();
    expect(await clock.asleep()).toBe(1_000);
  });

  it("run() writes one line for each change of state", async () => {
    const peer = await startPeer();
    const { clock, messages } = run({ url: peer.url });
    for (let attempt = 0; attempt < 3; attempt++) {
      const connection = await peer.connection();
      connection.send({ cmd: "connack", reasonCode: 136, sessionPresent: false });
      await connection.closed;
      clock.advance(await clock.asleep());
    }
    expect(messages()).toEqual(["Bridge plant is not connected"]);
  });

  it("run() says that nothing listens there", async () => {
    const { clock, reason } = run({ url: "mqtt://127.0.0.1:1" });
    await clock.asleep();
    expect(reason()).toBe("The connection was refused: check host and port, and that the broker runs");
  });

  it("run() says that the port does not speak TLS", async () => {
    const peer = await startPeer();
    const { clock, reason } = run({ url: peer.url.replace("mqtt:", "mqtts:") });
    await clock.asleep();
    expect(reason()).toEqual(expect.any(String));
  });

  it("run() does not connect while its journal cannot be emptied, and shows no path", async () => {
    const full = Object.assign(new Error("ENOSPC: no space left, write '/data/x'"), { code: "ENOSPC" });
    const journal = {
      read: () => [{ name: "block", first: 1 }],
      write() {
        throw full;
      },
    };
    const peer = await startPeer();
    const { clock, reason } = run({ url: peer.url }, { journal });
    await clock.asleep();
    expect(reason()).toBe(
      "The bridge's journal beside the store cannot be written (ENOSPC): check the disk and its permissions",
    );
  });

  it("run() gives the connection up when its journal cannot be written, and acknowledges nothing then", async () => {
    const full = Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    const journal = {
      read: () => [],
      write() {
        throw full;
      },
    };
    const { connection, receiver, clock, reason } = await connected({ maxInflightMessages: 1 }, { journal });
    for (let packetId = 1; packetId <= 3; packetId++) {
      connection.publish(packetId);
      if (packetId === 3) break;
      await receiver.until(packetId);
      receiver.calls[packetId - 1]?.accept();
      await connection.next("puback");
    }
    await connection.closed;
    await clock.asleep();
    expect(reason()).toContain("journal");
    expect(acknowledged(connection)).toEqual([1, 2]);
  });

  it("run() survives what is no MQTT", async () => {
    const { peer, connection, clock, ...started } = await connected();
    connection.send({ cmd: "pingresp" });
    connection.send({ cmd: "suback", messageId: 99, granted: [1] });
    connection.send({ cmd: "connack", reasonCode: 0, sessionPresent: false });
    await connection.closed;
    clock.advance(await clock.asleep());
    await (await peer.connection()).accept();
    await untilConnected(started);
  });

  it.each([
    ["a packet without Packet Identifier", "32 0a 0007 706c616e742f61 00"],
    ["a packet without Packet Identifier", "32 0c 0007 706c616e742f61 0000 00"],
    ["a packet without Packet Identifier", "62 00"],
    ["a message of QoS 2, which was not subscribed to", "34 0c 0007 706c616e742f61 0001 00"],
    // A User Property that is longer than the packet, and a Content Type and a Message Expiry Interval that come twice.
    ["properties that cannot be read", "32 12 0007 706c616e742f61 0001 06 26 0001 61 00ff"],
    ["properties that cannot be read", "32 14 0007 706c616e742f61 0001 08 03 0001 61 03 0001 62"],
    ["properties that cannot be read", "32 16 0007 706c616e742f61 0001 0a 02 00000001 02 00000001"],
    ["The connection failed", "36 0c 0007 706c616e742f61 0001 00"],
    ["The connection failed", "3b ffffffffff"],
  ])("run() ends the connection at %s (%s), and does not take it", async (words, bytes) => {
    const { connection, receiver, clock, reason } = await connected();
    connection.sendBytes(bytes);
    await connection.closed;
    await clock.asleep();
    expect(reason()).toContain(words);
    expect(receiver.calls).toEqual([]);
    expect(acknowledged(connection)).toEqual([]);
  });

  it.each([
    ["an answer without a code", "20 00"],
    ["a message before its answer", "32 0c 0007 706c616e742f61 0001 00"],
    // A Server Keep Alive that is cut off, and one that comes twice.
    ["an answer with a Keep Alive that cannot be read", "20 04 00 00 01 13"],
    ["an answer with a Keep Alive that cannot be read", "20 09 00 00 06 13 000a 13 0014"],
  ])("run() gives a broker up whose first packet is %s (%s)", async (words, bytes) => {
    const peer = await startPeer();
    const { receiver, clock, reason } = run({ url: peer.url });
    const connection = await peer.connection();
    connection.sendBytes(bytes);
    await connection.closed;
    await clock.asleep();
    expect(reason()).toContain(words);
    expect(receiver.calls).toEqual([]);
  });

  it("run() survives a reason that was cut off", async () => {
    const { connection, clock, reason } = await connected();
    connection.sendBytes("e0 05 8e 03 1f 00ff");
    await connection.closed;
    await clock.asleep();
    expect(reason()).toContain("(reason code 0x8e)");
  });

  it("run() reads the password again at each connection", async () => {
    const passwords = ["first"];
    const peer = await startPeer();
    const { clock } = run(
      {
        url: peer.url,
        authentication: { method: "UsernamePassword", username: "gateway", password: { env: "PASSWORD" } },
      },
      { password: { current: () => passwords } },
    );
    const connection = await peer.connection();
    expect(connection.connect).toMatchObject({ username: "gateway", password: Buffer.from("first") });
    passwords[0] = "second";
    connection.send({ cmd: "connack", reasonCode: 134, sessionPresent: false });
    await connection.closed;
    clock.advance(await clock.asleep());
    expect((await peer.connection()).connect.password).toEqual(Buffer.from("second"));
  });

  it("run() keeps its connection when the password was replaced, and says when the new one is used", async () => {
    let passwords = ["first"];
    const { connection, receiver, clock, messages } = await connected(
      { authentication: { method: "UsernamePassword", username: "gateway", password: { env: "PASSWORD" } } },
      { password: { current: () => passwords } },
    );
    passwords = ["second"];
    clock.advance(5_000);
    await turn();
    expect(messages()).toContain("Credentials of plant were replaced: they are used at the next connection");
    connection.publish(1);
    await receiver.until(1);
  });

  it("run() does not connect without its password, and says so", async () => {
    const { clock, reason } = run(
      {
        url: "mqtt://127.0.0.1:1",
        authentication: { method: "UsernamePassword", username: "gateway", password: { env: "PASSWORD" } },
      },
      { password: { current: () => undefined } },
    );
    await clock.asleep();
    expect(reason()).toContain("The password cannot be read");
  });

  it("run() shows a token by enhanced authentication, and a newer one on the same connection", async () => {
    let tokens = ["first"];
    const { connection, clock, messages } = await connected(
      { authentication: { method: "ServiceAccountToken", audience: "broker", tokenFile: "unused" } },
      { token: { current: () => tokens } },
    );
    const authenticationMethod = "K8S-SAT";
    expect(connection.connect.properties).toMatchObject({
      authenticationMethod,
      authenticationData: Buffer.from("first"),
    });
    tokens = ["second"];
    clock.advance(5_000);
    expect(await connection.next("auth")).toMatchObject({
      reasonCode: 0x19,
      properties: { authenticationMethod, authenticationData: Buffer.from("second") },
    });
    connection.send({ cmd: "auth", reasonCode: 0, properties: { authenticationMethod } });
    connection.publish(1);
    expect(messages()).toContain("Credentials of plant were replaced");
  });

  it("run() gives its connection up in good order when certificates were replaced, and connects at once", async () => {
    const folder = createPlainFolder({ "ca.crt": createAuthority().cert });
    onTestFinished(folder.remove);
    const { peer, connection, receiver, bridge, clock, ...started } = await connected({
      trustedCaFile: join(folder.path, "ca.crt"),
    });
    connection.publish(1);
    await receiver.until(1);
    receiver.calls[0]?.fail(new StoreFullError("Full"));
    while (bridge.report().reason === null) await turn();
    folder.write({ "ca.crt": createAuthority().cert });
    clock.advance(5_000);
    await connection.next("disconnect");
    const second = await peer.connection();
    await second.accept({ sessionPresent: true });
    while (bridge.report().reason !== null) await turn();
    expect(bridge.report()).toMatchObject({ connected: true, reason: null });
    expect(started.messages()).not.toContain("Bridge plant is not connected");
  });

  it("report() has the ends of the certificates and the token that are in use, and what is wrong with them", async () => {
    const authority = createAuthority();
    const { cert, key } = authority.issue({ name: "gateway", startsAt: new Date("2026-01-01") });
    const folder = createPlainFolder({ "ca.crt": authority.cert, "tls.crt": cert, "tls.key": key });
    onTestFinished(folder.remove);
    const url = "mqtts://127.0.0.1:1";
    const trustedCaFile = join(folder.path, "ca.crt");
    const namesOf = ({ bridge }: ReturnType<typeof run>) =>
      bridge.report().credentials?.expirations.map(({ credential }) => credential);
    const certificate = { method: "X509Certificate", folder: folder.path } as const;
    expect(namesOf(run({ url, trustedCaFile, authentication: certificate }))).toEqual([
      "clientCertificate",
      "trustedCa",
    ]);
    const token = createToken({ aud: ["broker"], exp: 1_767_693_600 });
    const authentication = {
      method: "ServiceAccountToken",
      audience: "broker",
      tokenFile: "unused",
    } as const;
    expect(namesOf(run({ url, authentication }, { token: { current: () => [token] } }))).toEqual(["token"]);
    const { bridge } = run({ url, trustedCaFile: join(folder.path, "none") });
    expect(bridge.report().credentials).toMatchObject({
      problem: expect.stringContaining("trusted authorities"),
    });
    expect(run({ url }).bridge.report().credentials).toBeUndefined();
  });

  it("stop() acknowledges what is being stored, takes nothing more, and disconnects", async () => {
    const { connection, receiver, bridge, stop } = await connected();
    for (const packetId of [1, 2]) {
      connection.publish(packetId);
      await receiver.until(packetId);
    }
    const stopped = stop();
    connection.publish(3);
    receiver.calls[1]?.accept();
    receiver.calls[0]?.accept();
    await stopped;
    await connection.closed;
    expect(connection.received.map(({ cmd }) => cmd)).toEqual([
      "subscribe",
      "puback",
      "puback",
      "disconnect",
    ]);
    expect(receiver.calls).toHaveLength(2);
    expect(bridge.report()).toMatchObject({ connected: false, reason: "The gateway is stopping" });
  });

  it("stop() waits no longer than it is told", async () => {
    const { connection, receiver, clock, stop } = await connected();
    connection.publish(1);
    await receiver.until(1);
    const stopped = stop();
    expect(await clock.asleep()).toBe(1_000);
    clock.advance(1_000);
    await stopped;
    await connection.closed;
    expect(acknowledged(connection)).toEqual([]);
  });

  it("stop() ends a bridge that waits to connect again, or for an answer", async () => {
    const waiting = run({ url: "mqtt://127.0.0.1:1" });
    await waiting.clock.asleep();
    await waiting.stop();
    const peer = await startPeer();
    const silent = run({ url: peer.url });
    const connection = await peer.connection();
    await silent.stop();
    await connection.closed;
  });

  it("run() keeps the journal's blocks for a process after it", async () => {
    let blocks: readonly IdBlock[] = [];
    const journal = {
      read: () => blocks,
      write(next: readonly IdBlock[]) {
        blocks = next;
      },
    };
    const first = await connected({}, { journal });
    for (let packetId = 1; packetId <= 30; packetId++) {
      first.connection.publish(packetId);
      await first.receiver.until(packetId);
      first.receiver.calls[packetId - 1]?.accept();
      await first.connection.next("puback");
    }
    const kept = blocks;
    const next = await startPeer();
    const second = run({ url: next.url }, { journal: { read: () => kept, write() {} } });
    const connection = await next.connection();
    connection.send({ cmd: "connack", reasonCode: 0, sessionPresent: true });
    connection.publish(30, { dup: true });
    await second.receiver.until(1);
    expect(second.receiver.calls[0]?.message.repeatId).toEqual(first.receiver.calls[29]?.message.repeatId);
  });
});
