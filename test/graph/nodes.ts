/** The nodes and the connections of a graph, as a configuration has them. */

export const transform = (name: string, artifact: string, configuration: Record<string, unknown> = {}) => ({
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

export const source = (...dataSources: string[]) => ({
  nodeType: "Source",
  name: "in",
  sourceSettings: { endpointRef: "raw", dataSources },
});

export const destination = (name: string) => ({
  nodeType: "Destination",
  name,
  destinationSettings: { endpointRef: name },
});

/** Connections such as ["check.output.true", "out"]. */
export type Way = readonly [from: string, to: string];
export const connections = (...ways: readonly Way[]) =>
  ways.map(([from, to]) => ({ from: { name: from }, to: { name: to } }));
