import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { blocksOf, isConfiguration, readPage } from "../docs/page.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { createFolder, startReceiver } from "../support/running-gateway.ts";

const example = readFileSync("examples/mapping.yaml", "utf8");

/** Gateways on one store, with threads, and the receiver of what they deliver. */
async function setUp() {
  const { metrics, logs, url } = await startReceiver("collector");
  const folder = createFolder();

  async function open(text = example) {
    const config = loadConfig({
      files: [{ name: "gateway.yaml", text: text.replace("http://localhost:4317", url) }],
      environment: { GATEWAY_STORE_PATH: join(folder, "gateway.db") },
      resolvePath: (_, path) => path,
    });
    const gateway = await openGateway(config, { logger: createFakeLogger(), environment: {} });
    let closing: Promise<void> | undefined;
    const close = () => {
      closing ??= gateway.close();
      return closing;
    };
    onTestFinished(close);
    const fetch = async (path: string, init: RequestInit = {}) =>
      gateway.fetch(new Request(`http://127.0.0.1${path}`, init));
    return {
      close,
      fetch,
      flush: () => gateway.flush({ force: true, deadlineMs: 20_000 }),
      async post(source: string, topic: string, payload: unknown, fields: object = {}) {
        const isRaw = source === "devices";
        const response = await fetch(`/webhooks/${source}`, {
          method: "POST",
          headers: isRaw ? { "mqtt-topic": topic } : { "content-type": "application/json" },
          body: JSON.stringify(isRaw ? payload : { topic, payload, ...fields }),
        });
        return (await response.json()) as Record<string, number>;
      },
      json: async (path: string) => (await fetch(path)).json(),
    };
  }

  /** The points that came, one text each. */
  const points = () =>
    metrics.flatMap(({ name, unit, data }) => {
      if (data.case !== "gauge" && data.case !== "sum") throw new Error(`Met ${data.case}`);
      return data.value.dataPoints.map(({ value, timeUnixNano, attributes }) => ({
        name,
        unit,
        value: value.value,
        timeUnixNano,
        attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, value?.value.value])),
      }));
    });
  return { open, points, logs };
}

const keyFrame = {
  Temperature: { SourceTimestamp: "2025-06-01T08:30:00.1234567Z", Value: 72.5 },
  "Tag 10": { SourceTimestamp: "2025-06-01T08:30:01.7654321Z", Value: 4 },
};

describe("a gateway with mappings", () => {
  it("delivers raw device data with its own types, times and attributes", async () => {
    const { open, points, logs } = await setUp();
    const gateway = await open();
    await gateway.post("connectors", "azure-iot-operations/data/thermostat", keyFrame);
    await gateway.post("connectors", "azure-iot-operations/events/thermostat", {
      Severity: 700,
      Message: "Pressure is high",
      SourceName: "boiler",
      Time: "2025-06-01T08:30:02.5Z",
    });
    await gateway.post("devices", "plant/m1/press", {
      ts: 1748766600123,
      site: "north",
      readings: [{ sensor: "t1", value: "21.5" }],
      parts: 3,
    });
    await gateway.post("connectors", "plant/aio", {
      metrics: [{ name: "own", type: "i64_gauge", value: 1 }],
    });
    expect(await gateway.flush()).toMatchObject({ pending: 0 });

    const asset = { asset: "thermostat", line: "7" };
    const press = { machine: "m1", site: "north" };
    const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
    expect(points().toSorted(byName)).toEqual([
      { name: "opcua.Tag 10", unit: "", value: 4, timeUnixNano: 1748766601765432100n, attributes: asset },
      {
        name: "opcua.Temperature",
        unit: "",
        value: 72.5,
        timeUnixNano: 1748766600123456700n,
        attributes: asset,
      },
      { name: "own", unit: "", value: 1n, timeUnixNano: expect.any(BigInt), attributes: {} },
      { name: "parts", unit: "", value: 3n, timeUnixNano: 1748766600123000000n, attributes: press },
      {
        name: "temperature",
        unit: "Cel",
        value: 22.5,
        timeUnixNano: 1748766600123456700n,
        attributes: asset,
      },
      {
        name: "temperature",
        unit: "Cel",
        value: 21.5,
        timeUnixNano: 1748766600123000000n,
        attributes: { ...press, sensor: "t1" },
      },
    ]);
    expect(logs).toMatchObject([
      {
        severityText: "warn",
        body: { value: { value: "Pressure is high" } },
        timeUnixNano: 1748766602500000000n,
      },
    ]);
  });

  it("delivers what newer connectors publish with their clock's time, and tells its device and asset", async () => {
    const { open, points, logs } = await setUp();
    const gateway = await open(readFileSync("examples/connectors.yaml", "utf8"));
    const post = (type: string, payload: unknown) =>
      gateway.post("connectors", "azure-iot-operations/data/thermostat", payload, {
        properties: {
          userProperties: [
            ["specversion", "1.0"],
            ["type", type],
            ["subject", "thermostat/climate"],
            ["aiodeviceref", "ms-aio:4c7d_opcua"],
            ["aioassetref", "ms-aio:9e2b"],
            ["__ts", "001748766600123:00007:connector-0"],
          ],
        },
      });
    expect(await post("DataSet", { temperature: 21.5 })).toMatchObject({ accepted: 1 });
    expect(await post("DataSet/climate", { humidity: 40 })).toMatchObject({ accepted: 1 });
    expect(await post("Event", { Message: "Door #12 is open" })).toMatchObject({ accepted: 1 });
    expect(await gateway.flush()).toMatchObject({ pending: 0 });

    const attributes = { device: "ms-aio:4c7d_opcua", asset: "ms-aio:9e2b", subject: "thermostat/climate" };
    const timeUnixNano = 1748766600123000000n;
    expect(points()).toEqual([
      { name: "temperature", unit: "", value: 21.5, timeUnixNano, attributes },
      { name: "humidity", unit: "", value: 40, timeUnixNano, attributes },
    ]);
    expect(logs).toMatchObject([
      { severityText: "warn", body: { value: { value: "Door # is open" } }, timeUnixNano },
    ]);
    expect(logs[0]?.attributes.map(({ key, value }) => [key, value?.value.value])).toEqual(
      expect.arrayContaining(Object.entries(attributes)),
    );
  });

  it("does what docs/mapping.md says", async () => {
    const blocks = blocksOf(readPage("docs/mapping.md"));
    const frame = blocks.find(({ language }) => language === "text")?.text ?? "";
    expect(blocks.find(({ language }) => language === "sh")?.text).toContain(`-d '${frame.trim()}'`);
    const { open, points } = await setUp();
    const gateway = await open(blocks.find(isConfiguration)?.text);
    const headers = { "mqtt-topic": "azure-iot-operations/data/thermostat" };
    await gateway.fetch("/webhooks/raw", { method: "POST", headers, body: frame });
    await gateway.flush();
    expect(points()).toEqual([
      {
        name: "temperature",
        unit: "Cel",
        value: 22.5,
        timeUnixNano: 1748766600123456700n,
        attributes: { asset: "thermostat" },
      },
    ]);
  });

  it("counts what a filter drops, by its reason, and repeats of it as repeats", async () => {
    const { open, points } = await setUp();
    const gateway = await open();
    const cold = { Temperature: { ...keyFrame.Temperature, Value: -41 } };
    const topic = "azure-iot-operations/data/thermostat";
    expect(await gateway.post("connectors", topic, cold, { messageId: "1" })).toMatchObject({ filtered: 1 });
    expect(await gateway.post("connectors", topic, cold, { messageId: "1" })).toMatchObject({
      filtered: 0,
      duplicates: 1,
    });
    await gateway.flush();
    expect(points()).toEqual([]);
    expect(await gateway.json("/status")).toMatchObject({
      received: 2,
      accepted: 0,
      filtered: 1,
      duplicates: 1,
    });
    const text = await (await gateway.fetch("/metrics")).text();
    expect(text).toContain('gateway_messages_filtered_total{source="connectors",reason="filter"} 1');
  });

  it("delivers a dead letter once, replayed after its rule was mended", async () => {
    const { open, points } = await setUp();
    const broken = await open(example.replace("path: ts, unit: ms", "path: time, unit: ms"));
    const reading = { ts: 1748766600123, site: "north", readings: [], parts: 3 };
    expect(await broken.post("devices", "plant/m1/press", reading)).toMatchObject({ deadLettered: 1 });
    expect(await broken.json("/dead-letters")).toMatchObject({
      items: [
        {
          reason: "invalidPayload",
          path: "time",
          detail: "Cannot read time: met nothing, wanted a value (metrics[1] of Mapping press)",
        },
      ],
    });
    const { items } = (await broken.json("/dead-letters")) as { items: { id: number }[] };
    const replay = `/dead-letters/${items[0]?.id}/replay`;
    expect((await broken.fetch(replay, { method: "POST" })).status).toBe(422);
    await broken.close();

    const mended = await open();
    expect((await mended.fetch(replay, { method: "POST" })).ok).toBe(true);
    expect((await mended.fetch(replay, { method: "POST" })).status).toBe(404);
    await mended.flush();
    await mended.flush();
    expect(points()).toMatchObject([{ name: "parts", value: 3n, timeUnixNano: 1748766600123000000n }]);
    expect(await mended.json("/status")).toMatchObject({
      received: 2,
      accepted: 1,
      deadLetteredOnArrival: 1,
      destinations: { "otel-collector": { metrics: { owed: 1, delivered: 1, pending: 0 } } },
    });
  });

  it("delivers nothing of a message that a filter drops since it was stored", async () => {
    const { open, points } = await setUp();
    const before = await open();
    await before.post("connectors", "azure-iot-operations/data/thermostat", keyFrame);
    await before.close();
    const after = await open(example.replace("$1 < -40", "$1 > 70"));
    await after.flush();
    expect(points()).toEqual([]);
    expect(await after.json("/status")).toMatchObject({
      destinations: { "otel-collector": { metrics: { owed: 1, delivered: 1, pending: 0 } } },
    });
  });
});
