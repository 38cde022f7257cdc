import { once } from "node:events";
import { connect, Server, type Socket } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { type ListenOptions, listen } from "../../handlers/runtime/node.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { createFakeLogger } from "../support/fake-logger.ts";

async function start(options: ListenOptions = {}) {
  const clock = createFakeClock();
  const logger = createFakeLogger();
  const server = await listen(
    () => new Response("ok"),
    { host: "127.0.0.1", port: 0 },
    { clock, logger, ...options },
  );
  onTestFinished(() => server.close({ graceMs: 0 }));
  const open = (): Socket => {
    const socket = connect({ port: Number(new URL(server.url).port), host: "127.0.0.1" });
    onTestFinished(() => void socket.destroy());
    return socket;
  };
  const ask = async (socket: Socket, text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"): Promise<string> => {
    socket.write(text);
    const [answer] = await once(socket, "data");
    return String(answer).slice(0, 12);
  };
  return { clock, logger, open, ask };
}

describe("listen()", () => {
  it("closes connections beyond the limit at once, says so, and takes new ones when others have gone", async () => {
    const { logger, clock, open, ask } = await start({ connectionsMax: 2 });
    const [first, second] = [open(), open()];
    expect([await ask(first), await ask(second)]).toEqual(["HTTP/1.1 200", "HTTP/1.1 200"]);
    for (let i = 0; i < 2; i++) await once(open().resume(), "close");
    clock.advance(10_000);
    await once(open().resume(), "close");
    expect(logger.lines.map(({ level, fields }) => [level, fields])).toEqual([
      ["warn", { connectionsMax: 2, suppressed: 0 }],
      ["warn", { connectionsMax: 2, suppressed: 1 }],
    ]);
    first.end();
    await once(first.resume(), "close");
    expect(await ask(second)).toBe("HTTP/1.1 200");
    expect(await ask(open())).toBe("HTTP/1.1 200");
  });

  it("refuses headers of more than 16 KiB, and takes as many as fit", async () => {
    const { open, ask } = await start();
    const head = (bytes: number) => `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(bytes)}\r\n\r\n`;
    expect(await ask(open(), head(16_000))).toBe("HTTP/1.1 200");
    expect(await ask(open(), head(16_500))).toBe("HTTP/1.1 431");
  });

  it("goes on when the system cannot hand a connection over, however often, and says so", async () => {
    const listening = vi.spyOn(Server.prototype, "listen");
    const { logger, open, ask } = await start();
    const [server] = listening.mock.contexts as [Server];
    listening.mockRestore();
    for (let i = 0; i < 3; i++) server.emit("error", new Error("accept EPERM"));
    expect(await ask(open())).toBe("HTTP/1.1 200");
    expect(logger.lines).toMatchObject([
      { level: "error", message: "A connection could not be accepted", fields: { suppressed: 0 } },
    ]);
  });

  it("answers what is no HTTP with 400 and goes on", async () => {
    const { open, ask } = await start();
    expect(await ask(open(), "\x16\x03\x01\x00\xa5\x01\r\n\r\n")).toBe("HTTP/1.1 400");
    expect(await ask(open())).toBe("HTTP/1.1 200");
  });
});
