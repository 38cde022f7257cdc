import { destination, source } from "./messages.ts";

const graph = "azureiotoperations/graph-dataflow";

/** A DataflowGraph for the payloads that all benchmarks send: a filter, and a map of two rules. JSON is YAML too. */
export function graphDocument(): string {
  const nodes = [
    {
      nodeType: "Source",
      name: "devices",
      sourceSettings: { endpointRef: source.one, dataSources: ["plant/#"] },
    },
    transform("drop-broken", `${graph}-filter:1.0.0`, {
      filter: [{ inputs: ["metrics.0.value"], expression: "$1 > 1000" }],
    }),
    transform("to-fahrenheit", `${graph}-map:1.0.0`, {
      map: [
        { inputs: ["*"], output: "*" },
        { inputs: ["metrics.0.value"], output: "metrics.0.value", expression: "cToF($1)" },
      ],
    }),
    {
      nodeType: "Destination",
      name: "out",
      destinationSettings: { endpointRef: destination, dataDestination: "telemetry" },
    },
  ];
  const names = nodes.map(({ name }) => name);
  const nodeConnections = names
    .slice(1)
    .map((to, index) => ({ from: { name: names[index] }, to: { name: to } }));
  return `---\n${JSON.stringify({
    apiVersion: "connectivity.iotoperations.azure.com/v1",
    kind: "DataflowGraph",
    metadata: { name: "bench" },
    spec: { profileRef: "default", nodes, nodeConnections },
  })}\n`;
}

function transform(name: string, artifact: string, rules: object) {
  const configuration = [{ key: "rules", value: JSON.stringify(rules) }];
  return {
    nodeType: "Graph",
    name,
    graphSettings: { registryEndpointRef: "default", artifact, configuration },
  };
}
