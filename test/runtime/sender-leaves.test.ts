import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Listening, listen } from "../../handlers/runtime/node.ts";
import { createTestApp, sourceConfig, validMetrics } from "../support/app.ts";

/**
 * Aim: senders that close the connection as soon as their request is written, without waiting for the answer, lose
 * nothing by that: NanoMQ is one. Method: a real server and bare sockets.
 */
let server: Listening | undefined;

afterEach(async () => {
  await server?.close({ graceMs: 0 });
});

const message = (bytes: number) =>
  JSON.stringify({
    action: "message_publish",
    topic: "plant/a",
    payload: `${validMetrics.slice(0, -1)}${" ".repeat(bytes)}}`,
  });

describe("a sender that leaves before the answer", () => {
  it.each<[string, number, (socket: Socket) => void]>([
    ["ends its side", 0, (socket) => socket.end()],
    ["closes", 0, (socket) => socket.destroy()],
    ["closes behind a large body", 500_000, (socket) => socket.destroy()],
    ["resets", 0, (socket) => socket.resetAndDestroy()],
  ])("and %s has its message stored", async (_name, bytes, leave) => {
    const stored = Promise.withResolvers<void>();
    const test = createTestApp({
      sources: [sourceConfig({ name: "nano", adapter: "emqx4" })],
      limits: { bodyBytesMax: 1_000_000, payloadBytesMax: 1_000_000 },
      wrapStore: (store) => ({
        ...store,
        async append(arrivals) {
          const counts = await store.append(arrivals);
          stored.resolve();
          return counts;
        },
      }),
    });
    server = await listen(async (request) => test.app.fetch(request), {
      host: "127.0.0.1",
      port: 0,
    });
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    const body = message(bytes);
    const head = `POST /webhooks/nano HTTP/1.1\r\nHost: gateway\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.write(head + body, () => leave(socket));
    await stored.promise;
    expect(await test.status()).toMatchObject({ received: 1, accepted: 1, refused: { badEnvelope: 0 } });
  });
});
