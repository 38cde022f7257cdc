/** One data flow graph, completed to plain values. */
import type {
  GraphConnection,
  GraphDestination,
  GraphRules,
  GraphSource,
  GraphTransform,
} from "../graph/rules.ts";
import { readOutlet } from "./graph-shape.ts";
import type { Subscriber } from "./graph-subscriptions.ts";
import { type DataflowGraph, readDataSource } from "./kinds/dataflow-graph.ts";
import { readTransform } from "./kinds/transforms.ts";

/** Source nodes of graphs that run, which read from a broker. */
export function subscribersOf(graphs: readonly DataflowGraph[], brokers: readonly string[]): Subscriber[] {
  return graphs
    .filter(runs)
    .flatMap(({ spec }) => spec.nodes)
    .flatMap((node): Subscriber[] => {
      if (node.nodeType !== "Source" || !brokers.includes(node.sourceSettings.endpointRef)) return [];
      return [{ node: node.name, ...node.sourceSettings, place: undefined }];
    });
}

export function runs({ spec }: DataflowGraph): boolean {
  return spec.mode === "Enabled";
}

/**
 * `originsOf` names the bridges that read from an endpoint; where there are none, a source has that name.
 *
 * Errors: Error when a transform cannot be read; checks say so before.
 */
export function resolveGraph(
  { metadata, spec }: DataflowGraph,
  originsOf: (endpointRef: string) => readonly string[],
): GraphRules {
  const sources: GraphSource[] = [];
  const transforms: GraphTransform[] = [];
  const destinations: GraphDestination[] = [];
  for (const one of spec.nodes) {
    const { name: node } = one;
    if (one.nodeType === "Source") {
      const { endpointRef, dataSources } = one.sourceSettings;
      const bridges = originsOf(endpointRef);
      const origins = bridges.length > 0 ? bridges : [endpointRef];
      sources.push({
        node,
        origins,
        topicFilters: dataSources.map((written) => readDataSource(written).filter),
      });
    } else if (one.nodeType === "Graph") {
      const { artifact, configuration } = one.graphSettings;
      const read = readTransform(artifact, configuration);
      if ("faults" in read) throw new Error(read.faults.map(({ message }) => message).join("; "));
      transforms.push({ node, rules: read.rules });
    } else {
      destinations.push({ node, destination: one.destinationSettings.endpointRef });
    }
  }
  const names = spec.nodes.map(({ name }) => name);
  const connections = spec.nodeConnections.map(({ from, to }): GraphConnection => {
    const { node, output } = readOutlet(from.name, names);
    return { from: node, output, to: to.name };
  });
  return { name: metadata.name, sources, transforms, destinations, connections };
}
