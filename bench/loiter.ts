/** Connections from a process of its own that stay open: some say nothing more, some say what they have a byte a second. */
import { connect, type Socket } from "node:net";
import { scriptOptions, tell } from "./child.ts";
import { source } from "./messages.ts";

export interface LoiterOptions {
  port: number;
  /** They asked once, got their answer and are kept. */
  idle?: number;
  /** Every other one in its headers, and every other one in its body. Those that are closed come again. */
  slow?: number;
}

/** When standard input ends. */
export interface LoiterResult {
  /** How many idle ones the server has closed. */
  idleClosed: number;
}

const { port, idle = 0, slow = 0 } = scriptOptions<LoiterOptions>();
const byteMs = 1_000;
const head = `POST /webhooks/${source.one} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nMqtt-Topic: plant/slow\r\n`;
const beginnings = [
  `${head}Slow: `,
  `${head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`,
];
const result: LoiterResult = { idleClosed: 0 };
const sockets = new Set<Socket>();
let isDone = false;

function open(onClose: () => void): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => resolve(socket));
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sockets.delete(socket);
      if (!isDone) onClose();
    });
  });
}

async function openIdle() {
  const socket = await open(() => {
    result.idleClosed += 1;
  });
  socket.write(`GET /livez HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.resume();
}

async function openSlow(beginning: string) {
  let timer: NodeJS.Timeout | undefined;
  const socket = await open(() => {
    clearInterval(timer);
    void openSlow(beginning);
  });
  socket.write(beginning);
  socket.resume();
  timer = setInterval(() => socket.write("a"), byteMs).unref();
}

// One after another: a thousand at once would overflow what a system keeps for a server to accept.
for (let index = 0; index < idle; index++) await openIdle();
for (let index = 0; index < slow; index++) await openSlow(beginnings[index % beginnings.length] ?? "");
tell({ isReady: true });
process.stdin
  .on("end", () => {
    isDone = true;
    for (const socket of sockets) socket.destroy();
    tell(result);
  })
  .resume();
