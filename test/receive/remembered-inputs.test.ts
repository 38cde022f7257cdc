import { expect, it } from "vitest";
import { storeOptions } from "../../handlers/runtime/store-options.ts";
import { broker, endpoint, gateway, load } from "../config/support.ts";

const collector = endpoint("host: http://localhost:4317");
const mapping = (name: string, value: string) => `apiVersion: mqtt-otlp-gateway/v1
kind: Mapping
metadata: { name: ${name} }
spec:
  metrics: [{ name: "\${key}", type: f64_gauge, each: "*", value: "${value}" }]
`;
const graph = JSON.stringify({
  apiVersion: "connectivity.iotoperations.azure.com/v1",
  kind: "DataflowGraph",
  metadata: { name: "oven" },
  spec: {
    nodes: [
      {
        nodeType: "Source",
        name: "in",
        sourceSettings: { endpointRef: "broker", dataSources: ["plant/#"] },
      },
      {
        nodeType: "Graph",
        name: "cold",
        graphSettings: {
          artifact: "azureiotoperations/graph-dataflow-filter:1.0.0",
          configuration: [
            {
              key: "rules",
              value:
                '{"filter":[{"inputs":["t ? $last","limit ?$LAST ?? 0","n"],"expression":"$1 < $2 - $3"}]}',
            },
          ],
        },
      },
      { nodeType: "Destination", name: "out", destinationSettings: { endpointRef: "collector" } },
    ],
    nodeConnections: [
      { from: { name: "in" }, to: { name: "cold" } },
      { from: { name: "cold" }, to: { name: "out" } },
    ],
  },
});

it("the store remembers the inputs that the configuration wants, and those alone", () => {
  const config = load(
    [
      collector,
      broker("host: mqtt://localhost\ntls: { mode: Disabled }"),
      gateway("sources: [{ name: raw, adapter: raw }]"),
      mapping("a", "Value ? $last"),
      mapping("b", "Value ?? 0"),
      `${graph}\n`,
    ].join("---\n"),
  );
  expect(storeOptions(config).rememberedInputs).toEqual([
    { rule: "Mapping a", input: "*.Value" },
    { rule: "node cold of DataflowGraph oven", input: "t" },
    { rule: "node cold of DataflowGraph oven", input: "limit" },
  ]);
});
