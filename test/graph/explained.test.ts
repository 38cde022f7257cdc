/** What `explain` says of messages for graphs, and of those that the example is made for. */
import { describe, expect, it } from "vitest";
import { readConfigFiles } from "../../handlers/runtime/config-files.ts";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { createExplain } from "../../pipeline/explain/explain.ts";
import { findOrigin } from "../../pipeline/explain/origin.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { graph, line, messageOf, otelTransform } from "./support.ts";

const example = loadConfig({
  files: readConfigFiles("examples/graph.yaml"),
  environment: {},
  resolvePath: (_, path) => path,
});

function explain(config: GatewayConfig, source: string, topic: string, payload: string) {
  const explained = createExplain({ config, instanceId: undefined, clock: createFakeClock() });
  const { source: _, ...message } = messageOf(payload, { topic });
  return explained(findOrigin(config, { name: source, topic }), message);
}

const explainExample = (payload: string) =>
  explain(example, "connectors", "azure-iot-operations/data/thermostat", payload);

describe("examples/graph.yaml", () => {
  it("makes a metric of a frame with a temperature", async () => {
    const time = "2025-06-01T08:30:00.1234567Z";
    const { isDelivered, items } = await explainExample(
      `{"Temperature":{"SourceTimestamp":"${time}","Value":72.5},"Tag 10":{"SourceTimestamp":"${time}","Value":1}}`,
    );
    expect(isDelivered).toBe(true);
    expect(items).toEqual({
      metrics: [
        {
          name: "temperature",
          type: "f64_gauge",
          value: 22.5,
          unit: "Cel",
          description: null,
          time: "2025-06-01T08:30:00.123456700Z",
          attributes: { topic: "azure-iot-operations/data/thermostat" },
        },
      ],
      logs: [],
    });
  });

  it.each(['{"Tag 10":{"Value":1}}', '{"Temperature":{"Value":1001}}'])("drops %s", async (payload) => {
    const { verdict, steps } = await explainExample(payload);
    expect(verdict).toBe("filtered");
    expect(steps.at(-1)).toEqual({
      step: "payload",
      passes: false,
      detail:
        "read by DataflowGraph thermostat, strictly: dropped by node drop-others of DataflowGraph thermostat",
    });
  });

  it("refuses a temperature without its time", async () => {
    const { verdict, steps } = await explainExample('{"Temperature":{"Value":72.5}}');
    expect(verdict).toBe("deadLettered");
    expect(steps.at(-1)?.detail).toContain("Temperature.SourceTimestamp: Cannot read");
  });
});

describe("explain of a message for a graph", () => {
  const metric = { ...otelTransform, rules: { ...otelTransform.rules, valuePath: "v" } };
  const [destination] = example.destinations;
  const destinations = ["plant", "cloud"].map((name) => ({ ...destination, name }));
  const withGraphs = (...graphs: GatewayConfig["graphs"]) =>
    ({ ...example, graphs, destinations }) as GatewayConfig;

  it("says that a throttle may drop it", async () => {
    const throttle = {
      kind: "throttle",
      rules: [{ topic: "+/data/fast", messagesPerSecondMax: 1 }],
    } as const;
    const config = withGraphs(line({ throttle, metric }, { origins: ["connectors"], destination: "plant" }));
    const remarksOf = async (name: string) =>
      (await explain(config, "connectors", `azure-iot-operations/data/${name}`, '{"v":1}')).remarks.filter(
        (one) => one.includes("throttle"),
      );
    expect(await remarksOf("fast")).toEqual([
      "No rate limit is kept to: in a running gateway a throttle may drop the message",
    ]);
    expect(await remarksOf("slow")).toEqual([]);
  });

  it("says which rules met which values", async () => {
    const drop = { kind: "filter", rules: [{ inputs: ["v"], expression: "$1 > 5" }] } as const;
    const config = withGraphs(line({ drop, metric }, { origins: ["connectors"], destination: "plant" }));
    const { rules } = await explain(config, "connectors", "azure-iot-operations/data/a", '{"v":1}');
    expect(rules).toEqual([
      {
        rule: "filter[0] of node drop of DataflowGraph g",
        values: [
          { of: "v", value: "1" },
          { of: "$1 > 5", value: "false" },
        ],
        omitted: 0,
      },
      { rule: "node metric of DataflowGraph g", values: [{ of: "v", value: "1" }], omitted: 0 },
    ]);
  });

  it("says which destination gets what", async () => {
    const config = withGraphs(
      graph({
        sources: [{ node: "in", origins: ["connectors"], topicFilters: ["#"] }],
        transforms: { metric },
        destinations: { out: "plant" },
        connections: [
          ["in", "metric"],
          ["metric", "out"],
        ],
      }),
    );
    const { lanes } = await explain(config, "connectors", "azure-iot-operations/data/a", '{"v":1}');
    expect(lanes).toMatchObject([
      { destination: "plant", signal: "metrics", exports: true },
      { destination: "plant", signal: "logs", exports: false, reason: "the message has no logs" },
      {
        destination: "cloud",
        signal: "metrics",
        exports: false,
        isOwed: false,
        reason: "no Destination node that the message reaches leads there with metrics",
      },
      { destination: "cloud", signal: "logs", exports: false },
    ]);
  });
});
