/** From a rule with a mistake to the receiver: the message waits as a dead letter until the rule is mended. */
import { expect, it } from "vitest";
import { numberPoints } from "../otlp/fixtures.ts";
import { createFolder, document, startGateway, startReceiver } from "../support/running-gateway.ts";
import { connections, destination, source, transform } from "./nodes.ts";

const oven = (expression: string) =>
  document("DataflowGraph", "oven", {
    nodes: [
      source("oven"),
      transform("celsius", "graph-dataflow-map", {
        rules: { map: [{ inputs: ["T"], output: "T", expression }] },
      }),
      transform("metric", "otel-transform", {
        metricName: "temperature",
        metricValuePath: "T",
        metricType: "f64_gauge",
      }),
      destination("collector"),
    ],
    nodeConnections: connections(["in", "celsius"], ["celsius", "metric"], ["metric", "collector"]),
  });

it("a message that a rule of a graph refuses is delivered once, after the rule is mended and it is replayed", async () => {
  const { metrics, endpoint } = await startReceiver("collector");
  const folder = createFolder();

  const broken = await startGateway(folder, [endpoint, oven("fToC($1) * true")]);
  expect(await broken.publish("oven", '{"T":212}')).toMatchObject({ accepted: 0, deadLettered: 1 });
  await broken.flush();
  const [letter] = (await broken.get("/dead-letters")).items;
  expect(letter).toMatchObject({ reason: "invalidPayload", path: "T" });
  expect(letter.detail).toContain("map[0] of node celsius of DataflowGraph oven");
  await broken.close();
  expect(metrics).toEqual([]);

  const mended = await startGateway(folder, [endpoint, oven("fToC($1)")]);
  await mended.post(`/dead-letters/${letter.id}/replay`);
  expect((await mended.get("/dead-letters")).items).toEqual([]);
  await mended.flush();
  await mended.close();

  const again = await startGateway(folder, [endpoint, oven("fToC($1)")]);
  await again.flush();
  expect(numberPoints(metrics).map(({ value }) => value.value)).toEqual([100]);
  expect(await again.get("/status")).toMatchObject({
    received: 2,
    deadLetteredOnArrival: 1,
    accepted: 1,
    destinations: { collector: { metrics: { owed: 1, delivered: 1, pending: 0 } } },
  });
});
