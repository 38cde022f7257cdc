import { appendFileSync, readFileSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { type BridgedGateway, openMosquitto, untilBridged, writeBridgedGateway } from "./bridge-bench.ts";
import { startCollector, startReadBack } from "./collector-process.ts";
import { connectClient } from "./forwarder.ts";
import { start, temporaryFolder, vacantPort } from "./workbench.ts";

/**
 * From an asset to the Collector, with the rules of the examples: what the OPC UA connector of Azure IoT Operations
 * publishes goes by MQTT through a real Mosquitto, once by a Mapping, once by a DataflowGraph.
 */
const data = "azure-iot-operations/data/thermostat";
const timeUnixNano = `${BigInt(Date.UTC(2025, 5, 1, 8, 30)) * 1_000_000n + 123_456_700n}`;
const reading = (value: number) => ({ SourceTimestamp: "2025-06-01T08:30:00.1234567Z", Value: value });
const keyFrame = { Temperature: reading(72.5), "Tag 10": reading(3) };
const deltaFrame = { "Tag 10": reading(4) };

/** As the connector sets them. */
const userProperties = {
  specversion: "1.0",
  id: "5b1d0a3e",
  source: "urn:thermostat",
  type: "ua-keyframe",
  subject: "thermostat",
  recordedtime: "2025-06-01 08:30:00.124 +00:00",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
};

/** The documents of one kind in an example. */
function documentsOf(example: string, kind: string): string[] {
  const text = readFileSync(new URL(`../../examples/${example}`, import.meta.url), "utf8");
  return text.split(/^---$/m).filter((document) => document.includes(`\nkind: ${kind}\n`));
}

async function startWalk(documents: readonly string[], options: Pick<BridgedGateway, "bridge" | "gateway">) {
  const readBack = await startReadBack();
  onTestFinished(() => readBack[Symbol.asyncDispose]());
  const port = await vacantPort();
  const collector = await startCollector({
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { otlphttp: readBack.exporter },
    service: {
      telemetry: { metrics: { level: "none" } },
      pipelines: {
        metrics: { receivers: ["otlp"], exporters: ["otlphttp"] },
        logs: { receivers: ["otlp"], exporters: ["otlphttp"] },
      },
    },
  });
  onTestFinished(() => collector[Symbol.asyncDispose]());
  const broker = await openMosquitto();
  const otlpUrl = `http://127.0.0.1:${port}`;
  const path = writeBridgedGateway({
    folder: temporaryFolder(),
    otlpUrl,
    brokerUrl: broker.url,
    ...options,
  });
  appendFileSync(path, documents.map((document) => `\n---\n${document}`).join(""));
  const gateway = await start(path);
  await untilBridged(gateway, ({ bridges }) => bridges.connectors?.connected === true);
  const device = await connectClient(broker.url);
  return {
    gateway,
    readBack,
    received: readBack.of("collector"),
    publish: (topic: string, frame: object) =>
      device.publishAsync(topic, JSON.stringify(frame), { qos: 1, properties: { userProperties } }),
  };
}

describe("what the OPC UA connector publishes", () => {
  it("reaches the Collector by a Mapping, with its own time", async () => {
    const { readBack, received, publish } = await startWalk(documentsOf("mapping.yaml", "Mapping"), {
      bridge: { name: "connectors", topicFilters: ["azure-iot-operations/#"] },
      gateway: { sources: [{ name: "devices", adapter: "raw" }] },
    });
    await publish(data, keyFrame);
    await publish(data, deltaFrame);
    await publish("azure-iot-operations/events/boiler", {
      Severity: 700,
      Message: "Pressure is high",
      SourceName: "boiler",
      Time: "2025-06-01T08:30:00.1234567Z",
    });
    await readBack.until(
      () => received.logRecords.length === 1 && received.points.get("opcua.Tag 10")?.length === 2,
    );

    const [temperature, ...others] = received.points.get("temperature") ?? [];
    expect(others).toEqual([]);
    expect(temperature).toMatchObject({ asDouble: 22.5, timeUnixNano });
    expect(temperature?.attributes).toContainEqual({ key: "asset", value: { stringValue: "thermostat" } });
    const tags = received.points.get("opcua.Tag 10") ?? [];
    expect(tags.map(({ asDouble }) => asDouble)).toEqual([3, 4]);
    expect(received.logRecords[0]?.body).toEqual({ stringValue: "Pressure is high" });
  });

  it("reaches the Collector by a DataflowGraph, whose Source node the bridge subscribes for", async () => {
    const graphs = documentsOf("graph.yaml", "DataflowGraph").map((graph) =>
      graph
        .replace("endpointRef: default\n        dataSources", "endpointRef: broker\n        dataSources")
        .replace("endpointRef: otel-collector", "endpointRef: collector"),
    );
    const { gateway, readBack, received, publish } = await startWalk(graphs, { gateway: { bridges: [] } });
    await publish(data, deltaFrame);
    await publish(data, keyFrame);
    await readBack.until(() => received.points.has("temperature"));

    const [temperature, ...others] = received.points.get("temperature") ?? [];
    expect(others).toEqual([]);
    expect(temperature).toMatchObject({ asDouble: 22.5, timeUnixNano });
    expect(temperature?.attributes).toContainEqual({ key: "topic", value: { stringValue: data } });
    const status = await untilBridged(gateway, ({ received }) => received === 2);
    expect(status).toMatchObject({ accepted: 1, filtered: 1, deadLetteredOnArrival: 0 });
  });
});
