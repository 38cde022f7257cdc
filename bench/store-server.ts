/** What the store costs by itself: the bare server, which answers once the message is on disk. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openThreadedStore } from "../pipeline/store/thread.ts";
import { scriptOptions, tell } from "./child.ts";
import { destination, source } from "./messages.ts";

const lane = { destination, signal: "metrics" } as const;
const store = await openThreadedStore({
  path: scriptOptions<{ path: string }>().path,
  bytesMax: 2 ** 36,
  deadLetterBytesMax: 2 ** 28,
  dedupe: { windowSeconds: 0, entriesMax: 0 },
  lanes: [lane],
});
const { mask: lanes } = store.lane(lane);

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", async () => {
    const payload = Buffer.concat(chunks);
    JSON.parse(payload.toString());
    const topic = String(request.headers["mqtt-topic"]);
    const message = { source: source.one, topic, payload, userProperties: [] };
    const arrivedAtUs = Date.now() * 1000;
    await store.append([{ message, arrivedAtUs, verdict: { kind: "accepted", lanes } }]);
    response.writeHead(204).end();
  });
});
server.listen(0, "127.0.0.1", () => tell({ port: (server.address() as AddressInfo).port }));
