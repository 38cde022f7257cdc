import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import mqtt from "mqtt";
import { describe, expect, it, onTestFinished } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import { ledgerFaults, untilSettled } from "../support/gateway-process.ts";
import {
  type BridgedGateway,
  openMosquitto,
  readBridgedStatus,
  startPublishers,
  tapBroker,
  untilBridged,
  writeBridgedGateway,
} from "./bridge-bench.ts";
import { pairFiles } from "./destination-bench.ts";
import { createRecorder, range } from "./recorder.ts";
import { bridgeUnderKills } from "./scenarios/bridge.ts";
import { mount, openSink, start, temporaryFolder, vacantPort } from "./workbench.ts";

const count = Number(process.env.BRIDGE_MESSAGES ?? 20_000);
const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** A broker, a receiver that remembers what it gets, and how the configuration of a gateway between them is written. */
async function setUp(options?: Parameters<typeof openMosquitto>[0]) {
  const recorder = createRecorder();
  const sink = await openSink({ onMetrics: recorder.add, onLogs: recorder.add });
  const broker = await openMosquitto(options);
  const write = (fields: Partial<BridgedGateway> = {}) =>
    writeBridgedGateway({
      folder: temporaryFolder(),
      otlpUrl: sink.url,
      brokerUrl: broker.url,
      ...fields,
    });
  return { recorder, sink, broker, write };
}

describe("a bridge to a real Mosquitto", () => {
  it(`loses none of ${count} messages while gateway and broker are stopped and killed (seed ${seed})`, async () => {
    await bridgeUnderKills({ count, seed });
  });

  it("sends PUBACKs in the order of arrival", async () => {
    const { recorder, broker, write } = await setUp();
    const tap = await tapBroker(broker.port);
    const gateway = await start(write({ brokerUrl: tap.url, mqttSettings: { maxInflightMessages: 50 } }));
    await untilBridged(gateway);
    const messages = 3_000;
    await startPublishers(broker.url, { count: messages }).finished;
    await untilBridged(gateway, ({ received }) => received === messages);
    await untilSettled(gateway);
    expect(await gateway.end("SIGTERM")).toBe(0);

    const [packets = []] = tap.connections;
    const idsOf = (command: string) =>
      packets.filter(({ cmd }) => cmd === command).map(({ messageId }) => messageId);
    expect(idsOf("publish")).toHaveLength(messages);
    expect(idsOf("puback")).toEqual(idsOf("publish"));
    expect(packets.at(-1)?.cmd).toBe("disconnect");
    expect([...recorder.logs].sort()).toEqual(range(messages).map(String).sort());
  });

  it("counts as repeats what it had stored when it was killed before the broker got a PUBACK", async () => {
    const { recorder, broker, write } = await setUp();
    const tap = await tapBroker(broker.port);
    const configPath = write({ brokerUrl: tap.url, mqttSettings: { maxInflightMessages: 10 } });
    const killed = await start(configPath);
    await untilBridged(killed);
    // After so many the bridge believes that the broker counts its Packet Identifiers up.
    const before = 40;
    await startPublishers(broker.url, { count: before }).finished;
    const pubacks = () => tap.connections.flat().filter(({ cmd }) => cmd === "puback").length;
    await untilBridged(killed, () => pubacks() === before);
    tap.silenceClients();
    const repeats = 5;
    await startPublishers(broker.url, { count: repeats }).finished;
    await untilBridged(killed, () => pubacks() === before + repeats);
    await killed.end("SIGKILL");

    const again = await start(configPath);
    const status = await untilBridged(again, ({ received }) => received === before + 2 * repeats);
    expect(status).toMatchObject({ accepted: before + repeats, duplicates: repeats });
    await untilSettled(again);
    expect([...recorder.logs].sort()).toEqual(range(before).map(String).sort());
    expect(await again.end("SIGTERM")).toBe(0);
  });

  it("connects with a client certificate, and again with a new one", async () => {
    const authority = createAuthority();
    const clients = createAuthority({ name: "Clients" });
    const { write } = await setUp({
      tls: { ...authority.issue({ dns: ["localhost"] }), clientAuthority: clients.cert },
    });
    const own = mount(pairFiles(clients.issue({ name: "gateway" })));
    const authorities = mount({ "ca.crt": authority.cert });
    const gateway = await start(
      write({
        mqttSettings: {
          authentication: { method: "X509Certificate", x509CertificateSettings: { secretRef: "own" } },
          tls: { mode: "Enabled", trustedCaCertificateConfigMapRef: "authorities" },
        },
        mounts: { own: own.path, authorities: authorities.path },
      }),
    );
    await untilBridged(gateway);
    own.swap(pairFiles(clients.issue({ name: "gateway, renewed" })));
    const connections = () => gateway.log().split("Bridge plant is connected").length - 1;
    await untilBridged(gateway, ({ bridges }) => connections() === 2 && bridges.plant?.connected === true);
    expect(gateway.log()).not.toContain("Bridge plant is not connected");
    expect(await gateway.end("SIGTERM")).toBe(0);
  });

  it("says why the broker refuses it, and connects once its password is right", async () => {
    const { write } = await setUp({ users: { gateway: "right" } });
    const secrets = mount({ password: "wrong\n" });
    const password = { file: `${secrets.path}/password` };
    const gateway = await start(write({ bridge: { username: "gateway", password } }));
    const { bridges } = await untilBridged(
      gateway,
      ({ bridges }) => bridges.plant?.reason?.includes("0x") === true,
    );
    expect(bridges.plant).toMatchObject({
      connected: false,
      reason: expect.stringMatching(/authorize|password/),
    });
    secrets.swap({ password: "right\n" });
    await untilBridged(gateway);
    expect(gateway.log()).not.toMatch(/wrong|right/);
  });

  it("withholds PUBACKs while the store is full, and goes on without another connection", async () => {
    const folder = temporaryFolder();
    const port = await vacantPort();
    const broker = await openMosquitto();
    const gateway = await start(
      writeBridgedGateway({
        folder,
        otlpUrl: `http://127.0.0.1:${port}`,
        brokerUrl: broker.url,
        mqttSettings: { keepAliveSeconds: 2 },
        gateway: { store: { path: join(folder, "gateway.db"), bytesMax: 2_000_000 } },
      }),
    );
    await untilBridged(gateway);
    const messages = 20_000;
    await startPublishers(broker.url, { count: messages }).finished;
    const full = await untilBridged(gateway, ({ bridges }) => bridges.plant?.reason !== null);
    expect(full.bridges.plant).toMatchObject({
      connected: true,
      reason: expect.stringContaining("The store is full"),
    });
    expect(full.received).toBeLessThan(messages);

    const recorder = createRecorder();
    await openSink({ port, onMetrics: recorder.add, onLogs: recorder.add });
    const status = await untilBridged(gateway, ({ received }) => received >= messages);
    expect(status.bridges.plant).toMatchObject({ connected: true, reason: null });
    expect(gateway.log().split("Bridge plant is connected")).toHaveLength(2);
    await untilSettled(gateway);
    expect(recorder.logs.size).toBe(messages);
  });

  it("acknowledges what was delivered where the gateway says so", async () => {
    const { recorder, sink, broker, write } = await setUp();
    const tap = await tapBroker(broker.port);
    const gateway = await start(
      write({
        brokerUrl: tap.url,
        gateway: { acknowledge: "delivered", store: { type: "memory" } },
      }),
    );
    await untilBridged(gateway);
    sink.behave(() => ({ kind: "status", code: Code.Unavailable }));
    await startPublishers(broker.url, { count: 20 }).finished;
    await untilBridged(gateway, ({ received }) => received === 20);
    const pubacks = () => tap.connections.flat().filter(({ cmd }) => cmd === "puback").length;
    expect(pubacks()).toBe(0);
    sink.behave(() => ({ kind: "accept" }));
    await untilBridged(gateway, () => pubacks() === 20);
    expect(recorder.logs.size).toBe(20);
    expect(await gateway.end("SIGTERM")).toBe(0);
  });

  it("works on Deno too, over TLS, with the permissions that README names", async () => {
    const folder = temporaryFolder();
    const authority = createAuthority();
    const authorities = mount({ "ca.crt": authority.cert });
    const { recorder, broker, write } = await setUp({ tls: authority.issue({ dns: ["localhost"] }) });
    const gateway = await start(
      write({
        folder,
        mqttSettings: { tls: { mode: "Enabled", trustedCaCertificateConfigMapRef: "authorities" } },
        mounts: { authorities: authorities.path },
      }),
      [
        "node_modules/.bin/deno",
        "run",
        "--no-prompt",
        "--no-lock",
        "--allow-net=127.0.0.1,localhost",
        `--allow-read=.,${folder},${authorities.path}`,
        `--allow-write=${folder}`,
        "--allow-env",
        "--allow-sys=hostname",
        "handlers/runtime/deno.ts",
        "--config",
      ],
    );
    await untilBridged(gateway);
    const messages = 500;
    await startPublishers(broker.url, { count: messages, ca: authority.cert }).finished;
    await untilBridged(gateway, ({ received }) => received === messages);
    await untilSettled(gateway);
    expect(recorder.logs.size).toBe(messages);
    expect(await gateway.end("SIGTERM")).toBe(0);
  });

  it("shares messages with another gateway, and loses none when one of them is killed", async () => {
    const messages = 6_000;
    const { recorder, broker, write } = await setUp();
    const bridge = { sharedSubscription: "gateways" };
    const stays = await start(write({ bridge }));
    const diesPath = write({ bridge });
    const dies = await start(diesPath);
    await Promise.all([untilBridged(stays), untilBridged(dies)]);
    const publishers = startPublishers(broker.url, { count: messages });
    await publishers.reached(messages / 3);
    await dies.end("SIGKILL");
    await publishers.finished;
    // What the broker had given to it already waits in its session.
    const back = await start(diesPath);
    await untilBridged(back);
    while (recorder.logs.size < messages) {
      await Promise.all([untilSettled(stays), untilSettled(back)]);
    }
    const statuses = await Promise.all([untilSettled(stays), untilSettled(back)]);
    for (const status of statuses) {
      expect(ledgerFaults(status)).toEqual([]);
      expect(status.accepted).toBeGreaterThan(0);
    }
    expect(recorder.logs.size).toBe(messages);
  });

  it("gets what came while the gateway was away, and skips what the broker had retained", async () => {
    const { recorder, broker, write } = await setUp();
    const publisher = await mqtt.connectAsync(broker.url);
    onTestFinished(() => void publisher.end(true));
    const log = (text: string) => `{"logs":[{"level":"info","value":"${text}"}]}`;
    await publisher.publishAsync("plant/kept", log("kept"), { qos: 1, retain: true });
    for (const [index, protocolVersion] of ([5, "3.1.1"] as const).entries()) {
      const configPath = write({ bridge: { protocolVersion } });
      const gateway = await start(configPath);
      await untilBridged(gateway);
      await publisher.publishAsync("plant/a", log(`live ${index}`), { qos: 1, retain: true });
      await untilBridged(gateway, ({ received }) => received === 1);
      expect(await gateway.end("SIGTERM")).toBe(0);
      await publisher.publishAsync("plant/a", log(`away ${index}`), { qos: 1 });
      const again = await start(configPath);
      await untilBridged(again, ({ received }) => received === 2);
      const { bridges } = await readBridgedStatus(again);
      expect(bridges.plant?.retainedSkipped).toBe(protocolVersion === 5 ? 0 : 2);
      await untilSettled(again);
      expect(await again.end("SIGTERM")).toBe(0);
      await publisher.publishAsync("plant/a", "", { qos: 1, retain: true });
    }
    expect([...recorder.logs].sort()).toEqual(["away 0", "away 1", "live 0", "live 1"]);
  });
});
