import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import {
  type GatewayProcess,
  lanesOf,
  ledgerFaults,
  postStatus,
  startGateway,
  untilSettled,
} from "../support/gateway-process.ts";
import { createRecorder, numbered, numberedBatch, range } from "./recorder.ts";
import { startSenders } from "./scenarios/crash.ts";
import { openSink, start, temporaryFolder, vacantPort, writeConfiguration } from "./workbench.ts";

async function setUp() {
  const folder = temporaryFolder();
  const recorder = createRecorder();
  const sink = await openSink({ onMetrics: recorder.add, onLogs: recorder.add });
  const configPath = writeConfiguration({ folder, otlpUrl: sink.url });
  const storePath = join(folder, "gateway.db");
  return { folder, recorder, sink, configPath, storePath, gateway: await start(configPath) };
}

function untilLogged(gateway: GatewayProcess, text: string): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (gateway.log().includes(text)) resolve();
    };
    gateway.child.stderr?.on("data", check);
    check();
  });
}

/** A post whose body is complete but for its last byte. */
async function beginPost(gateway: GatewayProcess, body: string): Promise<{ socket: Socket; end(): void }> {
  const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
  await once(socket, "connect");
  const head = `POST /webhooks/devices HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`;
  socket.write(head);
  // With its 100 the gateway says that it has the request.
  await once(socket, "data");
  socket.write(body.slice(0, -1));
  return { socket, end: () => socket.write(body.slice(-1)) };
}

describe("a restart", () => {
  it("after everything was delivered and deleted does not begin the ids again: new messages arrive", async () => {
    const { recorder, configPath, storePath, gateway } = await setUp();
    for (let round = 0, current = gateway; round < 3; round += 1) {
      expect(await postStatus(current, numberedBatch(round * 100, 100))).toBe(200);
      await untilSettled(current);
      expect(await current.end("SIGTERM")).toBe(0);
      const database = new DatabaseSync(storePath);
      expect(database.prepare("SELECT count(*) AS count FROM messages").get()).toEqual({ count: 0 });
      database.close();
      if (round < 2) current = await start(configPath);
    }
    expect([...recorder.gauges]).toEqual(range(300));
    expect([...recorder.logs]).toEqual(range(300).map(String));
    expect(recorder.repeats()).toBe(0);
  });
});

describe("SIGTERM", () => {
  it("under load: exit 0, nothing acknowledged is lost, nothing counts twice", async () => {
    const { recorder, configPath, gateway } = await setUp();
    let current = gateway;
    const load = startSenders(() => current);
    for (const goal of [200, 400, 600]) {
      await load.reached(goal);
      expect(await current.end("SIGTERM")).toBe(0);
      current = await start(configPath);
    }
    const { acknowledged, sums } = await load.stop();
    const status = await untilSettled(current);
    expect(ledgerFaults(status)).toEqual([]);
    expect(status.accepted).toBe(acknowledged.length);
    expect(acknowledged.filter((id) => !recorder.logs.has(id))).toEqual([]);
    for (const [series, sum] of sums) expect(recorder.last(series)).toBe(sum);
    expect(recorder.faults).toEqual([]);
    for (const lane of lanesOf(status))
      expect(lane).toMatchObject({ delivered: acknowledged.length, pending: 0 });
  });

  it("lets a request that is in flight end with its answer, and its message is delivered", async () => {
    const { recorder, configPath, gateway } = await setUp();
    const request = await beginPost(gateway, numbered(7));
    const exited = gateway.end("SIGTERM");
    await untilLogged(gateway, "Gateway stopping");
    const answered = once(request.socket, "data");
    request.end();
    expect(String((await answered)[0])).toMatch(/^HTTP\/1\.1 200 /);
    expect(await exited).toBe(0);
    const again = await start(configPath);
    await untilSettled(again);
    expect([...recorder.gauges]).toEqual([7]);
    expect([...recorder.logs]).toEqual(["7"]);
  });

  it("is not held up by a sender that stalls in its body", async () => {
    const port = await vacantPort();
    const configPath = writeConfiguration({ otlpUrl: `http://127.0.0.1:${port}`, shutdownGraceSeconds: 1 });
    const gateway = await start(configPath);
    const { socket } = await beginPost(gateway, numbered(1));
    socket.on("error", () => {});
    const startMs = performance.now();
    expect(await gateway.end("SIGTERM")).toBe(0);
    // One second for the sender, one for the receiver that is away; a stalled body alone would be waited for a minute.
    expect(performance.now() - startMs).toBeLessThan(20_000);
  });

  it("a second one exits at once, and still loses nothing", async () => {
    const recorder = createRecorder();
    const port = await vacantPort();
    const configPath = writeConfiguration({ otlpUrl: `http://127.0.0.1:${port}` });
    const gateway = await start(configPath);
    expect(await postStatus(gateway, numberedBatch(0, 100))).toBe(200);
    // A request that never ends would keep the first signal waiting.
    const { socket } = await beginPost(gateway, numbered(100));
    socket.on("error", () => {});
    const exited = gateway.end("SIGTERM");
    await untilLogged(gateway, "Gateway stopping");
    gateway.child.kill("SIGTERM");
    expect(await exited).toBe(0);
    expect(gateway.log()).not.toContain("Gateway stopped");

    await openSink({ port, onMetrics: recorder.add, onLogs: recorder.add });
    const status = await untilSettled(await start(configPath));
    expect(ledgerFaults(status)).toEqual([]);
    expect([...recorder.gauges]).toEqual(range(100));
    expect([...recorder.logs]).toEqual(range(100).map(String));
  });
});

describe("a store", () => {
  it("that another process holds: exit 1 with a message, and the first one goes on", async () => {
    const { configPath, gateway } = await setUp();
    await expect(startGateway(configPath)).rejects.toThrow(/exited with 1: .*another process/s);
    expect(await postStatus(gateway, numbered(1))).toBe(200);
    expect((await untilSettled(gateway)).accepted).toBe(1);
  });

  it("that a newer version wrote: exit 2, and not a byte of it is changed", async () => {
    const { configPath, storePath, gateway } = await setUp();
    expect(await postStatus(gateway, numbered(1))).toBe(200);
    expect(await gateway.end("SIGTERM")).toBe(0);
    const database = new DatabaseSync(storePath);
    database.exec("PRAGMA user_version = 999");
    database.close();
    const before = readFileSync(storePath);
    await expect(startGateway(configPath)).rejects.toThrow(/exited with 2: Cannot open/);
    expect(readFileSync(storePath).equals(before)).toBe(true);
  });
});
