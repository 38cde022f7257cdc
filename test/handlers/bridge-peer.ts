/** A broker that does what a test tells it to, packet by packet. */
import { EventEmitter, once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import mqttPacket, {
  type IConnackPacket,
  type IConnectPacket,
  type IPublishPacket,
  type ISubackPacket,
  type ISubscribePacket,
  type Packet,
  type PacketCmd,
} from "mqtt-packet";
import { onTestFinished } from "vitest";

type PacketOf<Command extends PacketCmd> = Extract<Packet, { cmd: Command }>;

export interface PeerConnection {
  /** What the client connected with. */
  connect: IConnectPacket;
  /** All that came since. */
  received: readonly Packet[];
  /** The next packet of this kind that was not asked for before. */
  next<Command extends PacketCmd>(command: Command): Promise<PacketOf<Command>>;
  /** In one write. */
  send(...packets: Packet[]): void;
  /** As they are, whatever they say. */
  sendBytes(hex: string): void;
  /** Accept the connection, and the subscription where one comes. Resolves with it. */
  accept(options?: {
    sessionPresent?: boolean;
    properties?: IConnackPacket["properties"];
  }): Promise<ISubscribePacket | undefined>;
  publish(messageId: number, fields?: Partial<IPublishPacket>): void;
  /** Resolves when the client, or `cut`, has closed it. */
  closed: Promise<void>;
  cut(): void;
}

export interface Peer {
  url: string;
  /** The next connection, once its CONNECT has come. */
  connection(): Promise<PeerConnection>;
}

export async function startPeer({ protocolVersion = 5 }: { protocolVersion?: 4 | 5 } = {}): Promise<Peer> {
  const connections: PeerConnection[] = [];
  const arrivals = new EventEmitter();
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    receive(socket, protocolVersion, (connection) => {
      connections.push(connection);
      arrivals.emit("connection");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async connection() {
      while (connections.length === 0) await once(arrivals, "connection");
      return connections.shift() as PeerConnection;
    },
  };
}

function receive(socket: Socket, protocolVersion: 4 | 5, onConnect: (connection: PeerConnection) => void) {
  const received: Packet[] = [];
  const asked = new Map<PacketCmd, number>();
  const arrivals = new EventEmitter();
  const parser = mqttPacket.parser({ protocolVersion });
  socket.on("data", (data) => parser.parse(data));
  parser.on("error", () => socket.destroy());
  socket.on("error", () => socket.destroy());
  parser.on("packet", (packet) => {
    if (packet.cmd === "connect") return onConnect({ ...connection, connect: packet });
    received.push(packet);
    arrivals.emit("packet");
  });

  const connection: Omit<PeerConnection, "connect"> = {
    received,
    closed: new Promise((resolve) => socket.once("close", () => resolve())),
    async next<Command extends PacketCmd>(command: Command) {
      const index = asked.get(command) ?? 0;
      asked.set(command, index + 1);
      for (;;) {
        const found = received.filter(({ cmd }) => cmd === command)[index];
        if (found) return found as PacketOf<Command>;
        await once(arrivals, "packet");
      }
    },
    send(...packets) {
      socket.write(Buffer.concat(packets.map((packet) => mqttPacket.generate(packet, { protocolVersion }))));
    },
    sendBytes: (hex) => void socket.write(Buffer.from(hex.replaceAll(" ", ""), "hex")),
    async accept({ sessionPresent = false, properties } = {}) {
      const connack: IConnackPacket = { cmd: "connack", reasonCode: 0, returnCode: 0, sessionPresent };
      connection.send(properties ? { ...connack, properties } : connack);
      if (sessionPresent && protocolVersion === 4) return undefined;
      const subscribe = await connection.next("subscribe");
      connection.send(suback(subscribe));
      return subscribe;
    },
    publish(messageId, fields = {}) {
      connection.send(publish(messageId, fields));
    },
    cut: () => socket.destroy(),
  };
}

/** Of QoS 1, with the Packet Identifier as its payload. */
export function publish(messageId: number, fields: Partial<IPublishPacket> = {}): IPublishPacket {
  const payload = String(messageId);
  const packet = { cmd: "publish" as const, topic: "plant/a", qos: 1 as const, dup: false, retain: false };
  return { ...packet, payload, messageId, ...fields };
}

/** Granted as it was asked for, or with these codes. */
export function suback({ messageId, subscriptions }: ISubscribePacket, granted?: number[]): ISubackPacket {
  const codes = granted ?? subscriptions.map(({ qos }) => qos);
  return { cmd: "suback", messageId: Number(messageId), granted: codes };
}
