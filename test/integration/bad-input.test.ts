import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import {
  type GatewayProcess,
  ledgerFaults,
  post,
  readStatus,
  untilSettled,
} from "../support/gateway-process.ts";
import { createRecorder, numbered, range } from "./recorder.ts";
import { openSink, start, writeConfiguration } from "./workbench.ts";

const bodyBytesMax = 1_000_000;

/** Write the bytes to the gateway's port as they are, end the connection's half, and resolve with what came back. */
async function exchange(gateway: GatewayProcess, pieces: readonly (string | Uint8Array)[]): Promise<string> {
  const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
  let answer = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    answer += text;
  });
  // Being cut off is an answer too.
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await once(socket, "connect");
  for (const piece of pieces) socket.write(piece);
  socket.end();
  await closed;
  return answer;
}

const head = (headers: string) =>
  `POST /webhooks/devices HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n${headers}\r\n\r\n`;

const bytes = (...values: number[]) => new Uint8Array(values);

/** What is sent, and the statuses that are right for it; an empty one is a connection that was closed. */
const corpus: { name: string; pieces: (string | Uint8Array)[]; answers: string[] }[] = [
  { name: "nothing", pieces: [], answers: [""] },
  {
    name: "garbage instead of HTTP",
    pieces: [bytes(0, 255, 22, 3, 1, 13, 10, 13, 10)],
    answers: ["400", ""],
  },
  {
    name: "MQTT instead of HTTP",
    pieces: [bytes(16, 12, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 0)],
    answers: ["400", ""],
  },
  { name: "a TLS hello", pieces: [bytes(22, 3, 1, 0, 5, 1, 0, 0, 1, 3)], answers: ["400", ""] },
  { name: "an HTTP/2 preface", pieces: ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], answers: ["400", "505", ""] },
  {
    name: "headers without end",
    pieces: ["POST /webhooks/devices HTTP/1.1\r\nHost: x\r\n"],
    answers: ["400", ""],
  },
  {
    name: "too many headers",
    pieces: [`GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(100_000)}\r\n\r\n`],
    answers: ["431", ""],
  },
  {
    name: "two lengths",
    pieces: [head("Content-Length: 2\r\nContent-Length: 3"), "{}"],
    answers: ["400", ""],
  },
  {
    name: "length and chunks",
    pieces: [head("Content-Length: 2\r\nTransfer-Encoding: chunked"), "2\r\n{}\r\n0\r\n\r\n"],
    answers: ["400", ""],
  },
  { name: "a body that ends early", pieces: [head("Content-Length: 100"), "{"], answers: ["400", ""] },
  {
    name: "chunks that end early",
    pieces: [head("Transfer-Encoding: chunked"), "5\r\n{"],
    answers: ["400", ""],
  },
  {
    name: "a chunk size that is none",
    pieces: [head("Transfer-Encoding: chunked"), "zz\r\n{}\r\n"],
    answers: ["400", ""],
  },
  { name: "an unknown method", pieces: ["BREW / HTTP/1.1\r\nHost: x\r\n\r\n"], answers: ["400", ""] },
];

const text = new TextEncoder();
const json = "application/json";
const bodies: { name: string; body: string | Uint8Array<ArrayBuffer>; type?: string; status: number }[] = [
  { name: "an empty body", body: "", status: 400 },
  { name: "invalid UTF-8", body: new Uint8Array([123, 34, 255, 254, 34, 58, 49, 125]), status: 400 },
  { name: "NUL", body: "\u0000", status: 400 },
  { name: "a NUL in the topic", body: '{"topic":"a\\u0000b","payload":{}}', status: 400 },
  { name: "a lone surrogate in the topic", body: '{"topic":"\\ud800","payload":{}}', status: 400 },
  { name: "a wildcard topic", body: '{"topic":"a/#","payload":{}}', status: 400 },
  { name: "spaces within the limit", body: " ".repeat(bodyBytesMax), status: 400 },
  { name: "10 MB of spaces", body: " ".repeat(10_000_000), status: 413 },
  { name: "a body of 40 times the limit", body: new Uint8Array(40 * bodyBytesMax), status: 413 },
  { name: "100,000 nested arrays", body: "[".repeat(100_000), status: 400 },
  {
    name: "100,000 nested arrays that end, an array with one bad element",
    body: "[".repeat(100_000) + "]".repeat(100_000),
    status: 200,
  },
  {
    name: "nested payload",
    body: `{"topic":"t","payload":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    status: 200,
  },
  { name: "a number of 100,000 digits", body: `{"topic":"t","payload":${"9".repeat(100_000)}}`, status: 200 },
  { name: "a prototype", body: '{"__proto__":{"topic":"t"},"payload":{}}', status: 400 },
  { name: "a wrong content type", body: "{}", type: "image/png", status: 415 },
];

describe("bad input", () => {
  it("never crashes the gateway, never meets a 5xx but 503, and leaves the ledger exact", async () => {
    const recorder = createRecorder();
    const sink = await openSink({ onMetrics: recorder.add, onLogs: recorder.add });
    const gateway = await start(writeConfiguration({ otlpUrl: sink.url, bodyBytesMax }));
    const met: Record<string, unknown> = {};
    const wanted: Record<string, unknown> = {};
    let good = 0;
    const postGood = async () => {
      expect((await post(gateway, numbered(good))).status).toBe(200);
      good += 1;
    };

    for (const { name, pieces, answers } of corpus) {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(await exchange(gateway, pieces))?.[1] ?? "";
      met[name] = answers.includes(status) ? "as wanted" : status;
      wanted[name] = "as wanted";
      await postGood();
    }
    for (const { name, body, type = json, status } of bodies) {
      const sent = typeof body === "string" ? text.encode(body) : body;
      const answer = await fetch(`${gateway.url}/webhooks/devices`, {
        method: "POST",
        headers: { "content-type": type },
        body: sent,
      }).catch((error: Error) => ({ status: `cut: ${error.cause}`, text: async () => "" }));
      await answer.text();
      met[name] = answer.status;
      wanted[name] = status;
      await postGood();
    }
    expect(met).toEqual(wanted);

    const status = await untilSettled(gateway);
    expect(ledgerFaults(status)).toEqual([]);
    expect(status.accepted).toBe(good);
    expect([...recorder.gauges]).toEqual(range(good));
    expect((await readStatus(gateway)).refused.overloaded).toBe(0);
    expect(gateway.child.exitCode).toBeNull();
    expect(await gateway.end("SIGTERM")).toBe(0);
  });

  it("a body that arrives byte by byte holds nobody else up", async () => {
    const sink = await openSink();
    const gateway = await start(writeConfiguration({ otlpUrl: sink.url }));
    const body = numbered(1);
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    await once(socket, "connect");
    socket.write(head(`Content-Length: ${body.length}`));
    for (const byte of body) {
      socket.write(byte);
      expect((await post(gateway, numbered(2))).status).toBe(200);
    }
    const [answer] = await once(socket, "data");
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
    const status = await untilSettled(gateway);
    expect(status.accepted).toBe(body.length + 1);
    expect(ledgerFaults(status)).toEqual([]);
  });
});
