/** What receivers get from a whole gateway with a graph. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Metric } from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { numberPoints, plainAttributes } from "../otlp/fixtures.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { startSink } from "../support/otlp-sink.ts";

const rules = {
  map: [
    { inputs: ["*"], output: "*" },
    { inputs: ["T.Value"], output: "T.Value", expression: "fToC($1)" },
  ],
};
const branch = { branch: { inputs: ["T.Value"], expression: "$1 > 100" } };
const throttle = { perTopicThrottles: [{ topic: "often", maxMessagesPerSecond: 0.001 }] };
const keys = {
  metricName: "temperature",
  metricValuePath: "T.Value",
  metricType: "f64_gauge",
  metricTimestampPath: "T.SourceTimestamp",
  metricUnits: "Cel",
};

const graph = (name: string, artifact: string, configuration: Record<string, unknown> = {}) => ({
  nodeType: "Graph",
  name,
  graphSettings: {
    artifact: `x/${artifact}:1.0.0`,
    configuration: Object.entries(configuration).map(([key, value]) => ({
      key,
      value: typeof value === "string" ? value : JSON.stringify(value),
    })),
  },
});
const destination = (name: string) => ({
  nodeType: "Destination",
  name,
  destinationSettings: { endpointRef: name },
});
const connection = ([from, to]: readonly [string, string]) => ({ from: { name: from }, to: { name: to } });
const document = (kind: string, name: string, spec: object) => ({
  apiVersion: kind === "Gateway" ? "mqtt-otlp-gateway/v1" : "connectivity.iotoperations.azure.com/v1",
  kind,
  metadata: { name },
  spec,
});

async function startReceiver(name: string) {
  const metrics: Metric[] = [];
  const sink = await startSink({
    onMetrics: ({ resourceMetrics }) =>
      metrics.push(...resourceMetrics.flatMap((one) => one.scopeMetrics.flatMap((scope) => scope.metrics))),
  });
  onTestFinished(sink.close);
  const openTelemetrySettings = { host: sink.url, tls: { mode: "Disabled" } };
  return {
    metrics,
    endpoint: document("DataflowEndpoint", name, { endpointType: "OpenTelemetry", openTelemetrySettings }),
  };
}

async function startGateway() {
  const folder = mkdtempSync(join(tmpdir(), "graph-"));
  const [hot, cold] = await Promise.all([startReceiver("hot"), startReceiver("cold")]);
  const documents = [
    hot.endpoint,
    cold.endpoint,
    document("Gateway", "g", {
      store: { path: join(folder, "gateway.db") },
      sources: [{ name: "raw", adapter: "raw" }],
    }),
    document("DataflowGraph", "oven", {
      nodes: [
        {
          nodeType: "Source",
          name: "in",
          sourceSettings: { endpointRef: "raw", dataSources: ["oven/#", "often"] },
        },
        graph("slow", "graph-dataflow-throttle", { throttle }),
        graph("celsius", "graph-dataflow-map", { rules }),
        graph("check", "graph-dataflow-branch", { rules: branch }),
        graph("hotMetric", "otel-transform", keys),
        graph("coldMetric", "otel-transform", keys),
        destination("hot"),
        destination("cold"),
      ],
      nodeConnections: (
        [
          ["in", "slow"],
          ["slow", "celsius"],
          ["celsius", "check"],
          ["check.output.true", "hotMetric"],
          ["check.output.false", "coldMetric"],
          ["hotMetric", "hot"],
          ["coldMetric", "cold"],
        ] as const
      ).map(connection),
    }),
    document("DataflowGraph", "both", {
      nodes: [
        { nodeType: "Source", name: "in", sourceSettings: { endpointRef: "raw", dataSources: ["both"] } },
        graph("a", "otel-transform", { ...keys, metricName: "a" }),
        graph("b", "otel-transform", { ...keys, metricName: "b" }),
        destination("hot"),
        destination("cold"),
      ],
      nodeConnections: (
        [
          ["in", "a"],
          ["in", "b"],
          ["a", "hot"],
          ["b", "cold"],
        ] as const
      ).map(connection),
    }),
  ];
  const config = loadConfig({
    files: documents.map((one, at) => ({ name: `${at}.json`, text: JSON.stringify(one) })),
    environment: {},
    resolvePath: (_, path) => path,
  });
  const gateway = await openGateway(config, { logger: createFakeLogger(), environment: {} });
  onTestFinished(async () => {
    await gateway.close();
    rmSync(folder, { recursive: true, force: true });
  });
  async function post(path: string, body: string, headers: Record<string, string> = {}) {
    const answer = await gateway.fetch(
      new Request(`http://gateway${path}`, { method: "POST", body, headers }),
    );
    expect(answer.status).toBe(200);
    return answer.json();
  }
  return {
    hot: hot.metrics,
    cold: cold.metrics,
    publish: (topic: string, payload: string, headers = {}) =>
      post("/webhooks/raw", payload, { "Mqtt-Topic": topic, ...headers }),
    flush: () => post("/timer/flush", '{"force":true}', { "content-type": "application/json" }),
  };
}

it("each destination gets what the graph leads there, and all of them what it does not take", async () => {
  const { hot, cold, publish, flush } = await startGateway();
  const frame = (value: string) =>
    `{"T":{"SourceTimestamp":"2025-06-01T08:30:00.1234567Z","Value":${value}}}`;
  const property = { "Mqtt-User-Property": "otel%2Fsite=north" };
  expect(await publish("oven/1", frame("392.0"), property)).toMatchObject({ accepted: 1 });
  expect(await publish("oven/1", frame("50"))).toMatchObject({ accepted: 1 });
  expect(await publish("often", frame("32"))).toMatchObject({ accepted: 1 });
  expect(await publish("often", frame("32"))).toMatchObject({ filtered: 1 });
  expect(await publish("oven/1", "{}")).toMatchObject({ deadLettered: 1 });
  expect(await publish("both", frame("1"))).toMatchObject({ accepted: 1 });
  const plain = '{"metrics":[{"name":"plain","type":"u64_gauge","value":1}]}';
  expect(await publish("other", plain)).toMatchObject({ accepted: 1 });
  await flush();

  const found = (metrics: Metric[], name: string) => metrics.filter((metric) => metric.name === name);
  const [hotOne, ...moreHot] = numberPoints(found(hot, "temperature"));
  expect(moreHot).toEqual([]);
  expect(hotOne?.value).toEqual({ case: "asDouble", value: 200 });
  expect(hotOne?.timeUnixNano).toBe(1_748_766_600_123_456_700n);
  expect(plainAttributes(hotOne?.attributes ?? [])).toEqual({ site: "north" });
  expect(found(hot, "temperature")[0]?.unit).toBe("Cel");
  expect(numberPoints(found(cold, "temperature")).map(({ value }) => value.value)).toEqual([10, 0]);
  expect(["a", "b"].map((name) => [found(hot, name).length, found(cold, name).length])).toEqual([
    [1, 0],
    [0, 1],
  ]);
  expect(found(hot, "plain")).toHaveLength(1);
  expect(found(cold, "plain")).toHaveLength(1);
});
