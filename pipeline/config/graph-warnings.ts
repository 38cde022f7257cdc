/** What an operator should know of a graph and that is no error: mostly, what has no effect here. */
import type { GatewayConfig } from "./config.ts";
import type { DataflowGraph } from "./kinds/dataflow-graph.ts";

type Spec = DataflowGraph["spec"];
type Node = Spec["nodes"][number];
type Connection = Spec["nodeConnections"][number];

export function graphWarnings(
  { metadata, spec }: DataflowGraph,
  { store }: Pick<GatewayConfig, "store">,
): string[] {
  const graph = `DataflowGraph ${metadata.name}`;
  if (spec.mode === "Disabled") return [`${graph} is Disabled; it does not run`];
  const warnings: string[] = [];
  if (spec.requestDiskPersistence === "Enabled" && store.type === "memory") {
    warnings.push(`${graph} has requestDiskPersistence, but the Gateway's store is in memory`);
  }
  const placed = (words: string) => `${graph}: ${words}`;
  return [
    ...warnings,
    ...spec.nodes.flatMap(nodeWarnings).map(placed),
    ...spec.nodeConnections.flatMap(connectionWarnings).map(placed),
  ];
}

function nodeWarnings(node: Node): string[] {
  const has = (words: string) => `node ${node.name} has ${words}`;
  switch (node.nodeType) {
    case "Source": {
      const { assetRef } = node.sourceSettings;
      return isFilled(assetRef) ? [has("an assetRef; it has no effect, the dataSources alone are read")] : [];
    }
    case "Graph": {
      const keys = node.graphSettings.configuration.map(({ key }) => key);
      if (!keys.includes("metricName") || !keys.includes("metricNamePath")) return [];
      return [has("metricName and metricNamePath; metricName is taken")];
    }
    case "Destination":
      return destinationWarnings(node.destinationSettings).map(has);
  }
}

type DestinationSettings = Extract<Node, { nodeType: "Destination" }>["destinationSettings"];

function destinationWarnings({
  dataDestination = "",
  headers,
  outputSchemaSettings,
}: DestinationSettings): string[] {
  const warnings: string[] = [];
  if (dataDestination.includes("${")) {
    warnings.push(`the dataDestination ${dataDestination}; OTLP has no topics, it has no effect`);
  }
  if (isFilled(headers)) {
    warnings.push("headers; they have no effect, those of OTLP stand in the Gateway's destinations");
  }
  if (isFilled(outputSchemaSettings)) {
    warnings.push("outputSchemaSettings; OTLP has a schema of its own, they have no effect");
  }
  return warnings;
}

function connectionWarnings({ from, to }: Connection): string[] {
  if (!isFilled(from.schema?.schemaRef)) return [];
  return [`the connection from ${from.name} to ${to.name} has a schemaRef; nothing is checked against it`];
}

function isFilled(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== "";
}
