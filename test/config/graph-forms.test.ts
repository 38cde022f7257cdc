/** A DataflowGraph as the tools of Azure and Kubernetes print it. */
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { loadConfig } from "../../pipeline/config/load.ts";
import { ConfigError } from "../../pipeline/errors.ts";
import { endpoint, linesOf, load } from "./support.ts";

const map = { map: [{ inputs: ["v"], output: "celsius", expression: "fToC($1)" }] };
const properties = {
  mode: "Enabled",
  requestDiskPersistence: "Disabled",
  nodes: [
    {
      nodeType: "Source",
      name: "sensors",
      sourceSettings: { endpointRef: "raw", dataSources: ["sensors/#"] },
    },
    {
      nodeType: "Graph",
      name: "convert",
      graphSettings: {
        registryEndpointRef: "default",
        artifact: "azureiotoperations/graph-dataflow-map:1.0.0",
        configuration: [{ key: "rules", value: JSON.stringify(map) }],
      },
    },
    {
      nodeType: "Destination",
      name: "output",
      destinationSettings: { endpointRef: "collector", dataDestination: "telemetry" },
    },
  ],
  nodeConnections: [
    { from: { name: "sensors" }, to: { name: "convert" } },
    { from: { name: "convert" }, to: { name: "output" } },
  ],
};

const collector = endpoint("host: http://localhost:4317");
const documents = (...more: string[]) => [collector, ...more].join("---\n");
const expected = [
  {
    name: "oven",
    sources: [{ node: "sensors", origins: ["raw"], topicFilters: ["sensors/#"] }],
    transforms: [
      {
        node: "convert",
        rules: { kind: "map", rules: [{ inputs: ["v"], output: "celsius", expression: "fToC($1)" }] },
      },
    ],
    destinations: [{ node: "output", destination: "collector" }],
    connections: [
      { from: "sensors", output: undefined, to: "convert" },
      { from: "convert", output: undefined, to: "output" },
    ],
  },
];

/** As `kubectl get` prints one. */
const item = {
  apiVersion: "connectivity.iotoperations.azure.com/v1",
  kind: "DataflowGraph",
  metadata: {
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}" },
    creationTimestamp: "2026-01-05T10:00:00Z",
    finalizers: ["dataflowgraph.finalizers"],
    generation: 2,
    name: "oven",
    namespace: "azure-iot-operations",
    resourceVersion: "1",
    uid: "7c7b5a0e",
  },
  spec: { profileRef: "default", ...properties },
  status: { healthState: { status: "Available" }, provisioningStatus: { status: "Succeeded" } },
};

const armType = "microsoft.iotoperations/instances/dataflowprofiles/dataflowgraphs";

/** As `az iot ops dataflowgraph show` prints one. */
const resource = {
  extendedLocation: { name: "/subscriptions/s", type: "CustomLocation" },
  id: "/subscriptions/s/resourceGroups/r/providers/x/instances/aio/dataflowProfiles/default/dataflowGraphs/oven",
  name: "oven",
  properties: {
    ...properties,
    nodes: properties.nodes.map((node) =>
      node.nodeType === "Source"
        ? { ...node, sourceSettings: { ...node.sourceSettings, assetRef: null } }
        : node,
    ),
    provisioningState: "Succeeded",
    healthState: "Available",
    status: null,
  },
  resourceGroup: "r",
  systemData: { createdBy: "a" },
  type: armType,
};

/** As `az bicep build` makes one of a module: the rules are a file's content, or a text with a parameter in it. */
function template(rules: string, more: Record<string, unknown> = {}) {
  const nodes = properties.nodes.map((node) =>
    node.graphSettings === undefined
      ? node
      : {
          ...node,
          graphSettings: { ...node.graphSettings, configuration: [{ key: "rules", value: rules }] },
        },
  );
  return {
    $schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    languageVersion: "2.0",
    parameters: { aio: { type: "string", defaultValue: "aio" }, limit: { type: "int", defaultValue: 100 } },
    variables: { "$fxv#0": map, ...more },
    resources: {
      profile: { existing: true, type: "Microsoft.IoTOperations/instances/dataflowProfiles", name: "x" },
      graph: {
        type: "Microsoft.IoTOperations/instances/dataflowProfiles/dataflowGraphs",
        apiVersion: "2026-03-01",
        name: "[format('{0}/{1}/{2}', parameters('aio'), 'default', 'oven')]",
        extendedLocation: { name: "[resourceId('x', 'y')]", type: "CustomLocation" },
        properties: { ...properties, nodes },
        dependsOn: ["profile"],
      },
    },
  };
}

describe("a DataflowGraph", () => {
  it.each<[what: string, text: string]>([
    ["kubectl get -o yaml", stringify(item)],
    ["kubectl get -o yaml, of several", stringify({ apiVersion: "v1", kind: "List", items: [item] })],
    ["kubectl get -o json", JSON.stringify(item, null, 4)],
    [
      "the interface of Kubernetes",
      JSON.stringify({
        kind: "DataflowGraphList",
        apiVersion: item.apiVersion,
        items: [{ ...item, kind: undefined }],
      }),
    ],
    ["az iot ops dataflowgraph show", JSON.stringify(resource, null, 2)],
    ["az iot ops dataflowgraph show -o yaml", stringify(resource)],
    ["az iot ops dataflowgraph list", JSON.stringify([resource], null, 2)],
    ["the REST interface", JSON.stringify({ value: [resource] })],
    ["az resource show without a type", JSON.stringify({ ...resource, type: undefined })],
    ["az bicep build", JSON.stringify(template(JSON.stringify(map)))],
    ["az bicep build with a JSON file", JSON.stringify(template("[string(variables('$fxv#0'))]"))],
    [
      "az bicep build with a text file",
      JSON.stringify(template("[variables('$fxv#1')]", { "$fxv#1": JSON.stringify(map, null, 2) })),
    ],
  ])("is read as %s has it", (_, text) => {
    const config = load(documents(text));
    expect(config.graphs).toEqual(expected);
    expect(config.warnings).toEqual([]);
  });

  it("is read with parameters in its rules", () => {
    const rules = '{{"filter":[{{"inputs":["v"],"expression":"$1 > {0}"}}]}}';
    const text = JSON.stringify(template(`[format('${rules}', parameters('limit'))]`)).replace(
      "-map:",
      "-filter:",
    );
    expect(load(documents(text)).graphs[0]?.transforms[0]?.rules).toEqual({
      kind: "filter",
      rules: [{ inputs: ["v"], expression: "$1 > 100" }],
    });
  });
});

describe("the file that the Azure CLI takes", () => {
  const endpointProperties = {
    endpointType: "OpenTelemetry",
    openTelemetrySettings: { host: "http://localhost:4317", tls: null },
  };
  const graphFile = (written: unknown = { ...properties, fileStores: null }) => ({
    name: "config/oven.json",
    text: JSON.stringify(written, null, 1),
  });
  const endpointFile = { name: "C:\\config\\collector.json", text: JSON.stringify(endpointProperties) };
  const loadFiles = (...files: { name: string; text: string }[]) =>
    loadConfig({ files, environment: {}, resolvePath: (_, path) => path });
  function faultsOf(...files: { name: string; text: string }[]): string[] {
    try {
      loadFiles(...files);
    } catch (error) {
      if (error instanceof ConfigError) return error.message.split("\n");
      throw error;
    }
    return [];
  }

  it("makes a graph and an endpoint of that name", () => {
    const config = loadFiles(endpointFile, graphFile());
    expect(config.graphs).toEqual(expected);
    expect(config.destinations).toMatchObject([{ name: "collector", url: "http://localhost:4317" }]);
  });

  it("may be YAML", () => {
    const file = { name: "oven.v2.yaml", text: stringify(properties) };
    expect(loadFiles(endpointFile, file).graphs[0]?.name).toBe("oven.v2");
  });

  it("has its faults named where they stand", () => {
    const nodes = properties.nodes.map((node) => ({
      ...node,
      nodeType: node.nodeType.replace("Graph", "Grap"),
    }));
    expect(faultsOf(endpointFile, graphFile({ ...properties, nodes, mod: "Enabled" }))).toEqual([
      expect.stringMatching(
        /^config\/oven.json:\d+: nodes\[1\].nodeType: .*met "Grap"; did you mean Graph\?$/,
      ),
      expect.stringMatching(/^config\/oven.json:\d+: mod: Unknown field; did you mean mode\?$/),
    ]);
  });

  it("wants a name that a graph can have", () => {
    expect(faultsOf(endpointFile, { ...graphFile(), name: "the oven.json" })).toEqual([
      expect.stringMatching(/^the oven.json:1: .*met "the oven": it has the name of its file$/),
    ]);
  });

  it("says what it lacks where it shares its file with others", () => {
    expect(linesOf(documents(`${JSON.stringify(properties)}\n`, JSON.stringify(endpointProperties)))).toEqual(
      [
        "gateway.yaml:9: kind: Missing, wanted kind: DataflowGraph with metadata.name and spec, or these properties in a file of their own, which names them",
        "gateway.yaml:11: kind: Missing, wanted kind: DataflowEndpoint with metadata.name and spec, or these properties in a file of their own, which names them",
      ],
    );
  });
});

it("names file, line, node, rule and column of every mistake in what kubectl prints, at once", () => {
  const text = `${collector}---
apiVersion: v1
kind: List
items:
  - apiVersion: connectivity.iotoperations.azure.com/v1
    kind: DataflowGraph
    metadata: { name: oven, resourceVersion: "1" }
    spec:
      profileRef: default
      nodes:
        - nodeType: Source
          name: sensors
          sourceSettings: { endpointRef: raw, dataSources: ["sensors/#"] }
        - nodeType: Graph
          name: first
          graphSettings:
            artifact: azureiotoperations/graph-dataflow-map:1.0.0
            configuration:
              - key: rules
                value: |
                  {
                    "map": [
                      { "inputs": ["*"], "output": "*" },
                      { "inputs": ["a..b"], "output": "c" }
                    ]
                  }
        - nodeType: Graph
          name: second
          graphSettings:
            artifact: azureiotoperations/graph-dataflow-filter:1.0.0
            configuration:
              - key: rules
                value: "{\\"filter\\":[{\\"inputs\\":[\\"v\\"],\\"expression\\":\\"$1 > 1\\"},{\\"inputs\\":[\\"v\\"],\\"expression\\":\\"cToX($1) > 1\\"}]}"
        - nodeType: Graph
          name: third
          graphSettings:
            artifact: azureiotoperations/graph-dataflow-throttle:1.0.0
            configuration:
              - key: throttle
                value: |-
                  {"perTopicThrottles": [{"topic": "a/#",
                    "maxMessagesPerSecond": 1},
                    {"topic": "a/#/b",
                    "maxMessagesPerSecond": -1}]}
        - nodeType: Destination
          name: output
          destinationSettings: { endpointRef: collector, dataDestination: x }
      nodeConnections:
        - { from: { name: sensors }, to: { name: first } }
        - { from: { name: first }, to: { name: second } }
        - { from: { name: second }, to: { name: third } }
        - { from: { name: third }, to: { name: output } }
`;
  const lineOf = (words: string) => text.slice(0, text.indexOf(words)).split("\n").length;
  const at = (words: string, node: number) =>
    `gateway.yaml:${lineOf(words)}: items[0].spec.nodes[${node}].graphSettings.configuration[0].value.`;
  expect(linesOf(text)).toEqual([
    `${at("a..b", 1)}map[1].inputs[0]: Cannot read the path: a name is empty (column 3)`,
    `${at("cToX", 2)}filter[1].expression: Cannot call cToX(): there is no such function; did you mean cToF() (column 1)`,
    `${at("a/#/b", 3)}perTopicThrottles[1].topic: Wanted a Topic Filter such as plant/+/state or plant/#, met "a/#/b"`,
    `${at("-1}", 3)}perTopicThrottles[1].maxMessagesPerSecond: Wanted at least 0, met -1`,
  ]);
});
