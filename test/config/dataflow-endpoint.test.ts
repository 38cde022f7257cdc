import { describe, expect, it } from "vitest";
import { endpoint, gateway, issuesOf, linesOf, load } from "./support.ts";

const hostPath = "spec.openTelemetrySettings.host";

function urlOf(settings: string) {
  return load(endpoint(settings)).destinations[0]?.url;
}

describe("DataflowEndpoint document", () => {
  it("has the batching defaults of Azure IoT Operations", () => {
    expect(load(endpoint("host: a")).destinations[0]?.batching).toEqual({
      latencyMs: 60_000,
      maxMessages: 100_000,
    });
  });

  it.each([
    ["latencySeconds: 0, maxMessages: 0", { latencyMs: 0, maxMessages: 0 }],
    ["latencySeconds: 65535, maxMessages: 4294967295", { latencyMs: 65_535_000, maxMessages: 4_294_967_295 }],
  ])("takes the bounds %s", (batching, expected) => {
    expect(load(endpoint(`host: a\nbatching: { ${batching} }`)).destinations[0]?.batching).toEqual(expected);
  });

  it("accepts both API versions, and ignores what Kubernetes adds", () => {
    const text = endpoint("host: http://a")
      .replace("/v1\n", "/v1beta1\n")
      .replace("{ name: collector }", "{ name: collector, namespace: n, uid: u, resourceVersion: '1' }");
    const added = `${text}  provisioningState: Succeeded
  healthState: Unknown
  hostType: LocalBroker
status: { healthState: Available }
extendedLocation: { name: x, type: CustomLocation }
`;
    expect(load(added).destinations[0]?.url).toBe("http://a:4317");
  });

  it("accepts the form of Azure Resource Manager", () => {
    const resource = {
      id: "/subscriptions/…",
      type: "Microsoft.IoTOperations/instances/dataflowEndpoints",
      apiVersion: "2025-10-01",
      name: "instance/otel",
      extendedLocation: { name: "x", type: "CustomLocation" },
      properties: {
        provisioningState: "Succeeded",
        endpointType: "OpenTelemetry",
        openTelemetrySettings: {
          host: "http://a:1",
          authentication: { method: "Anonymous", anonymousSettings: {} },
        },
      },
    };
    expect(load(JSON.stringify(resource)).destinations[0]).toMatchObject({ name: "otel", url: "http://a:1" });
  });

  it("names the fields of the Azure Resource Manager form in its errors", () => {
    const text = JSON.stringify({
      name: "a b",
      properties: { endpointType: "OpenTelemetry", openTelemetrySettings: { hots: 1 } },
    });
    expect(issuesOf(text).map(({ path }) => path)).toEqual(["name", "properties.openTelemetrySettings.hots"]);
  });

  it.each([
    ["host: http://localhost:4317", "http://localhost:4317"],
    ["host: HTTPS://Collector.Example:1", "https://collector.example:1"],
    ["host: http://a", "http://a:4317"],
    ["host: http://a:80", "http://a:80"],
    ["host: https://a:443/", "https://a:443"],
    ["host: a:4317", "https://a:4317"],
    ["host: a\ntls: { mode: Enabled }", "https://a:4317"],
    ["host: a\ntls: { mode: Disabled }", "http://a:4317"],
    ["host: http://a\ntls: {}", "http://a:4317"],
    ["host: http://a\ntls: { mode: Disabled }", "http://a:4317"],
    ["host: https://a\ntls: { mode: Enabled }", "https://a:4317"],
    ['host: "http://[::1]:4317"', "http://[::1]:4317"],
    ['host: "[::1]"', "https://[::1]:4317"],
    ["host: 10.0.0.1:1", "https://10.0.0.1:1"],
  ])("resolves %s", (settings, url) => {
    expect(urlOf(settings)).toBe(url);
  });

  it.each([
    [
      "http://a\ntls: { mode: Enabled }",
      "Wanted a scheme and a tls.mode that agree, met http:// with tls.mode Enabled; write https://a here or mode: Disabled in line 8, or set allowPlaintext: true on this destination in the Gateway document, and the scheme decides",
    ],
    [
      "https://a\ntls: { mode: Disabled }",
      "Wanted a scheme and a tls.mode that agree, met https:// with tls.mode Disabled; write http://a here or mode: Enabled in line 8, or set allowPlaintext: true on this destination in the Gateway document, and the scheme decides",
    ],
    ["grpc://a", "Wanted scheme http or https, met grpc"],
    ["http://user:hunter2@a", "Wanted a host without user name and password, met one with them"],
    ["user:hunter2@a:4317", "Wanted a host without user name and password, met one with them"],
    ["http://a?token=hunter2", "Wanted a host without query and fragment, met one with them"],
    ['"http://a#x"', "Wanted a host without query and fragment, met one with them"],
    ["http://a/v1/metrics", 'Wanted a host without the path of a signal, which is added, met "/v1/metrics"'],
    ["<COLLECTOR_HOST>:4317", "Wanted the receiver's address, met the placeholder <COLLECTOR_HOST>"],
    ["http://$\u{7b}HOST}:4317", "Wanted the receiver's address, met the placeholder $\u{7b}HOST}"],
    ['"{{ host }}:4317"', "Wanted the receiver's address, met the placeholder {{ host }}"],
    ["<COLLECTOR_HOST>?", "Wanted the receiver's address, met the placeholder <COLLECTOR_HOST>"],
    ["http://a:0", 'Wanted a host such as collector:4317 or https://collector:4317, met "http://a:0"'],
    [
      "http://a:65536",
      'Wanted a host such as collector:4317 or https://collector:4317, met "http://a:65536"',
    ],
    ["http://a:b", 'Wanted a host such as collector:4317 or https://collector:4317, met "http://a:b"'],
    ["http://", 'Wanted a host such as collector:4317 or https://collector:4317, met "http://"'],
    ["a b", 'Wanted a host such as collector:4317 or https://collector:4317, met "a b"'],
    ["::1", 'Wanted a host such as collector:4317 or https://collector:4317, met "::1"'],
    ['""', "Wanted a text that is not empty, met an empty one"],
    ["[a]", "Wanted a text, met a list"],
  ])("rejects host %s", (host, message) => {
    expect(issuesOf(endpoint(`host: ${host}`))).toEqual([
      { file: "gateway.yaml", line: 7, path: hostPath, message },
    ]);
  });

  it.each([
    "dataExplorerSettings",
    "dataLakeStorageSettings",
    "fabricOneLakeSettings",
    "kafkaSettings",
    "localStorageSettings",
    "mqttSettings",
  ])("rejects %s beside those of OpenTelemetry", (block) => {
    expect(linesOf(`${endpoint("host: a")}  ${block}: {}\n`)).toEqual([
      `gateway.yaml:8: spec.${block}: Wanted openTelemetrySettings alone for endpoint type OpenTelemetry, met ${block}`,
    ]);
  });

  it("rejects a name that was never filled in", () => {
    expect(linesOf(endpoint("host: a", '"<ENDPOINT_NAME>"'))).toEqual([
      "gateway.yaml:3: metadata.name: Wanted a name, met the placeholder <ENDPOINT_NAME>",
    ]);
  });

  it("takes port 4318 when the destination says grpc", () => {
    const text = `${endpoint("host: http://a:4318")}---\n${gateway("destinations: [{ endpointRef: collector, protocol: grpc }]")}`;
    expect(load(text).destinations[0]?.url).toBe("http://a:4318");
  });

  it("asks the environment for a host that is not written, else takes the local one and warns", () => {
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: "https://c:1" };
    const text = endpoint("{}");
    expect(load(text, environment)).toMatchObject({ destinations: [{ url: "https://c:1" }], warnings: [] });
    expect(load(text)).toMatchObject({
      destinations: [{ url: "http://localhost:4317" }],
      warnings: [
        "Endpoint collector has no host and OTEL_EXPORTER_OTLP_ENDPOINT is not set; http://localhost:4317 is taken",
      ],
    });
  });

  it.each([
    ["batching: { latencySeconds: -1 }", "batching.latencySeconds", "Wanted at least 0, met -1"],
    ["batching: { latencySeconds: 65536 }", "batching.latencySeconds", "Wanted at most 65535, met 65536"],
    ["batching: { latencySeconds: 0.5 }", "batching.latencySeconds", "Wanted a whole number, met 0.5"],
    ["batching: { maxMessages: -1 }", "batching.maxMessages", "Wanted at least 0, met -1"],
    [
      "batching: { maxMessages: 4294967296 }",
      "batching.maxMessages",
      "Wanted at most 4294967295, met 4294967296",
    ],
    ["batching: { maxMesages: 1 }", "batching.maxMesages", "Unknown field; did you mean maxMessages?"],
    [
      "tls: { mode: enabled }",
      "tls.mode",
      'Wanted one of Enabled, Disabled, met "enabled"; did you mean Enabled?',
    ],
    [
      "tls: { trustedCaCertificateConfigMapRef: ../ca }",
      "tls.trustedCaCertificateConfigMapRef",
      "Wanted the name of a Kubernetes object, of lower-case letters, digits, '-' and '.', met \"../ca\"",
    ],
    [
      "tls: { trustedCaCertificateConfigMapRef: <CA> }",
      "tls.trustedCaCertificateConfigMapRef",
      "Wanted the name of a ConfigMap, met the placeholder <CA>",
    ],
    [
      "authentication: { method: anonymous }",
      "authentication.method",
      'Wanted one of Anonymous, ServiceAccountToken, X509Certificate, met "anonymous"; did you mean Anonymous?',
    ],
    [
      "authentication: { anonymousSettings: { a: 1 } }",
      "authentication.anonymousSettings.a",
      "Unknown field, wanted none",
    ],
    ["protocol: grpc", "protocol", "Unknown field, wanted one of host, batching, authentication, tls"],
  ])("rejects %s", (settings, path, message) => {
    expect(issuesOf(endpoint(`host: a\n${settings}`))).toEqual([
      { file: "gateway.yaml", line: 8, path: `spec.openTelemetrySettings.${path}`, message },
    ]);
  });

  it.each(["DataExplorer", "DataLakeStorage", "FabricOneLake", "Kafka", "LocalStorage"])(
    "says that endpoint type %s is not supported yet, and nothing else",
    (type) => {
      const text = endpoint("host: a").replace("OpenTelemetry\n", `${type}\n  mqttSettings: {}\n`);
      expect(linesOf(text)).toEqual([
        `gateway.yaml:5: spec.endpointType: Endpoint type ${type} is not supported yet; wanted OpenTelemetry or Mqtt, leave this document out`,
      ]);
    },
  );

  it("rejects a name that another endpoint has", () => {
    expect(linesOf(`${endpoint("host: a")}---\n${endpoint("host: b")}`)).toEqual([
      'gateway.yaml:11: metadata.name: Wanted a name of its own, met "collector" again',
    ]);
  });

  it("rejects an endpoint without a name", () => {
    expect(linesOf(endpoint("host: a").replace("name: collector", ""))).toEqual([
      "gateway.yaml:3: metadata.name: Missing, wanted a text",
    ]);
  });
});
