/** MQTT clients of the tests, and one that hands over to the gateway what a broker hands to it. */
import { EventEmitter, once } from "node:events";
import {
  connect,
  type IClientOptions,
  type IConnackPacket,
  type IPublishPacket,
  type MqttClient,
} from "mqtt";
import { onTestFinished } from "vitest";
import type { GatewayProcess } from "../support/gateway-process.ts";

/** Connect with MQTT 5 until the test has finished; nothing connects again by itself. */
export async function connectClient(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = openClient(url, options);
  await connected(client);
  return client;
}

function openClient(url: string, options: IClientOptions): MqttClient {
  const client = connect(url, { protocolVersion: 5, reconnectPeriod: 0, ...options });
  onTestFinished(() => client.endAsync(true));
  return client;
}

function connected(client: MqttClient): Promise<IConnackPacket> {
  return new Promise((resolve, reject) => {
    client.once("connect", resolve);
    client.on("error", reject);
    client.once("close", () => reject(new Error("The broker closed the connection")));
  });
}

export interface Forwarder {
  /** Whether the broker still had its session. */
  isSessionPresent: boolean;
  /** Of the messages that were handed to it, in order: which of them the broker marked as sent before. */
  dups: boolean[];
  /** Resolves once so many messages were acknowledged. */
  acknowledged(count: number): Promise<void>;
  /** Resolves with the status it did not like, once it has left for it; null: no answer, or `leavesAfter`. */
  left: Promise<number | null>;
  leave(): Promise<void>;
}

/**
 * Subscribe to `plant/#` with a session that stays, post each message to the source `devices` with the adapter `raw`,
 * one after the other, and acknowledge it when the gateway has. At any other answer, leave without acknowledging.
 */
export async function startForwarder({
  url,
  gateway,
  leavesAfter,
}: {
  /** The broker's. */
  url: string;
  gateway: Pick<GatewayProcess, "url">;
  /** Leave when the gateway has taken so many messages, without acknowledging the last one. */
  leavesAfter?: number;
}): Promise<Forwarder> {
  const properties = { sessionExpiryInterval: 3600 };
  const client = openClient(url, { clientId: "forwarder", clean: false, properties });
  const dups: boolean[] = [];
  const changes = new EventEmitter();
  let taken = 0;
  let acknowledged = 0;
  const left = new Promise<number | null>((resolve) => {
    client.handleMessage = async (packet, acknowledge) => {
      dups.push(packet.dup);
      const status = await forward(packet, gateway).catch(() => null);
      if (status === 200) taken += 1;
      if (status === 200 && taken !== leavesAfter) {
        acknowledge();
        acknowledged += 1;
        changes.emit("acknowledged");
        return;
      }
      // Without force it would wait for the message that it never acknowledges.
      await client.endAsync(true);
      resolve(status === 200 ? null : status);
    };
  });
  const { sessionPresent } = await connected(client);
  if (!sessionPresent) await client.subscribeAsync("plant/#", { qos: 1 });
  return {
    isSessionPresent: sessionPresent,
    dups,
    left,
    async acknowledged(count) {
      while (acknowledged < count) await once(changes, "acknowledged");
    },
    leave: () => client.endAsync(),
  };
}

/** The User Properties `id` and `publishedAt` say what MQTT itself has no field for. */
async function forward(
  { topic, payload, qos, retain, properties = {} }: IPublishPacket,
  gateway: Pick<GatewayProcess, "url">,
): Promise<number> {
  const pairs = Object.entries(properties.userProperties ?? {}).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value] as const),
  );
  const { id, publishedAt } = Object.fromEntries(pairs);
  const fields = Object.entries({
    "Mqtt-Topic": encodeURIComponent(topic),
    "Mqtt-Qos": qos,
    "Mqtt-Retain": retain,
    "Mqtt-Message-Id": id,
    "Mqtt-Published-At": publishedAt,
    "Mqtt-Message-Expiry-Interval": properties.messageExpiryInterval,
    "Mqtt-Content-Type": properties.contentType,
  });
  const headers = new Headers();
  // As a template engine fills them in, absent ones included.
  for (const [name, value] of fields) headers.set(name, String(value));
  for (const pair of pairs) headers.append("Mqtt-User-Property", pair.map(encodeURIComponent).join("="));
  const response = await fetch(`${gateway.url}/webhooks/devices`, {
    method: "POST",
    headers,
    body: new Uint8Array(Buffer.from(payload)),
  });
  await response.arrayBuffer();
  return response.status;
}
