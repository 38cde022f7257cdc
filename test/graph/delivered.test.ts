/** What receivers get from a whole gateway with a graph. */
import { expect, it } from "vitest";
import type { Metric } from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import { numberPoints, plainAttributes } from "../otlp/fixtures.ts";
import { createFolder, document, startGateway, startReceiver } from "../support/running-gateway.ts";
import { connections, destination, source, transform } from "./nodes.ts";

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

const found = (metrics: Metric[], name: string) => metrics.filter((metric) => metric.name === name);

async function setUp() {
  const [hot, cold] = await Promise.all([startReceiver("hot"), startReceiver("cold")]);
  const gateway = await startGateway(createFolder(), [
    hot.endpoint,
    cold.endpoint,
    document("DataflowGraph", "oven", {
      nodes: [
        source("oven/#", "often"),
        transform("slow", "graph-dataflow-throttle", { throttle }),
        transform("celsius", "graph-dataflow-map", { rules }),
        transform("check", "graph-dataflow-branch", { rules: branch }),
        transform("hotMetric", "otel-transform", keys),
        transform("coldMetric", "otel-transform", keys),
        destination("hot"),
        destination("cold"),
      ],
      nodeConnections: connections(
        ["in", "slow"],
        ["slow", "celsius"],
        ["celsius", "check"],
        ["check.output.true", "hotMetric"],
        ["check.output.false", "coldMetric"],
        ["hotMetric", "hot"],
        ["coldMetric", "cold"],
      ),
    }),
    document("DataflowGraph", "both", {
      nodes: [
        source("both"),
        transform("a", "otel-transform", { ...keys, metricName: "a" }),
        transform("b", "otel-transform", { ...keys, metricName: "b" }),
        destination("hot"),
        destination("cold"),
      ],
      nodeConnections: connections(["in", "a"], ["in", "b"], ["a", "hot"], ["b", "cold"]),
    }),
  ]);
  return { hot: hot.metrics, cold: cold.metrics, ...gateway };
}

it("each destination gets what the graph leads there, and all of them what it does not take", async () => {
  const { hot, cold, publish, flush } = await setUp();
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
