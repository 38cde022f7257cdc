import { createServer } from "node:net";
import { Aedes } from "aedes";

export interface Publish {
  topic: string;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  retain: boolean;
  clientId: string;
}

export interface Broker {
  port: number;
  close(): Promise<void>;
}

/**
 * An MQTT broker on loopback with a rule engine's one duty: `handOver` gets each publish, and the client's PUBACK
 * goes out only after it resolved. When it rejects, the connection is closed without one.
 */
export async function startBroker(handOver: (publish: Publish) => Promise<void>): Promise<Broker> {
  const aedes = await Aedes.createBroker();
  aedes.authorizePublish = (client, packet, done) => {
    const { topic, payload, qos, retain } = packet;
    handOver({ topic, payload: Buffer.from(payload), qos, retain, clientId: client?.id ?? "" }).then(
      () => done(null),
      (error) => done(error),
    );
  };
  const server = createServer(aedes.handle);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot tell the broker's port");
  return {
    port: address.port,
    async close() {
      await new Promise<void>((resolve) => aedes.close(resolve));
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
