/** A gateway for a reader of a page, and the broker that its bridge reads from. */
import { parseArgs } from "node:util";
import type { Gateway } from "../../handlers/runtime/assemble-gateway.ts";
import { openGatewayInPlace } from "../../handlers/runtime/gateway-in-place.ts";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { silentLogger } from "../../pipeline/logger.ts";
import { matchesTopicFilter } from "../../pipeline/source/topic.ts";
import { type Peer, publish, startPeer } from "../handlers/bridge-peer.ts";

export interface Service {
  gateway: Gateway;
  /** As mosquitto_pub. Resolves when the bridge has acknowledged the message. */
  publish(args: string[]): Promise<void>;
  close(): Promise<void>;
}

/** The whole gateway, with a store in memory. No receiver is asked for anything. */
export async function startService(
  config: GatewayConfig,
  environment: Record<string, string>,
): Promise<Service> {
  const peer = config.bridges.length > 0 ? await startPeer() : undefined;
  const gateway = await openGatewayInPlace(
    {
      ...config,
      acknowledge: "stored",
      store: { ...config.store, type: "memory" },
      bridges: config.bridges.map((bridge) => ({ ...bridge, url: peer?.url ?? bridge.url })),
      destinations: config.destinations.map((destination) => ({
        ...destination,
        batching: { ...destination.batching, latencyMs: 86_400_000 },
      })),
    },
    { logger: silentLogger, environment },
  );
  const broker = peer && (await connect(gateway, peer));
  return {
    gateway,
    async publish(args) {
      if (broker === undefined) throw new Error("Cannot publish: the configuration has no bridge");
      await broker(args);
    },
    close: () => gateway.close(),
  };
}

const text = { type: "string" } as const;
const options = {
  host: { ...text, short: "h" },
  port: { ...text, short: "p" },
  username: { ...text, short: "u" },
  pw: { ...text, short: "P" },
  qos: { ...text, short: "q" },
  topic: { ...text, short: "t" },
  message: { ...text, short: "m" },
} as const;

/** A broker with one user, the one that the bridge has come as. Where it is, is the test's business. */
async function connect(gateway: Gateway, peer: Peer): Promise<(args: string[]) => Promise<void>> {
  gateway.deliver().catch(() => undefined);
  const connection = await peer.connection();
  const subscribe = await connection.accept();
  const filters = subscribe?.subscriptions.map(({ topic }) => topic) ?? [];
  const { username, password } = connection.connect;
  let packetId = 0;
  return async (args) => {
    const { values } = parseArgs({ args, options });
    const { topic = "", message: payload = "" } = values;
    if (values.username !== username || values.pw !== password?.toString()) {
      throw new Error("Cannot publish: user name and password are not those of the bridge");
    }
    if (values.qos !== "1" || !filters.some((filter) => matchesTopicFilter(filter, topic))) {
      throw new Error(`Cannot publish: wanted QoS 1 and a topic that matches ${filters.join(", ")}`);
    }
    packetId += 1;
    connection.send(publish(packetId, { topic, payload }));
    await connection.next("puback");
  };
}
