import { mkdirSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { checkConfig } from "../../cli/check-config.ts";
import { useFolder } from "../config/support.ts";

const inFolder = useFolder();

const mapping = (name: string, match: string) => `apiVersion: mqtt-otlp-gateway/v1
kind: Mapping
metadata: { name: ${name} }
spec: { match: ${match}, metrics: [{ name: a, type: f64_gauge, value: a }] }
`;

/** As `az iot ops dataflowgraph apply --config-file` takes it. */
const graph = {
  nodes: [
    { nodeType: "Source", name: "in", sourceSettings: { endpointRef: "raw", dataSources: ["oven/#"] } },
    { nodeType: "Destination", name: "out", destinationSettings: { endpointRef: "default" } },
  ],
  nodeConnections: [{ from: { name: "in" }, to: { name: "out" } }],
};

it("check-config says what graphs and mappings read, and which of them reads nothing", async () => {
  mkdirSync(inFolder("data"));
  writeFileSync(inFolder("ovens.json"), JSON.stringify(graph));
  const mappings = [mapping("rest", "{}"), mapping("ovens", "{ sources: [raw], topicFilters: [oven/1] }")];
  writeFileSync(inFolder("mappings.yaml"), mappings.join("---\n"));
  let output = "";
  const status = await checkConfig(inFolder(), {
    environment: { GATEWAY_STORE_PATH: inFolder("data", "gateway.db") },
    write: (text) => {
      output += text;
    },
    writeError: (text) => expect.fail(text),
  });
  const lines = output.replaceAll(inFolder(), ".").trimEnd().split("\n");
  expect(status).toBe(0);
  expect(lines).toEqual(
    expect.arrayContaining([
      "  ovens: in takes oven/# of raw; out leads to default",
      "Mappings, of which the first that matches is used, for what no graph takes",
    ]),
  );
  expect(lines.slice(-2)).toEqual([
    "Warnings",
    "  Mapping ovens (./mappings.yaml:6) reads no message: DataflowGraph ovens (./ovens.json:1) takes all that it matches",
  ]);
});
