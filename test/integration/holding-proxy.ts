import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface HoldingProxy extends AsyncDisposable {
  port: number;
  /** From now on what is asked gets through, and no answer comes back. */
  hold(): void;
  /** Give up the connections whose answers were held, and hold nothing any more. */
  release(): void;
}

/** Stands between a gateway and a server on a loopback port. */
export async function startHoldingProxy(serverPort: number): Promise<HoldingProxy> {
  const sockets = new Set<Socket>();
  let isHolding = false;
  const server = createServer((client) => {
    const upstream = connect(serverPort, "127.0.0.1");
    client.pipe(upstream);
    upstream.on("data", (chunk) => {
      if (!isHolding) client.write(chunk);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        sockets.delete(socket);
        if (socket === client || !isHolding) other.destroy();
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    hold() {
      isHolding = true;
    },
    release() {
      isHolding = false;
      cut();
    },
    async [Symbol.asyncDispose]() {
      server.close();
      cut();
      await once(server, "close");
    },
  };
}
