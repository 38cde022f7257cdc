import { describe, expect, it } from "vitest";
import { loadConfig } from "../../pipeline/config/load.ts";
import { ConfigError } from "../../pipeline/errors.ts";
import { endpoint, gateway, issuesOf, linesOf, load } from "./support.ts";

describe("loadConfig()", () => {
  it("delivers to the local Collector with a latency of 5 s when there is no document", () => {
    expect(load("").destinations).toMatchObject([
      {
        name: "default",
        url: "http://localhost:4317",
        batching: { latencyMs: 5000, maxMessages: 100_000 },
        windowMs: 5000,
        signals: ["metrics", "logs"],
      },
    ]);
  });

  it("reads JSON, and a list of documents", () => {
    const documents = [
      { apiVersion: "mqtt-otlp-gateway/v1", kind: "Gateway", metadata: { name: "g" } },
      {
        apiVersion: "connectivity.iotoperations.azure.com/v1",
        kind: "DataflowEndpoint",
        metadata: { name: "e" },
        spec: { endpointType: "OpenTelemetry", openTelemetrySettings: { host: "http://a:1" } },
      },
    ];
    expect(load(JSON.stringify(documents, null, "\t"))).toMatchObject({
      name: "g",
      destinations: [{ name: "e" }],
    });
  });

  it("names the line in JSON, and the element of a list", () => {
    const text =
      '[\n  {\n    "apiVersion": "mqtt-otlp-gateway/v1",\n    "kind": "Gateway",\n    "spec": { "lisen": 1 }\n  }\n]';
    expect(linesOf(text)).toEqual(["gateway.yaml:5: [0].spec.lisen: Unknown field; did you mean listen?"]);
  });

  it("reads documents from several files, each with paths of its own", () => {
    const config = loadConfig({
      files: [
        { name: "a/gateway.yaml", text: gateway("administration: { token: { file: token } }") },
        { name: "b/endpoint.yaml", text: `---\n${endpoint("host: http://a")}---\n# nothing\n---\n` },
      ],
      environment: {},
      resolvePath: (file, path) => `${file}|${path}`,
    });

    expect(config.administration).toEqual({ token: { file: "a/gateway.yaml|token" } });
    expect(config.destinations).toHaveLength(1);
  });

  it("follows anchors, and names the line where a value is written", () => {
    const text = gateway("listen: &listen { host: localhost, port: 99999 }\nlimits: {}");
    expect(
      load(
        gateway(
          "sources: [&one { name: a }, { name: b, topicFilters: &f [x] }, { name: c, topicFilters: *f }]",
        ),
      ).sources[2]?.topicFilters,
    ).toEqual(["x"]);
    expect(linesOf(text)).toEqual(["gateway.yaml:4: spec.listen.port: Wanted at most 65535, met 99999"]);
  });

  it("shows the faults of all files and of the environment at once, in reading order", () => {
    const text = `kind: Gatewy
---
kind: Dataflow
---
kind: DataflowProfile
---
${gateway("listen: { port: x }\nsources: [{ name: a, adapter: emqq }, { name: a }]\ndestinations: [{ endpointRef: nowhere }]")}---
${endpoint("host: ftp://a\nbatching: { latencySeconds: -1 }")}`;

    const issues = () =>
      loadConfig({
        files: [
          { name: "z.yaml", text },
          { name: "a.yaml", text: "a: [" },
        ],
        environment: { PORT: "x" },
        resolvePath: (_, path) => path,
      });

    expect(issues).toThrow(ConfigError);
    expect(issues).toThrow(
      [
        'PORT: Wanted a whole number from 0 to 65535, met "x"',
        'z.yaml:1: kind: Wanted one of Gateway, DataflowEndpoint, DataflowGraph, Mapping, met "Gatewy"; did you mean Gateway?',
        "z.yaml:3: kind: Dataflow is not supported yet, and in Azure IoT Operations none leads to OpenTelemetry; what a gateway sends where is said in its destinations (sources, topicFilters, signals)",
        "z.yaml:5: kind: DataflowProfile is not supported yet",
        'z.yaml:10: spec.listen.port: Wanted a number, met "x"',
        'z.yaml:11: spec.sources[0].adapter: Wanted one of mqtt, raw, emqx, emqx4, vernemq, rmqtt, cloudevents, aws-iot, json, met "emqq"; did you mean emqx?',
        'z.yaml:11: spec.sources[1].name: Wanted a name of its own, met "a" again',
        'z.yaml:12: spec.destinations[0].endpointRef: Wanted the name of an OpenTelemetry endpoint, met "nowhere", and there is collector',
        "z.yaml:20: spec.openTelemetrySettings.host: Wanted scheme http or https, met ftp",
        "z.yaml:21: spec.openTelemetrySettings.batching.latencySeconds: Wanted at least 0, met -1",
        "a.yaml:1: Cannot read document",
      ].join("\n"),
    );
  });

  it.each(["Dataflow", "DataflowProfile", "BrokerListener"])(
    "says that kind %s is not supported yet",
    (kind) => {
      expect(linesOf(`apiVersion: x\nkind: ${kind}\nspec: {}`)).toEqual([
        expect.stringMatching(`^gateway.yaml:2: kind: ${kind} is not supported yet`),
      ]);
    },
  );

  it.each([
    ["just text", "gateway.yaml:1: Wanted a document with a kind, met a text (not shown)"],
    [
      "metadata: {}",
      "gateway.yaml:1: kind: Missing, wanted one of Gateway, DataflowEndpoint, DataflowGraph, Mapping",
    ],
    ["kind: Gateway\napiVersion: v1", 'gateway.yaml:2: apiVersion: Wanted mqtt-otlp-gateway/v1, met "v1"'],
    ["kind: Gateway", "gateway.yaml:1: apiVersion: Missing, wanted mqtt-otlp-gateway/v1"],
    ["kind: Gateway\nkind: Gateway", "gateway.yaml:2: Cannot read document: Map keys must be unique"],
    ['a: "b', "gateway.yaml:1: Cannot read document: Missing closing quotation mark"],
    ["a: 'b", "gateway.yaml:1: Cannot read document: Missing closing quotation mark"],
    ["a: !tag x", "gateway.yaml:1: Cannot read document: Unresolved tag"],
    [
      "a: *b",
      "gateway.yaml:1: Cannot read document: Unresolved alias (the anchor must be set before the alias)",
    ],
  ])("rejects %j", (text, line) => {
    expect(linesOf(text)).toEqual([line]);
  });

  it("ignores what Kubernetes and Azure Resource Manager add to a Gateway", () => {
    const text = `${gateway("healthState: Unknown\nprovisioningState: Succeeded")}status: { a: 1 }\nextendedLocation: {}\nmetadata: { name: g, annotations: { a: b } }\n`;
    expect(load(text).name).toBe("g");
  });

  it.each([
    gateway("administration: { token: hunter2 }"),
    gateway("administration: hunter2"),
    gateway("sources: [{ name: a, authentication: hunter2 }]"),
    gateway("sources: [{ name: a, authentication: { method: Bearer, token: hunter2 } }]"),
    gateway("sources: [{ name: a, authentication: { method: Bearer, token: { value: hunter2 } } }]"),
    gateway("sources: [{ name: a, authentication: { method: Bearer, token: { env: [hunter2] } } }]"),
    gateway("destinations: [{ endpointRef: a, headers: hunter2 }]"),
    gateway("destinations: [{ endpointRef: a, headers: { authorization: [hunter2] } }]"),
    gateway("destinations: [{ endpointRef: a, certificates: hunter2 }]"),
    gateway(
      'destinations: [{ endpointRef: a, certificates: { clientKeyFile: "-----BEGIN PRIVATE KEY-----\\nhunter2" } }]',
    ),
    gateway("serviceAccountTokenFile: eyJhbGciOiJSUzI1NiJ9.hunter2.c2ln"),
    endpoint("authentication: { method: hunter2 x }").replace("method: hunter2", "methud: hunter2"),
    endpoint("authentication: { serviceAccountTokenSettings: hunter2 }"),
    endpoint("authentication: { x509CertificateSettings: { secretRef: hunter2/x } }"),
    gateway("listen: { port: https://user:hunter2@example }"),
    gateway("administration: { token: *hunter2 }"),
    gateway("administration: { token: !hunter2 x }"),
    gateway('administration: { token: "x" } hunter2'),
    gateway('administration: { token: "hunter2 }'),
    endpoint("host: https://user:hunter2@example"),
    endpoint("host: https://user:hun/hunter2@example"),
    endpoint("host: https://example?key=hunter2"),
    endpoint("authentication: { password: hunter2 }"),
    "hunter2",
    "[hunter2]",
  ])("never shows a credential: %s", (text) => {
    const lines = linesOf(text).join("\n");
    expect(lines).not.toBe("");
    expect(lines).not.toContain("hunter2");
  });

  it("cuts a long value", () => {
    const [issue] = issuesOf(gateway(`log: { level: ${"x".repeat(1000)} }`));
    expect(issue?.message.length).toBeLessThan(200);
  });
});
