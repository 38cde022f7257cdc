/** A throttle on one of several ways that lead to the same receiver. */
import { expect, it } from "vitest";
import { createFolder, document, startGateway, startReceiver } from "../support/running-gateway.ts";
import { connections, destination, source, transform, type Way } from "./nodes.ts";

const metric = (name: string, metricName = name) =>
  transform(name, "otel-transform", { metricName, metricValuePath: "v", metricType: "u64_gauge" });
const throttle = (name: string, maxMessagesPerSecond: number) =>
  transform(name, "graph-dataflow-throttle", {
    throttle: { perTopicThrottles: [{ topic: "#", maxMessagesPerSecond }] },
  });

async function setUp(nodes: readonly object[], ...ways: readonly Way[]) {
  const receiver = await startReceiver("collector");
  const spec = {
    nodes: [source("plant"), ...nodes, destination("collector")],
    nodeConnections: connections(...ways),
  };
  const folder = createFolder();
  const documents = [receiver.endpoint, document("DataflowGraph", "g", spec)];
  return {
    start: () => startGateway(folder, documents),
    /** Names of what was received, in order. */
    names: () =>
      receiver.metrics.flatMap(({ name, data }) =>
        data.case === "gauge" ? data.value.dataPoints.map(({ value }) => `${name} ${value.value}`) : [],
      ),
  };
}

const few = [throttle("slow", 0.001), metric("few"), metric("all")];
const toBoth = [
  ["in", "slow"],
  ["slow", "few"],
  ["few", "collector"],
  ["in", "all"],
  ["all", "collector"],
] as const;

it("a limit on one way holds there, and is no filter while another way goes on", async () => {
  const { start, names } = await setUp(few, ...toBoth);
  const gateway = await start();
  expect(await gateway.publish("plant", '{"v":1}')).toMatchObject({ accepted: 1, filtered: 0 });
  expect(await gateway.publish("plant", '{"v":2}')).toMatchObject({ accepted: 1, filtered: 0 });
  await gateway.flush();
  expect(names().toSorted()).toEqual(["all 1", "all 2", "few 1"]);
  expect(await gateway.get("/status")).toMatchObject({ received: 2, accepted: 2, filtered: 0 });
});

it("what a limit dropped on one way stays dropped when the gateway starts again", async () => {
  const { start, names } = await setUp(few, ...toBoth);
  const before = await start();
  await before.publish("plant", '{"v":1}');
  await before.publish("plant", '{"v":2}');
  await before.close();
  const after = await start();
  await after.flush();
  expect(names().toSorted()).toEqual(["all 1", "all 2", "few 1"]);
});

it("a rate of 0 on one way lets nothing pass there, whenever a message is read", async () => {
  const { start, names } = await setUp([throttle("slow", 0), metric("few"), metric("all")], ...toBoth);
  const gateway = await start();
  await gateway.publish("plant", '{"v":1}');
  await gateway.flush();
  expect(names()).toEqual(["all 1"]);
});

it("of the copies of one message on two ways a limit behind both lets one pass", async () => {
  const { start, names } = await setUp(
    [metric("a"), metric("b"), throttle("slow", 0.001)],
    ["in", "a"],
    ["in", "b"],
    ["a", "slow"],
    ["b", "slow"],
    ["slow", "collector"],
  );
  const gateway = await start();
  const id = { "Mqtt-Message-Id": "1" };
  expect(await gateway.publish("plant", '{"v":1}', id)).toMatchObject({ accepted: 1 });
  expect(await gateway.publish("plant", '{"v":2}')).toMatchObject({ filtered: 1 });
  await gateway.flush();
  expect(names()).toEqual(["a 1"]);
});
