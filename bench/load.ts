/** Load from a process of its own: N keep-alive connections that each repeat pre-built requests, one at a time. */
import { connect, type Socket } from "node:net";
import { scriptOptions, tell } from "./child.ts";
import { envelopeOf, payloadOf, source, topicOf } from "./messages.ts";
import { percentile, perSecond } from "./numbers.ts";

export interface LoadOptions {
  port: number;
  connections: number;
  /** 1: one message as `raw`; more: an array for `mqtt`. */
  messagesPerRequest: number;
  /** Send on so many connections at once, in turns, each this often; default: on each again once it has its answer. */
  pace?: { everyMs: number; atOnce: number };
  /** Before anything is measured. */
  warmupMs?: number;
  /** Whichever comes first; neither: until standard input ends. */
  durationMs?: number;
  requests?: number;
}

export interface LoadResult {
  requests: number;
  requestsPerSecond: number;
  messagesPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

const options = scriptOptions<LoadOptions>();
const { port, connections, messagesPerRequest, pace, warmupMs = 0, durationMs } = options;
const requestsMax = options.requests;
const varieties = 64;
const requests = Array.from({ length: varieties }, (_, index) =>
  messagesPerRequest === 1
    ? request(source.one, payloadOf(index), { "Mqtt-Topic": topicOf(index) })
    : request(source.many, envelopeOf(index * messagesPerRequest, messagesPerRequest)),
);

function request(path: string, body: string, headers: Record<string, string> = {}): Buffer {
  const all = {
    Host: `127.0.0.1:${port}`,
    "Content-Type": "application/json",
    "Content-Length": String(body.length),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST /webhooks/${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

const headEnd = Buffer.from("\r\n\r\n");
const latenciesMs: number[] = [];
const sockets: Socket[] = [];
/** By connection: send one that is due now, or once the answer before has come. */
const demands: (() => void)[] = [];
let isMeasuring = warmupMs === 0;
let isDone = false;
let startMs = performance.now();
let sent = 0;
/** Answers are alike but for their date, so that most are recognized by their length. */
let usualLength = -1;

function open() {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  sockets.push(socket);
  let received: Buffer | undefined;
  let sentMs: number | undefined;
  const dueMs: number[] = [];

  function send(sinceMs = performance.now()) {
    sentMs = sinceMs;
    socket.write(requests[sent++ % varieties] as Buffer);
  }

  function demand() {
    if (sentMs === undefined) send();
    else dueMs.push(performance.now());
  }

  socket.on("connect", () => (pace ? demands.push(demand) : send()));
  socket.on("error", (error) => fail(error.message));
  socket.on("close", () => isDone || fail("the connection was closed"));
  socket.on("data", (chunk) => {
    const bytes = received ? Buffer.concat([received, chunk]) : chunk;
    if (bytes.length !== usualLength) {
      const length = answerLength(bytes);
      received = length === undefined || bytes.length < length ? bytes : undefined;
      if (received) return;
      usualLength = bytes.length;
    }
    received = undefined;
    // The first digit behind "HTTP/1.1 ".
    if (bytes[9] !== 0x32) fail(`the answer was ${bytes.toString("latin1", 0, 200)}`);
    if (isMeasuring && sentMs !== undefined) {
      latenciesMs.push(performance.now() - sentMs);
      if (latenciesMs.length === requestsMax) finish();
    }
    sentMs = undefined;
    if (isDone) return;
    if (!pace) return send();
    const nextMs = dueMs.shift();
    if (nextMs !== undefined) send(nextMs);
  });
}

/** Undefined: its head is not complete yet. */
function answerLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(headEnd);
  if (end < 0) return undefined;
  const head = bytes.toString("latin1", 0, end);
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined && !head.startsWith("HTTP/1.1 204")) fail(`no length in ${head}`);
  return end + headEnd.length + Number(length ?? 0);
}

function fail(reason: string): never {
  process.stderr.write(`Cannot load port ${port}: ${reason}\n`);
  process.exit(1);
}

function finish() {
  if (isDone) return;
  isDone = true;
  const elapsedMs = performance.now() - startMs;
  for (const socket of sockets) socket.destroy();
  const count = latenciesMs.length;
  const sorted = Float64Array.from(latenciesMs).sort();
  const rate = perSecond(count, elapsedMs);
  const result: LoadResult = {
    requests: count,
    requestsPerSecond: rate,
    messagesPerSecond: rate * messagesPerRequest,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
    maxMs: percentile(sorted, 1),
  };
  tell(result);
  process.stdin.destroy();
}

function measure() {
  isMeasuring = true;
  startMs = performance.now();
  if (durationMs !== undefined) setTimeout(finish, durationMs);
  else if (requestsMax === undefined) {
    tell({ isMeasuring });
    process.stdin.on("end", finish).resume();
  }
}

for (let index = 0; index < connections; index++) open();
if (pace) {
  const { everyMs, atOnce } = pace;
  let turn = 0;
  const timer = setInterval(() => {
    if (isDone) return clearInterval(timer);
    for (let index = 0; index < atOnce; index++) demands[turn++ % demands.length]?.();
  }, everyMs);
}
if (warmupMs > 0) setTimeout(measure, warmupMs);
else measure();
