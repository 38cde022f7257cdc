import { describe, expect, it } from "vitest";
import { broker, endpoint, gateway, issuesOf, linesOf, load } from "./support.ts";

interface Written {
  name?: string;
  mode?: string;
  nodes?: readonly object[];
  connections?: readonly (readonly [from: string, to: string] | object)[];
  spec?: object;
}

const mqtt = broker("host: mqtt://localhost\ntls: { mode: Disabled }");
const collector = endpoint("host: http://localhost:4317");

function source(fields: object = {}, name = "in") {
  const sourceSettings = { endpointRef: "broker", dataSources: ["plant/#"], ...fields };
  return { nodeType: "Source", name, sourceSettings };
}

function transform(artifact: string, configuration: Record<string, unknown> = {}, name = "step") {
  const entries = Object.entries(configuration).map(([key, value]) => ({
    key,
    value: typeof value === "string" ? value : JSON.stringify(value),
  }));
  return { nodeType: "Graph", name, graphSettings: { artifact, configuration: entries } };
}

function builtIn(name: string, configuration?: Record<string, unknown>, node?: string) {
  return transform(`azureiotoperations/graph-dataflow-${name}:1.0.0`, configuration, node);
}

function destination(fields: object = {}, name = "out") {
  return { nodeType: "Destination", name, destinationSettings: { endpointRef: "collector", ...fields } };
}

const concatenate = (name: string) => builtIn("concatenate", {}, name);
const own = (fields: string) => gateway(`sources: [{ name: s, adapter: raw }]\nbridges: [${fields}]`);
const branch = builtIn("branch", { rules: { branch: { inputs: ["v"], expression: "$1 > 5" } } }, "check");

/** A DataflowGraph document. Without connections its nodes stand in a row. */
function graph({
  name = "oven",
  mode,
  nodes = [source(), destination()],
  connections,
  spec,
}: Written = {}): string {
  const names = nodes.map((node) => Reflect.get(node, "name"));
  const links = connections ?? names.slice(1).map((to, index) => [names[index], to]);
  return `${JSON.stringify({
    apiVersion: "connectivity.iotoperations.azure.com/v1",
    kind: "DataflowGraph",
    metadata: { name, namespace: "azure-iot-operations" },
    spec: {
      profileRef: "default",
      ...(mode !== undefined && { mode }),
      nodes,
      nodeConnections: links.map((link) =>
        Array.isArray(link) ? { from: { name: link[0] }, to: { name: link[1] } } : link,
      ),
      ...spec,
    },
  })}\n`;
}

function documents(...more: string[]): string {
  return [mqtt, collector, ...more].join("---\n");
}

/** Faults as path and message. */
function faultsOf(...more: string[]): [path: string, message: string][] {
  return issuesOf(documents(...more)).map(({ path, message }) => [path, message]);
}

/** Those of the one transform of a graph; paths start at its settings. */
function transformFaults(node: object): [path: string, message: string][] {
  const prefix = "spec.nodes[1].graphSettings.";
  return faultsOf(graph({ nodes: [source(), node, destination()] })).map(([path, message]) => {
    expect(path.startsWith(prefix), path).toBe(true);
    return [path.slice(prefix.length), message];
  });
}

function rulesOf(node: object) {
  return load(documents(graph({ nodes: [source(), node, destination()] }))).graphs[0]?.transforms[0]?.rules;
}

describe("DataflowGraph", () => {
  it("is taken as written", () => {
    const nodes = [source(), branch, concatenate("a"), concatenate("b"), destination()];
    const connections = [
      ["in", "check"],
      ["check.output.true", "a"],
      ["check.output.false", "b"],
      ["a", "out"],
      ["b", "out"],
    ] as const;
    const { graphs, warnings } = load(documents(graph({ nodes, connections })));
    expect(graphs).toEqual([
      {
        name: "oven",
        sources: [{ node: "in", origins: ["in"], topicFilters: ["plant/#"] }],
        transforms: [
          {
            node: "check",
            rules: { kind: "branch", rule: { inputs: ["v"], expression: "$1 > 5" } },
          },
          { node: "a", rules: { kind: "concatenate" } },
          { node: "b", rules: { kind: "concatenate" } },
        ],
        destinations: [{ node: "out", destination: "collector" }],
        connections: [
          { from: "in", output: undefined, to: "check" },
          { from: "check", output: true, to: "a" },
          { from: "check", output: false, to: "b" },
          { from: "a", output: undefined, to: "out" },
          { from: "b", output: undefined, to: "out" },
        ],
      },
    ]);
    expect(warnings).toEqual([]);
    expect(structuredClone(graphs)).toEqual(graphs);
  });

  it("is absent unless it is written", () => {
    expect(load("").graphs).toEqual([]);
  });

  it("takes what Azure writes and a gateway has no use for", () => {
    const spec = {
      requestDiskPersistence: "Enabled",
      fileStores: [],
      provisioningState: "Succeeded",
      healthState: { status: "Available" },
      nodeConnections: [
        { from: { name: "in", schema: { serializationFormat: "Json" } }, to: { name: "out" } },
      ],
    };
    const nodes = [source(), destination({ dataDestination: "a/b", headers: [], outputSchemaSettings: {} })];
    expect(load(documents(graph({ nodes, spec }))).warnings).toEqual([]);
  });

  it("is read in the form of Azure Resource Manager", () => {
    const { spec } = JSON.parse(graph());
    const resource = JSON.stringify({
      type: "Microsoft.IoTOperations/instances/dataflowProfiles/dataflowGraphs",
      name: "aio/default/oven",
      extendedLocation: {},
      properties: {
        ...spec,
        nodes: [source({ assetRef: null }), destination({ headers: null })],
        healthState: null,
      },
    });
    expect(load(documents(resource)).graphs).toEqual(load(documents(graph())).graphs);
    const broken = JSON.parse(resource);
    broken.properties.nodes[0].sourceSettings.endpointRef = "nowhere";
    expect(faultsOf(JSON.stringify(broken))[0]?.[0]).toBe("properties.nodes[0].sourceSettings.endpointRef");
  });

  it("is checked and does not run when it is disabled", () => {
    const config = load(documents(graph({ mode: "Disabled" })));
    expect(config).toMatchObject({
      graphs: [],
      bridges: [],
      warnings: [
        "Endpoint broker is named by no bridge; nothing is read there",
        "DataflowGraph oven is Disabled; it does not run",
      ],
    });
    expect(faultsOf(graph({ mode: "Disabled", nodes: [source()] }))).not.toEqual([]);
  });

  it("warns of what has no effect on OTLP", () => {
    const keys = { metricName: "a", metricNamePath: "b", metricValuePath: "c", metricType: "f64_gauge" };
    const nodes = [
      source({ assetRef: "oven" }),
      transform("otel-transform:1.0.0", keys),
      destination({
        dataDestination: "x/${inputTopic}",
        headers: [
          { actionType: "AddIfNotPresent", key: "a", value: "hidden" },
          { actionType: "AddOrReplace", key: "b", value: "hidden" },
          { actionType: "Remove", key: "c" },
        ],
        outputSchemaSettings: { serializationFormat: "Parquet", schemaRef: "x" },
      }),
    ];
    const connections = [
      { from: { name: "in", schema: { schemaRef: "aio-sr://a/b:1" } }, to: { name: "step" } },
      ["step", "out"],
    ] as const;
    expect(load(documents(graph({ nodes, connections }))).warnings).toEqual([
      "DataflowGraph oven: node in has an assetRef; it has no effect, the dataSources alone are read",
      "DataflowGraph oven: node step has metricName and metricNamePath; metricName is taken",
      "DataflowGraph oven: node out has the dataDestination x/${inputTopic}; OTLP has no topics, it has no effect",
      "DataflowGraph oven: node out has headers; they have no effect, those of OTLP stand in the Gateway's destinations",
      "DataflowGraph oven: node out has outputSchemaSettings; OTLP has a schema of its own, they have no effect",
      "DataflowGraph oven: the connection from in to step has a schemaRef; nothing is checked against it",
    ]);
  });

  it("warns when it wants to be on disk and the store is in memory", () => {
    const inMemory = gateway("store: { type: memory }\nacknowledge: delivered");
    const written = graph({ spec: { requestDiskPersistence: "Enabled" } });
    expect(load(documents(inMemory, written)).warnings).toEqual([
      "DataflowGraph oven has requestDiskPersistence, but the Gateway's store is in memory",
    ]);
    expect(load(documents(inMemory, graph())).warnings).toEqual([]);
  });

  it("has nodes of any name, as in Azure IoT Operations", () => {
    const written = own("{ name: plant, endpointRef: broker, topicFilters: [yard] }");
    const nodes = [source({}, "All ovens"), concatenate("°C → °F"), destination({}, "the collector")];
    expect(load(documents(written, graph({ nodes }))).graphs[0]?.connections).toEqual([
      { from: "All ovens", output: undefined, to: "°C → °F" },
      { from: "°C → °F", output: undefined, to: "the collector" },
    ]);
  });

  it.each<[what: string, written: Written, path: string, message: string]>([
    [
      "no Source",
      { nodes: [destination()], connections: [] },
      "spec.nodes",
      "Wanted a Source node at least, met none",
    ],
    [
      "no Destination",
      { nodes: [source()], connections: [] },
      "spec.nodes",
      "Wanted a Destination node at least, met none",
    ],
    [
      "a name that comes twice",
      { nodes: [source(), destination(), destination()], connections: [["in", "out"]] },
      "spec.nodes[2].name",
      'Wanted a name of its own, met "out" again',
    ],
    [
      "a connection from nowhere",
      { connections: [["inn", "out"]] },
      "spec.nodeConnections[0].from.name",
      'Wanted the name of a node, met "inn", and there is in, out; did you mean in?',
    ],
    [
      "a connection to nowhere",
      { connections: [["in", "x"]] },
      "spec.nodeConnections[0].to.name",
      'Wanted the name of a node, met "x", and there is in, out',
    ],
    [
      "a connection from a Destination",
      {
        nodes: [source(), concatenate("a"), destination()],
        connections: [
          ["in", "out"],
          ["out", "a"],
        ],
      },
      "spec.nodeConnections[1].from.name",
      'Wanted a Source or Graph node, met the Destination "out"',
    ],
    [
      "a connection to a Source",
      {
        connections: [
          ["in", "out"],
          ["in", "in"],
        ],
      },
      "spec.nodeConnections[1].to.name",
      'Wanted a Graph or Destination node, met the Source "in"',
    ],
    [
      "a connection of a node with itself",
      {
        nodes: [source(), concatenate("a"), destination()],
        connections: [
          ["in", "a"],
          ["a", "a"],
          ["a", "out"],
        ],
      },
      "spec.nodeConnections[1].to.name",
      'Wanted another node than it comes from, met "a"',
    ],
    [
      "a connection that comes twice",
      {
        connections: [
          ["in", "out"],
          ["in", "out"],
        ],
      },
      "spec.nodeConnections[1]",
      "Wanted each connection once, met it again",
    ],
    [
      "a branch without its output",
      {
        nodes: [source(), branch, destination()],
        connections: [
          ["in", "check"],
          ["check", "out"],
        ],
      },
      "spec.nodeConnections[1].from.name",
      'Wanted check.output.true or check.output.false of a branch, met "check"',
    ],
    [
      "an output of what is no branch",
      { connections: [["in.output.true", "out"]] },
      "spec.nodeConnections[0].from.name",
      'Wanted in, since it is no branch, met "in.output.true"',
    ],
    [
      "an output that leads nowhere",
      {
        nodes: [source(), branch, destination()],
        connections: [
          ["in", "check"],
          ["check.output.true", "out"],
        ],
      },
      "spec.nodes[1]",
      'Wanted a connection that begins at "check.output.false", met none: its messages would lead nowhere',
    ],
    [
      "a node that nothing leads to",
      {
        nodes: [source(), concatenate("a"), destination()],
        connections: [
          ["in", "out"],
          ["a", "out"],
        ],
      },
      "spec.nodes[1]",
      'Wanted a connection that leads to "a", met none',
    ],
    [
      "no connections",
      { connections: [], nodes: [source(), destination()] },
      "spec.nodes[0]",
      'Wanted a connection that begins at "in", met none: its messages would lead nowhere',
    ],
    [
      "a circle",
      {
        nodes: [source(), concatenate("a"), concatenate("b"), destination()],
        connections: [
          ["in", "a"],
          ["a", "b"],
          ["b", "a"],
          ["b", "out"],
        ],
      },
      "spec.nodeConnections",
      "Wanted connections that lead from Sources to Destinations, met a circle",
    ],
    ["an unknown mode", { mode: "Off" }, "spec.mode", 'Wanted one of Enabled, Disabled, met "Off"'],
    [
      "another serialization format",
      {
        connections: [{ from: { name: "in", schema: { serializationFormat: "Avro" } }, to: { name: "out" } }],
      },
      "spec.nodeConnections[0].from.schema.serializationFormat",
      "Avro is not supported yet",
    ],
    [
      "file stores",
      { spec: { fileStores: [{ id: "a" }] } },
      "spec.fileStores",
      "File stores are for modules of one's own, which do not run here; wanted none",
    ],
    [
      "no data source",
      { nodes: [source({ dataSources: [] }), destination()] },
      "spec.nodes[0].sourceSettings.dataSources",
      "Wanted at least 1 element, met a list",
    ],
    [
      "a data source that is no filter",
      { nodes: [source({ dataSources: ["a/#/b"] }), destination()] },
      "spec.nodes[0].sourceSettings.dataSources[0]",
      'Wanted a Topic Filter such as plant/+/state or plant/#, met "a/#/b"',
    ],
    [
      "a share of nothing",
      { nodes: [source({ dataSources: ["$share/a"] }), destination()] },
      "spec.nodes[0].sourceSettings.dataSources[0]",
      'Wanted one share in front of a Topic Filter, such as $shared/GROUP/plant/#, met "$share/a"',
    ],
    [
      "a share of a share",
      { nodes: [source({ dataSources: ["$shared/a/$share/b/c"] }), destination()] },
      "spec.nodes[0].sourceSettings.dataSources[0]",
      'Wanted one share in front of a Topic Filter, such as $shared/GROUP/plant/#, met "$shared/a/$share/b/c"',
    ],
    [
      "a source of no endpoint",
      { nodes: [source({ endpointRef: "brokr" }), destination()] },
      "spec.nodes[0].sourceSettings.endpointRef",
      expect.stringContaining("did you mean broker?"),
    ],
    [
      "an OpenTelemetry endpoint as a source",
      { nodes: [source({ endpointRef: "collector" }), destination()] },
      "spec.nodes[0].sourceSettings.endpointRef",
      'Wanted an Mqtt endpoint or a source, met the OpenTelemetry endpoint "collector", which can only be a destination',
    ],
    [
      "an Mqtt endpoint as a destination",
      { nodes: [source(), destination({ endpointRef: "broker" })] },
      "spec.nodes[1].destinationSettings.endpointRef",
      'Wanted an OpenTelemetry endpoint, met the Mqtt endpoint "broker": nothing is published here',
    ],
    [
      "a destination of no endpoint",
      { nodes: [source(), destination({ endpointRef: "x" })] },
      "spec.nodes[1].destinationSettings.endpointRef",
      'Wanted the name of an OpenTelemetry endpoint, met "x", and there is collector',
    ],
    [
      "a type of node that there is none of",
      { nodes: [source(), { ...destination(), nodeType: "Sink" }], connections: [["in", "out"]] },
      "spec.nodes[1].nodeType",
      'Wanted one of Source, Graph, Destination, met "Sink"',
    ],
  ])("rejects %s", (_, written, path, message) => {
    expect(faultsOf(graph(written))).toContainEqual([path, message]);
  });

  it("rejects a message that would become too many", () => {
    const nodes: object[] = [source()];
    const connections: [string, string][] = [];
    for (let at = 0; at < 7; at++) {
      nodes.push(concatenate(`a${at}`), concatenate(`b${at}`), concatenate(`end${at}`));
      const start = at === 0 ? "in" : `end${at - 1}`;
      connections.push([start, `a${at}`], [start, `b${at}`], [`a${at}`, `end${at}`], [`b${at}`, `end${at}`]);
    }
    nodes.push(destination());
    connections.push(["end6", "out"]);
    expect(faultsOf(graph({ nodes, connections }))).toEqual([
      ["spec.nodeConnections", "Wanted at most 100 ways of a message through the graph, met 128"],
    ]);
  });

  it("does not count the ways of a branch together", () => {
    const nodes: object[] = [source()];
    const connections: [string, string][] = [];
    for (let at = 0; at < 8; at++) {
      nodes.push({ ...branch, name: `check${at}` }, concatenate(`end${at}`), concatenate(`other${at}`));
      connections.push([at === 0 ? "in" : `end${at - 1}`, `check${at}`]);
      connections.push([`check${at}.output.true`, `end${at}`], [`check${at}.output.false`, `other${at}`]);
      connections.push([`other${at}`, `end${at}`]);
    }
    nodes.push(destination());
    connections.push(["end7", "out"]);
    expect(faultsOf(graph({ nodes, connections }))).toEqual([]);
  });

  it("rejects a destination that the Gateway does not name", () => {
    const named = gateway("sources: [{ name: s, adapter: raw }]\ndestinations: [{ endpointRef: other }]");
    const other = endpoint("host: http://localhost:4318", "other");
    expect(faultsOf(other, named, graph())).toEqual([
      [
        "spec.nodes[1].destinationSettings.endpointRef",
        `Wanted an endpoint that the Gateway's destinations name, met "collector"`,
      ],
    ]);
  });

  it.each([
    ["sources: [s]", 0],
    ["sources: [t]", 1],
    ['topicFilters: ["plant/x"]', 0],
    ['topicFilters: ["hall/#"]', 1],
  ])("warns when its destination with %s takes none of its messages (%i)", (filter, count) => {
    const written = gateway(
      `sources: [{ name: s, adapter: raw }, { name: t, adapter: raw }]\ndestinations: [{ endpointRef: collector, ${filter} }]`,
    );
    const config = load(
      [collector, written, graph({ nodes: [source({ endpointRef: "s" }), destination()] })].join("---\n"),
    );
    const warning =
      "DataflowGraph oven: node out leads to collector, whose sources and topicFilters take none of its messages";
    expect(config.warnings.filter((one) => one === warning)).toHaveLength(count);
  });

  it("rejects two graphs of one name", () => {
    expect(faultsOf(graph(), graph())).toContainEqual([
      "metadata.name",
      'Wanted a name of its own, met "oven" again',
    ]);
  });

  it("leads to the receiver of the environment when no endpoint is written", () => {
    const nodes = [source({ endpointRef: "raw" }), destination({ endpointRef: "default" })];
    expect(load(graph({ nodes }))).toMatchObject({
      graphs: [{ sources: [{ origins: ["raw"] }], destinations: [{ destination: "default" }] }],
      destinations: [{ name: "default" }],
      bridges: [],
      warnings: [],
    });
  });

  it("shows all faults of all nodes with the line of each", () => {
    const text = `kind: DataflowGraph
apiVersion: connectivity.iotoperations.azure.com/v1
metadata: { name: oven }
spec:
  nodes:
    - nodeType: Source
      name: in
      sourceSettings: { endpointRef: raw, dataSources: ["#"] }
    - nodeType: Graph
      name: convert
      graphSettings:
        artifact: azureiotoperations/graph-dataflow-map:1.0.0
        configuration:
          - key: rules
            value: |
              { "map": [
                { "inputs": ["a..b"], "output": "c" },
                { "inputs": ["d"], "output": "e", "expression": "cToF($1" },
                { "inputs": ["d"], "output": "e", "expression": "$2 + ctof(1)" }
              ] }
    - nodeType: Destination
      name: out
      destinationSettings: { endpointRef: defaultt }
  nodeConnections:
    - { from: { name: in }, to: { name: convrt } }
`;
    expect(linesOf(text)).toEqual([
      "gateway.yaml:17: spec.nodes[1].graphSettings.configuration[0].value.map[0].inputs[0]: Cannot read the path: a name is empty (column 3)",
      "gateway.yaml:18: spec.nodes[1].graphSettings.configuration[0].value.map[1].expression: Cannot read the expression: met the end, wanted an operator, a comma or a closing parenthesis (column 8)",
      "gateway.yaml:19: spec.nodes[1].graphSettings.configuration[0].value.map[2].expression: Cannot find the input $2: wanted $1 (column 1)",
      expect.stringMatching(/^gateway.yaml:19: .*map\[2\]\.expression: .*cToF.*\(column 6\)$/),
      'gateway.yaml:23: spec.nodes[2].destinationSettings.endpointRef: Wanted the name of an OpenTelemetry endpoint, met "defaultt", and there is default',
      'gateway.yaml:25: spec.nodeConnections[0].to.name: Wanted the name of a node, met "convrt", and there is in, convert, out; did you mean convert?',
    ]);
  });
});

describe("Source nodes", () => {
  const bridgeOf = (config: ReturnType<typeof load>) =>
    config.bridges.map(({ name, topicFilters, sharedSubscription }) => ({
      name,
      topicFilters,
      sharedSubscription,
    }));

  it("make a bridge of their name where there is none", () => {
    const config = load(documents(graph()));
    expect(bridgeOf(config)).toEqual([
      { name: "in", topicFilters: ["plant/#"], sharedSubscription: undefined },
    ]);
    expect(config.bridges[0]?.url).toBe("mqtt://localhost:1883");
    expect(config.graphs[0]?.sources[0]?.origins).toEqual(["in"]);
  });

  it("make one bridge for all that read from an endpoint", () => {
    const nodes = [
      source({ dataSources: ["plant/+", "hall"] }),
      source({ dataSources: ["hall", "yard"] }, "other"),
      destination(),
    ];
    const connections = [
      ["in", "out"],
      ["other", "out"],
    ] as const;
    const more = graph({ name: "second", nodes: [source({}, "third"), destination()] });
    const config = load(documents(graph({ nodes, connections }), more));
    expect(bridgeOf(config)).toEqual([
      { name: "in", topicFilters: ["hall", "yard", "plant/#"], sharedSubscription: undefined },
    ]);
    expect(config.graphs.flatMap(({ sources }) => sources.map(({ origins }) => origins))).toEqual([
      ["in"],
      ["in"],
      ["in"],
    ]);
  });

  it("make the bridge subscribe that reads from the endpoint", () => {
    const written = own('{ name: plant, endpointRef: broker, topicFilters: ["hall/a", "yard"] }');
    const nodes = [source({ dataSources: ["hall/+", "plant/#"] }), destination()];
    const config = load(documents(written, graph({ nodes })));
    expect(bridgeOf(config)).toMatchObject([{ name: "plant", topicFilters: ["yard", "hall/+", "plant/#"] }]);
    expect(config.graphs[0]?.sources).toEqual([
      { node: "in", origins: ["plant"], topicFilters: ["hall/+", "plant/#"] },
    ]);
  });

  it("subscribe to nothing that another bridge at the endpoint takes", () => {
    const written = own(
      "{ name: a, endpointRef: broker, topicFilters: [hall] }, { name: b, endpointRef: broker, topicFilters: ['plant/#'] }",
    );
    const config = load(documents(written, graph()));
    expect(bridgeOf(config)).toMatchObject([{ topicFilters: ["hall"] }, { topicFilters: ["plant/#"] }]);
    expect(config.graphs[0]?.sources[0]?.origins).toEqual(["a", "b"]);
  });

  it("reads from a source that stands in for an endpoint", () => {
    const nodes = [source({ endpointRef: "s" }), destination()];
    const config = load(documents(gateway("sources: [{ name: s, adapter: raw }]"), graph({ nodes })));
    expect(config.bridges).toEqual([]);
    expect(config.graphs[0]?.sources[0]?.origins).toEqual(["s"]);
  });

  it.each([
    ["$shared/group/plant/#", "group"],
    ["$share/group/plant/#", "group"],
    ["plant/#", undefined],
  ])("take %s for a subscription by the share %s", (dataSource, sharedSubscription) => {
    const config = load(documents(graph({ nodes: [source({ dataSources: [dataSource] }), destination()] })));
    expect(bridgeOf(config)).toEqual([{ name: "in", topicFilters: ["plant/#"], sharedSubscription }]);
    expect(config.graphs[0]?.sources[0]?.topicFilters).toEqual(["plant/#"]);
  });

  it("have one share at an endpoint", () => {
    const dataSources = ["$share/a/plant/#", "$share/b/hall"];
    expect(faultsOf(graph({ nodes: [source({ dataSources }), destination()] }))).toEqual([
      [
        "spec.nodes[0].sourceSettings.dataSources",
        "Wanted the share a, as of the other subscriptions at this endpoint, met b",
      ],
    ]);
    const written = own("{ name: a, endpointRef: broker, topicFilters: [hall] }");
    expect(
      faultsOf(written, graph({ nodes: [source({ dataSources: ["$share/a/x"] }), destination()] })),
    ).toEqual([
      [
        "spec.nodes[0].sourceSettings.dataSources",
        "Wanted no share, as of the other subscriptions at this endpoint, met a",
      ],
    ]);
  });

  it("want filters that no topic matches two of", () => {
    const written = own("{ name: a, endpointRef: broker, topicFilters: ['plant/+/x'] }");
    const nodes = [source({ dataSources: ["plant/y/+", "hall"] }), destination()];
    expect(faultsOf(written, graph({ nodes }))).toEqual([
      [
        "spec.nodes[0].sourceSettings.dataSources[0]",
        'Wanted filters at one endpoint that no topic matches two of, met "plant/y/+" beside "plant/+/x"',
      ],
    ]);
  });

  it("have a name that a bridge can have and no other has, where they make one", () => {
    const other = broker("host: mqtt://other\ntls: { mode: Disabled }", "second");
    const nodes = (name: string, endpointRef = "broker") => [source({ endpointRef }, name), destination()];
    const message = (name: string) =>
      `Wanted a name that no source and no bridge has, met "${name}": the bridge that reads for this node has its name`;
    expect(faultsOf(graph({ nodes: nodes("a b") }))).toEqual([
      ["spec.nodes[0].name", expect.stringMatching(/^Wanted 1 to 63 letters.* met "a b": the bridge/)],
    ]);
    expect(faultsOf(graph({ nodes: nodes("emqx") }))).toEqual([["spec.nodes[0].name", message("emqx")]]);
    expect(faultsOf(other, graph(), graph({ name: "b", nodes: nodes("in", "second") }))).toEqual([
      ["spec.nodes[0].name", message("in")],
    ]);
  });
});

describe("a bridge that a Source node makes", () => {
  const destinations = (source: string) =>
    gateway(
      `sources: [{ name: s, adapter: raw }]\ndestinations: [{ endpointRef: collector, sources: [${source}] }]`,
    );
  const mapping = (source: string) => `apiVersion: mqtt-otlp-gateway/v1
kind: Mapping
metadata: { name: m }
spec: { match: { sources: [${source}] }, metrics: [{ name: a, type: f64_gauge, value: a }] }
`;

  it("can be named by destinations and mappings", () => {
    const config = load(documents(destinations("in"), mapping("in"), graph()));
    expect(config.destinations[0]?.sources).toEqual(["in"]);
    expect(config.mappings[0]?.sources).toEqual(["in"]);
    expect(load(documents(mapping("in"), graph())).mappings[0]?.sources).toEqual(["in"]);
  });

  it("is among the names that there are when another one is met", () => {
    const message = 'Wanted the name of a source or bridge, met "inn", and there is s, in; did you mean in?';
    expect(faultsOf(destinations("inn"), mapping("inn"), graph())).toEqual([
      ["spec.destinations[0].sources[0]", message],
      ["spec.match.sources[0]", message],
    ]);
  });

  it("can be named while its graph is Disabled, and takes nothing then", () => {
    const config = load(documents(destinations("in"), mapping("in"), graph({ mode: "Disabled" })));
    expect(config.bridges).toEqual([]);
    expect(config.destinations[0]?.sources).toEqual(["in"]);
  });

  it("is that of the first node that reads, whichever graphs before it are Disabled", () => {
    const disabled = graph({ name: "off", mode: "Disabled", nodes: [source({}, "before"), destination()] });
    const config = load(documents(disabled, destinations("in"), mapping("in"), graph()));
    expect(config.bridges.map(({ name }) => name)).toEqual(["in"]);
  });

  it("is unknown where a bridge of the Gateway reads for the node", () => {
    const written = own("{ name: plant, endpointRef: broker, topicFilters: [yard] }");
    expect(faultsOf(written, mapping("in"), graph())).toEqual([
      ["spec.match.sources[0]", 'Wanted the name of a source or bridge, met "in", and there is s, plant'],
    ]);
  });
});

describe("transforms", () => {
  const map = (rules: object) => builtIn("map", { rules });

  it.each<[artifact: string, message: string | RegExp]>([
    [
      "azureiotoperations/graph-dataflow-window:1.1.0",
      /^Windows are not computed here; wanted each value by itself/,
    ],
    [
      "ghcr.io/azure-samples/otel-enrich:1.0.0",
      /^The state store that otel-enrich reads is not here; wanted otel-transform/,
    ],
    ["azure-samples/graph-otel:1.0.0", /^The state store that otel-enrich reads is not here/],
    [
      "my/temperature:1.0.0",
      /^Wanted the name of a transform that is built in, since modules of one's own do not run here, met "temperature"/,
    ],
    ["azureiotoperations/graph-dataflow-mapp:1.0.0", /did you mean graph-dataflow-map\?/],
    ["azureiotoperations/graph-dataflow-map:2.0.0", "Wanted version 1.0.0 of graph-dataflow-map, met 2.0.0"],
    ["graph-dataflow-map", 'Wanted NAME:VERSION, met "graph-dataflow-map"'],
  ])("rejects %s", (artifact, message) => {
    const expected = typeof message === "string" ? message : expect.stringMatching(message);
    expect(transformFaults(transform(artifact))).toEqual([["artifact", expected]]);
  });

  it.each<[what: string, node: object, rules: unknown]>([
    [
      "a map",
      map({
        version: "1.0.0",
        datasets: [],
        map: [
          { inputs: ["*"], output: "*", description: "all" },
          { inputs: ["a"], output: "" },
          { inputs: [], output: "b", expression: "1" },
          { inputs: ["a"], output: "$metadata.topic", expression: null, description: null },
        ],
      }),
      {
        kind: "map",
        rules: [
          { inputs: ["*"], output: "*" },
          { inputs: ["a"], output: "" },
          { inputs: [], output: "b", expression: "1" },
          { inputs: ["a"], output: "$metadata.topic" },
        ],
      },
    ],
    [
      "a filter",
      builtIn("filter", {
        rules: { filter: [{ inputs: ["a"], expression: "$1 > 1" }], validateSchema: false },
      }),
      { kind: "filter", rules: [{ inputs: ["a"], expression: "$1 > 1" }] },
    ],
    ["a concatenate", builtIn("concat"), { kind: "concatenate" }],
    [
      "a throttle",
      builtIn("throttle", { throttle: { perTopicThrottles: [{ topic: "a/+", maxMessagesPerSecond: 0.1 }] } }),
      { kind: "throttle", rules: [{ topic: "a/+", messagesPerSecondMax: 0.1 }] },
    ],
    [
      "an otel-transform",
      transform("ghcr.io/x/otel-transform:1.0.0", {
        metricNamePath: "a.b",
        metricValuePath: "c",
        metricType: "f64_gauge",
        metricTimestampPath: "d",
        metricUnits: "Cel",
      }),
      {
        kind: "otelTransform",
        rules: { name: { path: "a.b" }, type: "f64_gauge", valuePath: "c", timestampPath: "d", unit: "Cel" },
      },
    ],
    [
      "the graph definition of otel-transform",
      transform("azure-samples/graph-otel-transform:1.0.0", {
        metricName: "a",
        metricValuePath: "c",
        metricType: "u64_counter",
      }),
      {
        kind: "otelTransform",
        rules: { name: "a", type: "u64_counter", valuePath: "c", timestampPath: undefined, unit: undefined },
      },
    ],
  ])("reads %s", (_, node, rules) => {
    expect(rulesOf(node)).toEqual(rules);
  });

  it.each<[what: string, node: object, path: string, message: string]>([
    ["no rules", builtIn("map"), "configuration", "Missing, wanted the key rules"],
    [
      "a key of another transform",
      builtIn("throttle", { rules: "{}" }),
      "configuration[0].key",
      'Wanted throttle, met "rules"',
    ],
    [
      "no JSON",
      builtIn("map", { rules: '{"map":\n  [x]}' }),
      "configuration[0].value",
      "Wanted JSON, met something else (line 2, column 4 of the text)",
    ],
    [
      "JSON that ends early",
      builtIn("map", { rules: '{"map":' }),
      "configuration[0].value",
      "Wanted JSON, met something else (line 1, column 8 of the text)",
    ],
    ["no map", map({}), "configuration[0].value.map", "Missing, wanted a list"],
    [
      "an unknown field",
      map({ map: [], mapp: [] }),
      "configuration[0].value.mapp",
      "Unknown field; did you mean map?",
    ],
    [
      "a dataset",
      map({ map: [], datasets: [{}] }),
      "configuration[0].value.datasets",
      "Datasets stand in a state store, and there is none here; wanted none: write what they hold into the rules, or into attributes of the source",
    ],
    [
      "a path of a dataset",
      map({ map: [{ inputs: ["$context(d).a"], output: "a" }] }),
      "configuration[0].value.map[0].inputs[0]",
      "Cannot read a dataset: there are none; wanted a path in the payload or $metadata (column 1)",
    ],
    [
      "the last known value of many",
      map({ map: [{ inputs: ["a.* ? $last"], output: "b" }] }),
      "configuration[0].value.map[0].inputs[0]",
      expect.stringContaining("Cannot remember the last value of a path with an asterisk"),
    ],
    [
      "an output with a last value",
      map({ map: [{ inputs: ["a"], output: "c ? $last" }] }),
      "configuration[0].value.map[0].output",
      'Wanted a path without a default and without ? $last, met "c ? $last"',
    ],
    [
      "an asterisk that comes late",
      map({
        map: [
          { inputs: ["a"], output: "a" },
          { inputs: ["b.*"], output: "*" },
        ],
      }),
      "configuration[0].value.map[1].inputs",
      "Wanted one rule with an asterisk, before all others",
    ],
    [
      "an asterisk in the input alone",
      map({ map: [{ inputs: ["b.*"], output: "c" }] }),
      "configuration[0].value.map[0].output",
      "Wanted an asterisk in both an input and the output, or in none",
    ],
    [
      "an asterisk in the output alone",
      map({ map: [{ inputs: ["b"], output: "c.*" }] }),
      "configuration[0].value.map[0].output",
      "Wanted an asterisk in both an input and the output, or in none",
    ],
    [
      "a default in the output",
      map({ map: [{ inputs: ["b"], output: "c ?? 1" }] }),
      "configuration[0].value.map[0].output",
      'Wanted a path without a default and without ? $last, met "c ?? 1"',
    ],
    [
      "an expression beside no output",
      map({ map: [{ inputs: ["b"], output: "", expression: "$1" }] }),
      "configuration[0].value.map[0].expression",
      "Wanted no expression beside an empty output",
    ],
    [
      "nothing to leave out",
      map({ map: [{ inputs: [], output: "" }] }),
      "configuration[0].value.map[0].inputs",
      "Wanted the paths to leave out, met none",
    ],
    [
      "an asterisk to leave out",
      map({ map: [{ inputs: ["a.*"], output: "" }] }),
      "configuration[0].value.map[0].inputs",
      "Wanted paths without an asterisk beside an empty output",
    ],
    [
      "nothing to write",
      map({ map: [{ inputs: [], output: "a" }] }),
      "configuration[0].value.map[0]",
      "Wanted an input or an expression, met neither",
    ],
    [
      "an asterisk in a filter",
      builtIn("filter", { rules: { filter: [{ inputs: ["*"], expression: "true" }] } }),
      "configuration[0].value.filter[0].inputs[0]",
      'Wanted a path without an asterisk, met "*"',
    ],
    [
      "an asterisk within a name",
      map({ map: [{ inputs: ["a.b*"], output: "a" }] }),
      "configuration[0].value.map[0].inputs[0]",
      expect.stringMatching(/asterisk/),
    ],
    [
      "a rate that is not finite",
      builtIn("throttle", {
        throttle: '{"perTopicThrottles":[{"topic":"a","maxMessagesPerSecond":1e999}]}',
      }),
      "configuration[0].value.perTopicThrottles[0].maxMessagesPerSecond",
      "Wanted a number, met Infinity",
    ],
    [
      "a filter without an expression",
      builtIn("filter", { rules: { filter: [{ inputs: ["a"] }] } }),
      "configuration[0].value.filter[0].expression",
      "Missing, wanted a text",
    ],
    [
      "a schema to check",
      builtIn("filter", { rules: { filter: [], validateSchema: true } }),
      "configuration[0].value.validateSchema",
      "Schemas are not checked here; wanted false: what does not fit a rule becomes a dead letter",
    ],
    [
      "a configuration of concatenate",
      builtIn("concatenate", { rules: {} }),
      "configuration",
      "Wanted no configuration for concatenate",
    ],
    [
      "a topic that is throttled twice",
      builtIn("throttle", {
        throttle: {
          perTopicThrottles: [
            { topic: "a", maxMessagesPerSecond: 1 },
            { topic: "a", maxMessagesPerSecond: 2 },
          ],
        },
      }),
      "configuration[0].value.perTopicThrottles[1].topic",
      'Wanted each topic once, met "a" again',
    ],
    [
      "a negative rate",
      builtIn("throttle", { throttle: { perTopicThrottles: [{ topic: "a", maxMessagesPerSecond: -1 }] } }),
      "configuration[0].value.perTopicThrottles[0].maxMessagesPerSecond",
      "Wanted at least 0, met -1",
    ],
    [
      "an otel-transform without a name",
      transform("otel-transform:1.0.0", { metricValuePath: "a", metricType: "f64_gauge" }),
      "configuration",
      "Wanted metricName or metricNamePath, met neither",
    ],
    [
      "an otel-transform without a value",
      transform("otel-transform:1.0.0", { metricName: "a", metricType: "f64_gauge" }),
      "configuration",
      "metricValuePath: Missing, wanted a text",
    ],
    [
      "a type that there is none of",
      transform("otel-transform:1.0.0", { metricName: "a", metricValuePath: "b", metricType: "f64_gage" }),
      "configuration[2].value",
      expect.stringContaining("did you mean f64_gauge?"),
    ],
    [
      "a key that there is none of",
      transform("otel-transform:1.0.0", {
        metricName: "a",
        metricValuePath: "b",
        metricType: "f64_gauge",
        metricUnit: "c",
      }),
      "configuration[3].value",
      "Unknown field; did you mean metricUnits?",
    ],
    [
      "a path with an asterisk",
      transform("otel-transform:1.0.0", { metricName: "a", metricValuePath: "b.*", metricType: "f64_gauge" }),
      "configuration[1].value",
      'Wanted a path without an asterisk, met "b.*"',
    ],
  ])("rejects %s", (_, node, path, message) => {
    expect(transformFaults(node)).toEqual([[path, message]]);
  });

  it("takes the written name of an otel-transform before the one in the payload", () => {
    const keys = { metricName: "a", metricNamePath: "b", metricValuePath: "c", metricType: "f64_gauge" };
    expect(rulesOf(transform("otel-transform:1.0.0", keys))).toMatchObject({ rules: { name: "a" } });
  });

  it("rejects a key that comes twice", () => {
    const node = map({ map: [] });
    const { configuration } = node.graphSettings;
    const twice = {
      ...node,
      graphSettings: { ...node.graphSettings, configuration: [...configuration, ...configuration] },
    };
    expect(transformFaults(twice)).toEqual([
      ["configuration[1].key", 'Wanted each key once, met "rules" again'],
    ]);
  });

  it("rejects a branch without a rule, with several, and with an asterisk", () => {
    const fault = (rules: object) => {
      const nodes = [source(), { ...branch, ...builtIn("branch", { rules }, "check") }, destination()];
      const connections = [
        ["in", "check"],
        ["check.output.true", "out"],
        ["check.output.false", "out"],
      ] as const;
      return faultsOf(graph({ nodes, connections }));
    };
    const path = "spec.nodes[1].graphSettings.configuration[0].value.branch";
    expect(fault({})).toEqual([[path, "Missing, wanted a map of fields"]]);
    expect(fault({ branch: { inputs: ["a.*"], expression: "true" } })).toEqual([
      [`${path}.inputs[0]`, 'Wanted a path without an asterisk, met "a.*"'],
    ]);
    expect(fault({ branch: [] })).toEqual([[path, "Wanted a map of fields, met a list"]]);
  });
});
