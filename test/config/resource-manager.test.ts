import { describe, expect, it } from "vitest";
import { issuesOf, linesOf, load } from "./support.ts";

const type = "Microsoft.IoTOperations/instances/dataflowEndpoints";

function properties(host: unknown = "http://a:1"): Record<string, unknown> {
  return {
    endpointType: "OpenTelemetry",
    openTelemetrySettings: {
      host,
      batching: { latencySeconds: 5, maxMessages: 100 },
      authentication: { method: "Anonymous", anonymousSettings: {} },
      tls: { mode: "Disabled" },
    },
  };
}

/** As `az bicep build` writes it. */
function template(fields: Record<string, unknown>, more: Record<string, unknown> = {}) {
  return {
    $schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    contentVersion: "1.0.0.0",
    metadata: { _generator: { name: "bicep", version: "0.39.26", templateHash: "1" } },
    parameters: {
      aioInstanceName: { type: "string", defaultValue: "<AIO_INSTANCE_NAME>" },
      endpointName: { type: "string", defaultValue: "otel-endpoint" },
      host: { type: "string", defaultValue: "http://collector:4317" },
      unset: { type: "string" },
      loop: { type: "string", defaultValue: "[parameters('loop')]" },
      settings: { type: "object", defaultValue: { latency: 7, host: "[parameters('host')]" } },
    },
    variables: { fullName: "[format('{0}/{1}', parameters('aioInstanceName'), parameters('endpointName'))]" },
    resources: [
      {
        type,
        apiVersion: "2024-11-01",
        name: "[format('{0}/{1}', parameters('aioInstanceName'), parameters('endpointName'))]",
        extendedLocation: {
          name: "[extensionResourceId(resourceGroup().id, 'x', 'y')]",
          type: "CustomLocation",
        },
        properties: properties("[parameters('host')]"),
        dependsOn: ["[resourceId('x', 'y')]"],
        ...fields,
      },
    ],
    ...more,
  };
}

const json = (value: unknown) => JSON.stringify(value, null, 1);

function destinationsOf(value: unknown) {
  return load(json(value)).destinations.map(({ name, url }) => [name, url]);
}

describe("form of Azure Resource Manager", () => {
  it("is a resource as the CLI shows it, with null where nothing is set", () => {
    const resource = {
      extendedLocation: { name: "/subscriptions/s", type: "CustomLocation" },
      id: "/subscriptions/s/resourceGroups/g/providers/x",
      name: "otel",
      properties: {
        ...properties(),
        kafkaSettings: null,
        mqttSettings: null,
        provisioningState: "Succeeded",
        status: { healthState: "Available" },
      },
      resourceGroup: "g",
      systemData: { createdAt: "2026-01-01T00:00:00Z" },
      type: type.toLowerCase(),
    };
    expect(destinationsOf(resource)).toEqual([["otel", "http://a:1"]]);
  });

  it("is a list of resources, as the CLI and the REST interface give it", () => {
    const list = ["one", "two"].map((name) => ({ name, type, properties: properties() }));
    const wanted = [
      ["one", "http://a:1"],
      ["two", "http://a:1"],
    ];
    expect(destinationsOf(list)).toEqual(wanted);
    expect(destinationsOf({ value: list, nextLink: null })).toEqual(wanted);
  });

  it("is a template, whose parameters and variables have their default values", () => {
    expect(destinationsOf(template({}))).toEqual([["otel-endpoint", "http://collector:4317"]]);
    expect(destinationsOf(template({ name: "[variables('fullName')]" }))).toEqual([
      ["otel-endpoint", "http://collector:4317"],
    ]);
  });

  it("is a template with resources by symbolic name, beside what exists and what else is made", () => {
    const [endpoint] = template({}).resources;
    const resources = {
      aioInstance: { existing: true, type: "Microsoft.IoTOperations/instances", name: "x" },
      old: { ...endpoint, existing: true, name: "x/old" },
      customLocation: { type: "Microsoft.ExtendedLocation/customLocations", name: "x", properties: {} },
      endpoint,
    };
    expect(destinationsOf(template({}, { languageVersion: "2.0", resources }))).toEqual([
      ["otel-endpoint", "http://collector:4317"],
    ]);
  });

  it("is a template whose endpoint stands in its instance", () => {
    const instance = {
      type: "Microsoft.IoTOperations/instances",
      name: "instance",
      properties: {},
      resources: [{ type: "dataflowEndpoints", name: "otel", properties: properties() }],
    };
    expect(destinationsOf(template({}, { resources: [instance] }))).toEqual([["otel", "http://a:1"]]);
  });

  it("is a template with a module, which gets its parameters from around it", () => {
    const module = (scope: string, parameters: Record<string, unknown>) =>
      template(
        {},
        {
          resources: [
            {
              type: "Microsoft.Resources/deployments",
              name: "module",
              properties: {
                expressionEvaluationOptions: { scope },
                mode: "Incremental",
                parameters,
                template: template(
                  {},
                  { parameters: { ...template({}).parameters, host: { type: "string" } } },
                ),
              },
            },
          ],
        },
      );
    const host = { value: "[parameters('settings').host]" };
    expect(destinationsOf(module("inner", { host, endpointName: { value: "own" } }))).toEqual([
      ["own", "http://collector:4317"],
    ]);
    expect(destinationsOf(module("outer", {}))).toEqual([["otel-endpoint", "http://collector:4317"]]);
    expect(issuesOf(json(module("inner", { host: { value: "[reference('x')]" } })))).toMatchObject([
      {
        path: "resources[0].properties.template.resources[0].properties.openTelemetrySettings.host",
        message: expect.stringMatching(/; parameter host has no default value$/),
      },
    ]);
  });

  it.each([
    ["[concat('http://', 'it''s' , '.example')]", "http://it's.example:4317"],
    ["[concat('http://b', ':', 2)]", "http://b:2"],
    ["[toLower('HTTP://B')]", "http://b:4317"],
    ["[format('http://{0}:{1}', 'b', string(3))]", "http://b:3"],
    ["[parameters('settings').host]", "http://collector:4317"],
  ])("evaluates %s", (expression, url) => {
    const value = template({ properties: properties(expression) });
    expect(load(json(value)).destinations[0]?.url).toBe(url);
  });

  it("takes a text in doubled brackets as it is", () => {
    const value = template({ properties: properties("[[a]") });
    expect(issuesOf(json(value))[0]?.message).toMatch(/^Wanted a host such as .*, met "\[a\]"$/);
  });

  it("evaluates expressions that give numbers", () => {
    const value = template({
      properties: {
        endpointType: "OpenTelemetry",
        openTelemetrySettings: {
          host: "a",
          batching: { latencySeconds: "[parameters('settings').latency]", maxMessages: "[int('9')]" },
        },
      },
    });
    expect(load(json(value)).destinations[0]?.batching).toEqual({ latencyMs: 7000, maxMessages: 9 });
  });

  it.each([
    ["[parameters('unset')]", "parameter unset has no default value"],
    ["[parameters('none')]", "there is no parameter none"],
    ["[variables('none')]", "there is no variable none"],
    ["[parameters('settings').port]", "there is no port"],
    ["[parameters('loop')]", "it refers to itself"],
    ["[reference('x').host]", "reference() is known only to Azure"],
    ["[format('{0:D2}', 7)]", "what {0:D2} gives is known only to Azure"],
    ["[listKeys('x')[0]]", "it cannot be read"],
    ["[concat('a'", undefined],
    ["[concat('a']", "it cannot be read"],
    ["['a' 'b']", "it cannot be read"],
    ["[]", "it cannot be read"],
    ["[concat(parameters('settings'))]", "it wants a text there"],
  ])("says why %s cannot be evaluated, and nothing else of that field", (expression, reason) => {
    const issues = issuesOf(json(template({ properties: properties(expression) })));
    const message =
      reason === undefined
        ? expect.stringContaining("Wanted a host such as")
        : `Wanted the value itself, met the template expression ${JSON.stringify(expression)}; ${reason}`;
    expect(issues).toEqual([
      {
        file: "gateway.yaml",
        line: expect.any(Number),
        path: "resources[0].properties.openTelemetrySettings.host",
        message,
      },
    ]);
  });

  it("never shows a credential that stands in an expression", () => {
    const secrets = template({
      properties: {
        endpointType: "OpenTelemetry",
        openTelemetrySettings: {
          host: "[concat('http://user:hunter2@', reference('x'))]",
          authentication: { method: "[concat('hunter2', reference('x'))]" },
        },
      },
    });
    const lines = linesOf(json(secrets)).join("\n");
    expect(lines).toContain("authentication.method");
    expect(lines).not.toContain("user");
  });

  it("names the line of the expression", () => {
    const text = json(template({ properties: properties("[parameters('unset')]") }));
    const line = text.split("\n").findIndex((one) => one.includes("[parameters('unset')]")) + 1;
    expect(issuesOf(text)[0]?.line).toBe(line);
  });

  it("cannot evaluate an expression outside a template", () => {
    expect(
      linesOf(JSON.stringify({ type, name: "otel", properties: properties("[parameters('host')]") })),
    ).toEqual([
      `gateway.yaml:1: properties.openTelemetrySettings.host: Wanted the value itself, met the template expression "[parameters('host')]"; there is no parameter host`,
    ]);
  });

  it.each([
    [{ name: "ab" }, "name"],
    [{ name: "x/Otel" }, "name"],
    [{ name: "otel-" }, "name"],
    [{ name: "a".repeat(64) }, "name"],
  ])("rejects the name in %j", (fields, path) => {
    expect(issuesOf(json(template(fields)))).toMatchObject([
      {
        path: `resources[0].${path}`,
        message: expect.stringMatching(/^Wanted 3 to 63 lower-case letters, digits or '-', .*, met "/),
      },
    ]);
  });

  it.each([
    [{ name: "abc" }, "abc"],
    [{ name: `a${"-".repeat(61)}z` }, `a${"-".repeat(61)}z`],
  ])("takes the name in %j", (fields, name) => {
    expect(destinationsOf(template(fields))[0]?.[0]).toBe(name);
  });

  it("rejects a name that was never filled in", () => {
    expect(issuesOf(json(template({ name: "<AIO_INSTANCE_NAME>/<ENDPOINT_NAME>" })))).toMatchObject([
      { path: "resources[0].name", message: "Wanted a name, met the placeholder <ENDPOINT_NAME>" },
    ]);
  });

  it("says that a data flow is not supported yet", () => {
    const [endpoint] = template({}).resources;
    const inner = "dataflowProfiles/dataflows";
    const flow = { type: `Microsoft.IoTOperations/instances/${inner}`, name: "a/b/c", properties: {} };
    expect(issuesOf(json(template({}, { resources: [endpoint, flow] })))).toMatchObject([
      { path: "resources[1].type", message: expect.stringMatching(/^Dataflow is not supported yet/) },
    ]);
  });

  it("says that other endpoint types are not supported yet", () => {
    expect(
      issuesOf(json(template({ properties: { endpointType: "Kafka", kafkaSettings: {} } }))),
    ).toMatchObject([
      {
        path: "resources[0].properties.endpointType",
        message:
          "Endpoint type Kafka is not supported yet; wanted OpenTelemetry or Mqtt, leave this document out",
      },
    ]);
  });

  it("rejects a loop, leaves out what a condition leaves out", () => {
    expect(issuesOf(json(template({ copy: { name: "x", count: 2 } })))).toMatchObject([
      { path: "resources[0].copy" },
    ]);
    const [endpoint] = template({}).resources;
    expect(
      destinationsOf(
        template({}, { resources: [{ ...endpoint, name: "x/other", condition: "[false()]" }, endpoint] }),
      ),
    ).toEqual([["otel-endpoint", "http://collector:4317"]]);
  });

  it("rejects a template without an endpoint, and a resource that is none", () => {
    const types = `${type} or Microsoft.IoTOperations/instances/dataflowProfiles/dataflowGraphs`;
    expect(linesOf(JSON.stringify({ resources: [] }))).toEqual([
      `gateway.yaml:1: resources: Wanted a resource of type ${types} in the template, met none`,
    ]);
    expect(linesOf(JSON.stringify({ type: "Microsoft.Web/sites", name: "otel", properties: {} }))).toEqual([
      `gateway.yaml:1: type: Wanted ${types}, met "Microsoft.Web/sites"`,
    ]);
  });
});

describe("list of Kubernetes", () => {
  const item = (name: string, host: string) => `- apiVersion: connectivity.iotoperations.azure.com/v1
  kind: DataflowEndpoint
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: |
        {"apiVersion":"connectivity.iotoperations.azure.com/v1","kind":"DataflowEndpoint"}
    creationTimestamp: "2026-01-05T10:00:00Z"
    finalizers: [x]
    generation: 2
    managedFields: []
    name: ${name}
    namespace: azure-iot-operations
    ownerReferences: []
    resourceVersion: "123"
    uid: 8a8c7d0e-0000-4000-8000-000000000000
  spec:
    endpointType: OpenTelemetry
    openTelemetrySettings:
      authentication:
        anonymousSettings: {}
        method: Anonymous
      batching:
        latencySeconds: 60
        maxMessages: 100000
      host: ${host}
      tls:
        mode: Disabled
  status:
    healthState: Available
`;

  it("is what kubectl prints for several", () => {
    const text = `apiVersion: v1\nitems:\n${item("one", "http://a:1")}${item("two", "b:2")}kind: List\nmetadata:\n  resourceVersion: ""\n`;
    expect(load(text).destinations.map(({ name, url }) => [name, url])).toEqual([
      ["one", "http://a:1"],
      ["two", "http://b:2"],
    ]);
  });

  it("is what the interface of Kubernetes answers, whose items do not say what they are", () => {
    const items = [{ metadata: { name: "one" }, spec: properties() }];
    const apiVersion = "connectivity.iotoperations.azure.com/v1";
    expect(destinationsOf({ apiVersion, kind: "DataflowEndpointList", items })).toEqual([
      ["one", "http://a:1"],
    ]);
    expect(issuesOf(json({ apiVersion: "v1", kind: "List", items }))).toMatchObject([
      { path: "items[0].kind" },
    ]);
  });

  it("names the item in its errors", () => {
    const text = `apiVersion: v1\nitems:\n${item("one", "ftp://a")}kind: DataflowEndpointList\n`;
    expect(linesOf(text)).toEqual([
      "gateway.yaml:27: items[0].spec.openTelemetrySettings.host: Wanted scheme http or https, met ftp",
    ]);
  });

  it("holds documents of other kinds, which are said not to be supported yet", () => {
    const text = "kind: List\nitems:\n- kind: Dataflow\n- kind: DataflowProfile\n- x\n";
    expect(issuesOf(text)).toMatchObject([
      { line: 3, path: "items[0].kind", message: expect.stringContaining("not supported yet") },
      { line: 4, path: "items[1].kind", message: "DataflowProfile is not supported yet" },
      { line: 5, path: "items[2]", message: "Wanted a document with a kind, met a text (not shown)" },
    ]);
  });
});
