import type { IClientPublishOptions } from "mqtt";
import { describe, expect, it, onTestFinished } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import { ledgerFaults, readStatus, untilSettled, untilStatus } from "../support/gateway-process.ts";
import { startCollector, startReadBack } from "./collector-process.ts";
import { choosePorts, collectorConfiguration, writeGateway } from "./destination-bench.ts";
import { connectClient, startForwarder } from "./forwarder.ts";
import { type MosquittoOptions, startMosquitto } from "./mosquitto-process.ts";
import { createRecorder, numbered, range } from "./recorder.ts";
import { openSink, start, temporaryFolder, vacantPort, writeConfiguration } from "./workbench.ts";

async function openMosquitto(options?: MosquittoOptions) {
  const mosquitto = await startMosquitto(options);
  onTestFinished(() => mosquitto[Symbol.asyncDispose]());
  return mosquitto;
}

async function publish(
  url: string,
  messages: (IClientPublishOptions & { topic: string; payload: string })[],
) {
  const client = await connectClient(url);
  await Promise.all(
    messages.map(({ topic, payload, ...options }) =>
      client.publishAsync(topic, payload, { qos: 1, ...options }),
    ),
  );
  await client.endAsync();
}

/** Messages with a gauge and a log record each, and an id. */
function numberedMessages(count: number, padding?: string) {
  return range(count).map((n) => {
    const { topic, payload } = JSON.parse(numbered(n, padding));
    return {
      topic: String(topic),
      payload: JSON.stringify(payload),
      properties: { userProperties: { id: String(n) } },
    };
  });
}

describe("messages of a real Mosquitto", () => {
  it("reach a real Collector with their properties; expired and broken ones are accounted for", async () => {
    const readBack = await startReadBack();
    onTestFinished(() => readBack[Symbol.asyncDispose]());
    const ports = await choosePorts();
    const exporters = { "otlphttp/back": readBack.exporter };
    const collector = await startCollector(
      collectorConfiguration({ ports, exporters: { metrics: exporters, logs: exporters } }),
    );
    onTestFinished(() => collector[Symbol.asyncDispose]());
    const gateway = await start(
      writeGateway({
        folder: temporaryFolder(),
        ports,
        destinations: [{ name: "collector", authentication: "anonymous", protocol: "grpc" }],
        sources: [{ name: "devices", adapter: "raw", authentication: { method: "None" } }],
      }),
    );
    const broker = await openMosquitto();
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const userProperties = { zone: ["1,5", "2"], area: "Süd=1", id: "7" };

    // Kept by the broker, because nobody has subscribed yet.
    await publish(broker.url, [
      {
        topic: "plant/broken",
        payload: "no JSON",
        retain: true,
        properties: { messageExpiryInterval: 3600, contentType: "text/plain; charset=utf-8", userProperties },
      },
    ]);
    const forwarder = await startForwarder({ url: broker.url, gateway });
    await publish(broker.url, [
      {
        topic: "plant/Straße 1, 2",
        payload:
          '{"metrics":[{"name":"high","type":"i64_gauge","value":9223372036854775807}],"logs":[{"level":"warn","value":"Grüße 👋"}]}',
        properties: { userProperties: { traceparent: `00-${traceId}-00f067aa0ba902b7-01` } },
      },
      {
        // From a device that was offline for an hour.
        topic: "plant/old",
        payload: '{"logs":[{"level":"warn","value":"old"}]}',
        properties: {
          messageExpiryInterval: 30,
          userProperties: { publishedAt: new Date(Date.now() - 3_600_000).toISOString() },
        },
      },
    ]);
    await forwarder.acknowledged(3);

    const { points, logRecords } = readBack.of("collector");
    await readBack.until(() => points.has("high") && logRecords.length > 0);
    expect(points.get("high")).toMatchObject([{ kind: "gauge", asInt: "9223372036854775807" }]);
    expect(logRecords).toMatchObject([
      {
        body: { stringValue: "Grüße 👋" },
        traceId,
        attributes: expect.arrayContaining([
          { key: "messaging.destination.name", value: { stringValue: "plant/Straße 1, 2" } },
        ]),
      },
    ]);
    const status = await untilStatus(gateway, (now) => now.destinations.collector?.logs.delivered === 1);
    expect(ledgerFaults(status)).toEqual([]);
    expect(status).toMatchObject({ received: 3, accepted: 1, expiredOnArrival: 1, deadLetteredOnArrival: 1 });

    const { items } = await (await fetch(`${gateway.url}/dead-letters`)).json();
    expect(items).toMatchObject([
      {
        topic: "plant/broken",
        payload: "no JSON",
        qos: 1,
        retain: true,
        messageId: "7",
        contentType: "text/plain; charset=utf-8",
        userProperties: [
          ["zone", "1,5"],
          ["zone", "2"],
          ["area", "Süd=1"],
          ["id", "7"],
        ],
      },
    ]);
    // What was left of it when it was handed over.
    expect(items[0].messageExpiryIntervalSeconds).toBeGreaterThan(3500);
    expect(items[0].messageExpiryIntervalSeconds).toBeLessThanOrEqual(3600);
  });

  it("that get 503 from a full store stay in the broker, and all arrive once there is room", async () => {
    const count = 30;
    const port = await vacantPort();
    const otlpUrl = `http://127.0.0.1:${port}`;
    const gateway = await start(writeConfiguration({ otlpUrl, bytesMax: 2_000_000, adapter: "raw" }));
    const broker = await openMosquitto();
    const url = broker.url;
    let forwarder = await startForwarder({ url, gateway });
    await publish(url, numberedMessages(count, "x".repeat(50_000)));
    expect(await forwarder.left).toBe(503);
    const full = await readStatus(gateway);
    expect(full.refused.storeFull).toBe(1);
    expect(full.accepted).toBeLessThan(count);

    const recorder = createRecorder();
    await openSink({ port, onMetrics: recorder.add, onLogs: recorder.add });
    while ((await untilSettled(gateway)).accepted < count) {
      forwarder = await startForwarder({ url, gateway });
      expect(forwarder.isSessionPresent).toBe(true);
      await Promise.race([forwarder.left, untilStatus(gateway, ({ accepted }) => accepted >= count)]);
      // The broker had sent it before.
      expect(forwarder.dups[0]).toBe(true);
    }
    const status = await untilSettled(gateway);
    expect(ledgerFaults(status)).toEqual([]);
    expect(status.accepted).toBe(count);
    expect([...recorder.gauges]).toEqual(range(count));
    expect([...recorder.logs]).toEqual(range(count).map(String));
  });

  it("survive a killed gateway and a broker that starts again, also when an acknowledgement was lost", async () => {
    const count = 60;
    const recorder = createRecorder();
    const sink = await openSink({ onMetrics: recorder.add, onLogs: recorder.add });
    const configPath = writeConfiguration({ otlpUrl: sink.url, adapter: "raw" });
    const gateway = await start(configPath);
    const broker = await openMosquitto();
    const url = broker.url;
    const cut = await startForwarder({ url, gateway, leavesAfter: 30 });
    await publish(url, numberedMessages(count));
    expect(await cut.left).toBeNull();
    await gateway.end("SIGKILL");
    const early = await startForwarder({ url, gateway });
    expect(await early.left).toBeNull();
    await broker.restart();

    const again = await start(configPath);
    const forwarder = await startForwarder({ url, gateway: again });
    expect(forwarder.isSessionPresent).toBe(true);
    await forwarder.acknowledged(count - 30);
    await untilStatus(again, ({ accepted }) => accepted >= count);
    const status = await untilSettled(again);
    expect(ledgerFaults(status)).toEqual([]);
    // Those whose acknowledgement did not reach the broker.
    expect(status.duplicates).toBeGreaterThan(0);
    expect([...recorder.gauges]).toEqual(range(count));
    expect([...recorder.logs]).toEqual(range(count).map(String));
  });
});

describe("startMosquitto()", () => {
  it("wants passwords and client certificates when it has been given them", async () => {
    const authority = createAuthority();
    const clients = createAuthority({ name: "Clients" });
    const broker = await openMosquitto({
      users: { press: "right", "düse 1": "also right" },
      tls: { ...authority.issue({ dns: ["localhost"] }), clientAuthority: clients.cert },
    });
    const secured = { ca: authority.cert, ...clients.issue({ name: "press" }) };
    const connectAs = (username: string, password: string, material: object = secured) =>
      connectClient(broker.url, { username, password, ...material });
    await connectAs("press", "right");
    await connectAs("düse 1", "also right");
    await expect(connectAs("press", "wrong")).rejects.toThrow(/Not authorized/);
    await expect(connectAs("press", "right", { ca: authority.cert })).rejects.toThrow();
    await expect(connectAs("press", "right", { ...secured, ca: clients.cert })).rejects.toThrow(
      /certificate/,
    );

    await broker.restart({ users: { press: "new" } });
    await connectAs("press", "new");
    await expect(connectAs("press", "right")).rejects.toThrow(/Not authorized/);
  });

  it("speaks MQTT over WebSocket", async () => {
    const broker = await openMosquitto({ websockets: true });
    expect(broker.url).toMatch(/^ws:/);
    await publish(broker.url, numberedMessages(3));
  });

  it("keeps sessions over a restart, and forgets them when it is killed", async () => {
    const broker = await openMosquitto();
    const gateway = { url: "http://127.0.0.1:9" };
    await (await startForwarder({ url: broker.url, gateway })).leave();
    await broker.restart();
    const second = await startForwarder({ url: broker.url, gateway });
    expect(second.isSessionPresent).toBe(true);
    await second.leave();
    await broker.kill();
    await broker.restart({ settings: { persistence: false } });
    expect((await startForwarder({ url: broker.url, gateway })).isSessionPresent).toBe(false);
  });

  it("says why a broker did not start", async () => {
    await expect(startMosquitto({ settings: { listener: "nowhere" } })).rejects.toThrow(
      /Mosquitto exited with \d+: .*listener/s,
    );
  });
});
