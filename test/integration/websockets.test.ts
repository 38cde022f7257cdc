import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import { ledgerFaults, untilSettled } from "../support/gateway-process.ts";
import { openMosquitto, startPublishers, untilBridged, writeBridgedGateway } from "./bridge-bench.ts";
import { createRecorder } from "./recorder.ts";
import { mount, openSink, start, temporaryFolder, vacantPort } from "./workbench.ts";

const count = 1_000;

const authority = createAuthority();
const secured = {
  broker: { tls: authority.issue({ dns: ["localhost"] }) },
  tls: { mode: "Enabled", trustedCaCertificateConfigMapRef: "authorities" },
  publishers: { ca: authority.cert },
};
const plain = { broker: {}, tls: { mode: "Disabled" }, publishers: {} };

it.each([
  { scheme: "ws", ...plain },
  { scheme: "wss", ...secured },
])(
  "a bridge over $scheme acknowledges what is on disk, before and after the broker's restart",
  async ({ scheme, tls, ...options }) => {
    const broker = await openMosquitto({
      ...options.broker,
      websockets: true,
      settings: { log_type: "all" },
    });
    expect(broker.url).toMatch(new RegExp(`^${scheme}:`));
    const otlpPort = await vacantPort();
    const configPath = writeBridgedGateway({
      folder: temporaryFolder(),
      otlpUrl: `http://127.0.0.1:${otlpPort}`,
      brokerUrl: `localhost:${broker.port}`,
      mqttSettings: { protocol: "WebSockets", tls },
      mounts: { authorities: mount({ "ca.crt": authority.cert }).path },
    });
    const bridged = await start(configPath);
    await untilBridged(bridged);

    const publishers = startPublishers(broker.url, { count, ...options.publishers });
    await publishers.reached(count / 4);
    await broker.restart();
    await publishers.finished;
    // The broker's log has what it was told, and the kill takes what was in memory alone.
    const pubacks = () => broker.log().split("Received PUBACK from ").length - 1;
    // What the broker has again after its restart, because a PUBACK did not reach it, may count twice.
    let before = 0;
    await untilBridged(bridged, ({ accepted }) => {
      const isAll = accepted === before && accepted >= count && pubacks() >= count;
      before = accepted;
      return isAll;
    });
    await bridged.end("SIGKILL");

    const recorder = createRecorder();
    await openSink({ port: otlpPort, onMetrics: recorder.add, onLogs: recorder.add });
    await broker.kill();
    const again = await start(configPath);
    expect(ledgerFaults(await untilSettled(again))).toEqual([]);
    expect(recorder.logs.size).toBe(count);
    expect(await again.end("SIGTERM")).toBe(0);
  },
);

it.each([
  { address: "", path: "/mqtt", protocolVersion: 5 },
  { address: "/ws", path: "/ws", protocolVersion: "3.1.1" },
])("a bridge with protocolVersion $protocolVersion asks for the subprotocol mqtt at $path", async (asked) => {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  server.on("upgrade", (_, socket) => socket.destroy());
  await once(server, "listening");
  const upgrade = once(server, "upgrade") as Promise<[IncomingMessage]>;
  const { port } = server.address() as AddressInfo;
  await start(
    writeBridgedGateway({
      folder: temporaryFolder(),
      otlpUrl: "http://127.0.0.1:9",
      brokerUrl: `ws://127.0.0.1:${port}${asked.address}`,
      bridge: { protocolVersion: asked.protocolVersion },
    }),
  );
  const [{ url, headers }] = await upgrade;
  expect(url).toBe(asked.path);
  // Source: MQTT 5.0, 6.
  expect(headers["sec-websocket-protocol"]).toBe("mqtt");
});
