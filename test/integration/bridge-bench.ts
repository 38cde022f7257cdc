/** A gateway with bridges between a real Mosquitto and whatever receives OTLP, and publishers that keep at it. */
import { EventEmitter, once } from "node:events";
import { symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import mqtt from "mqtt";
import mqttPacket, { type Packet } from "mqtt-packet";
import { onTestFinished } from "vitest";
import type { GatewayProcess, Status } from "../support/gateway-process.ts";
import { type MosquittoOptions, startMosquitto } from "./mosquitto-process.ts";
import { numbered } from "./recorder.ts";

export interface BridgedStatus extends Status {
  bridges: Record<
    string,
    { connected: boolean; received: number; retainedSkipped: number; reason: string | null }
  >;
}

export interface BridgedGateway {
  folder: string;
  otlpUrl: string;
  brokerUrl: string;
  /** Of the endpoint. */
  mqttSettings?: object;
  /** Of the bridge. */
  bridge?: object;
  /** Of the Gateway. */
  gateway?: object;
  /** Folders as Kubernetes mounts them, by the name that the endpoint refers to. */
  mounts?: Record<string, string>;
}

/** Write the configuration of a gateway with the bridge `plant`, and return its path. */
export function writeBridgedGateway(options: BridgedGateway): string {
  const { folder, otlpUrl, brokerUrl, mqttSettings, bridge, gateway, mounts = {} } = options;
  for (const [name, path] of Object.entries(mounts)) symlinkSync(path, join(folder, name));
  const endpoint = (name: string, spec: object) => ({
    apiVersion: "connectivity.iotoperations.azure.com/v1",
    kind: "DataflowEndpoint",
    metadata: { name },
    spec,
  });
  const documents = [
    endpoint("collector", {
      endpointType: "OpenTelemetry",
      openTelemetrySettings: {
        host: otlpUrl,
        batching: { latencySeconds: 0, maxMessages: 0 },
        authentication: { method: "Anonymous" },
        tls: { mode: "Disabled" },
      },
    }),
    endpoint("broker", {
      endpointType: "Mqtt",
      mqttSettings: {
        host: brokerUrl,
        authentication: { method: "Anonymous" },
        tls: { mode: "Disabled" },
        ...mqttSettings,
      },
    }),
    {
      apiVersion: "mqtt-otlp-gateway/v1",
      kind: "Gateway",
      metadata: { name: "test" },
      spec: {
        listen: { host: "127.0.0.1", port: 0 },
        store: { path: join(folder, "gateway.db") },
        bridges: [{ name: "plant", endpointRef: "broker", topicFilters: ["plant/#"], ...bridge }],
        destinations: [
          { endpointRef: "collector", protocol: "grpc", resourceAttributes: { destination: "collector" } },
        ],
        secretsPath: folder,
        configMapsPath: folder,
        ...gateway,
      },
    },
  ];
  const path = join(folder, "gateway.yaml");
  // JSON is YAML.
  writeFileSync(path, documents.map((document) => JSON.stringify(document, null, 2)).join("\n---\n"));
  return path;
}

export async function openMosquitto(options?: MosquittoOptions) {
  const mosquitto = await startMosquitto(options);
  onTestFinished(() => mosquitto[Symbol.asyncDispose]());
  return mosquitto;
}

export async function readBridgedStatus({ url }: Pick<GatewayProcess, "url">): Promise<BridgedStatus> {
  return (await (await fetch(`${url}/status`)).json()) as BridgedStatus;
}

/** Resolves with the first status that holds. */
export async function untilBridged(
  gateway: Pick<GatewayProcess, "url">,
  holds: (status: BridgedStatus) => boolean = ({ bridges }) => bridges.plant?.connected === true,
): Promise<BridgedStatus> {
  for (;;) {
    const status = await readBridgedStatus(gateway);
    if (holds(status)) return status;
    await delay(20);
  }
}

const publishersCount = 4;
/** Of each publisher. */
const unconfirmedMax = 25;

export interface Publishers {
  /** Resolves once the broker has so many. */
  reached(count: number): Promise<void>;
  /** Resolves when the broker has them all. */
  finished: Promise<void>;
}

/** Publish the messages 0 to `count` − 1 with QoS 1 by several clients, which connect again as often as it takes. */
export function startPublishers(url: string, { count, ca }: { count: number; ca?: string }): Publishers {
  const progress = new EventEmitter();
  let next = 0;
  let acknowledged = 0;

  async function publishAll(client: mqtt.MqttClient) {
    while (next < count) {
      const { topic, payload } = JSON.parse(numbered(next++));
      await publishUntilConfirmed(client, topic, JSON.stringify(payload));
      acknowledged += 1;
      progress.emit("acknowledged");
    }
  }

  const running = Array.from({ length: publishersCount }, async () => {
    const options = { protocolVersion: 5, clean: true, reconnectPeriod: 50 } as const;
    const client = mqtt.connect(url, ca === undefined ? options : { ...options, ca });
    client.on("error", () => undefined);
    onTestFinished(() => void client.end(true));
    await Promise.all(Array.from({ length: unconfirmedMax }, () => publishAll(client)));
    await client.endAsync();
  });
  return {
    async reached(wanted) {
      while (acknowledged < wanted) await once(progress, "acknowledged");
    },
    finished: Promise.all(running).then(() => undefined),
  };
}

/** The client gives up a message when the connection on which it sends it again is cut too. */
async function publishUntilConfirmed(client: mqtt.MqttClient, topic: string, payload: string): Promise<void> {
  for (;;) {
    try {
      await client.publishAsync(topic, payload, { qos: 1 });
      return;
    } catch (error) {
      if (client.disconnecting) throw error;
    }
  }
}

/** A wire between a client and a broker that is listened to. */
export interface Tap {
  url: string;
  /** Packets of each connection, in the order in which they passed. */
  connections: readonly Packet[][];
  /** On the connections there are now, nothing that the client still sends reaches the broker. */
  silenceClients(): void;
}

export async function tapBroker(brokerPort: number): Promise<Tap> {
  const connections: Packet[][] = [];
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  const silenced = new Set<Socket>();
  const server = createServer((client) => {
    const broker = connect(brokerPort, "127.0.0.1");
    clients.add(client);
    const packets: Packet[] = [];
    connections.push(packets);
    for (const [from, to] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(from);
      const parser = mqttPacket.parser({ protocolVersion: 5 });
      parser.on("packet", (packet) => packets.push(packet));
      from.on("data", (data) => {
        parser.parse(data);
        if (!silenced.has(from)) to.write(data);
      });
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    silenceClients() {
      for (const client of clients) silenced.add(client);
    },
  };
}
