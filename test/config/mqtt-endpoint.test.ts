import { describe, expect, it } from "vitest";
import { broker, endpoint, gateway, issuesOf, linesOf, load } from "./support.ts";

const bridge = gateway("bridges: [{ name: plant, endpointRef: broker, topicFilters: [a] }]");

describe("DataflowEndpoint document of type Mqtt", () => {
  it.each([
    ["host: ''", "host", "Wanted a text that is not empty, met an empty one"],
    ["host: 1", "host", "Wanted a text, met 1"],
    ["host: <BROKER>:1883", "host", "Wanted the broker's address, met the placeholder <BROKER>"],
    ["host: http://a", "host", "Wanted scheme mqtt, mqtts, ws or wss, met http"],
    ["protocol: mqtt", "protocol", 'Wanted one of Mqtt, WebSockets, met "mqtt"; did you mean Mqtt?'],
    ["clientIdPrefix: 1", "clientIdPrefix", "Wanted a text, met 1"],
    [
      'clientIdPrefix: "a\\n"',
      "clientIdPrefix",
      'Wanted at most 200 characters, none of them a control character, met "a\\n"',
    ],
    ["keepAliveSeconds: -1", "keepAliveSeconds", "Wanted at least 0, met -1"],
    ["keepAliveSeconds: 65536", "keepAliveSeconds", "Wanted at most 65535, met 65536"],
    ["keepAliveSeconds: 1.5", "keepAliveSeconds", "Wanted a whole number, met 1.5"],
    ["qos: 2", "qos", "Wanted one of 0, 1, met 2"],
    ["sessionExpirySeconds: -1", "sessionExpirySeconds", "Wanted at least 0, met -1"],
    ["sessionExpirySeconds: 4294967296", "sessionExpirySeconds", "Wanted at most 4294967295, met 4294967296"],
    ["maxInflightMessages: 0", "maxInflightMessages", "Wanted at least 1, met 0"],
    ["maxInflightMessages: 65536", "maxInflightMessages", "Wanted at most 65535, met 65536"],
    ["retain: keep", "retain", 'Wanted one of Keep, Never, met "keep"; did you mean Keep?'],
    ["cloudEventAttributes: x", "cloudEventAttributes", 'Wanted one of Propagate, CreateOrRemap, met "x"'],
    ["tls: { mode: on }", "tls.mode", 'Wanted one of Enabled, Disabled, met "on"'],
    [
      "tls: { trustedCaCertificateConfigMapRef: A }",
      "tls.trustedCaCertificateConfigMapRef",
      expect.stringMatching(/^Wanted the name of a Kubernetes object, /),
    ],
    [
      "authentication: { method: SystemAssignedManagedIdentity }",
      "authentication.method",
      "SystemAssignedManagedIdentity is not supported yet",
    ],
    [
      "authentication: { userAssignedManagedIdentitySettings: {} }",
      "authentication.userAssignedManagedIdentitySettings",
      "userAssignedManagedIdentitySettings is not supported yet",
    ],
    [
      "authentication: { method: ServiceAccountToken }",
      "authentication.serviceAccountTokenSettings",
      "Missing, wanted { audience: … } for method ServiceAccountToken",
    ],
    [
      "authentication: { serviceAccountTokenSettings: { audience: a } }",
      "authentication.method",
      "Missing, wanted ServiceAccountToken for serviceAccountTokenSettings",
    ],
    [
      "authentication: { method: X509Certificate }",
      "authentication.x509CertificateSettings",
      "Missing, wanted { secretRef: … } for method X509Certificate",
    ],
    [
      "batching: {}",
      "batching",
      expect.stringMatching(/^Unknown field, wanted one of host, protocol, authentication, /),
    ],
  ])("is rejected with %s, whether or not a bridge names it", (settings, path, message) => {
    const issue = { file: "gateway.yaml", line: 7, path: `spec.mqttSettings.${path}`, message };
    expect(issuesOf(broker(settings))).toEqual([issue]);
    expect(issuesOf(`${broker(settings)}---\n${bridge}`)).toEqual([issue]);
  });

  it("has the settings of its type alone", () => {
    const text = broker("host: a").replace("endpointType: Mqtt", "endpointType: OpenTelemetry");
    expect(linesOf(text)).toEqual([
      "gateway.yaml:6: spec.mqttSettings: Wanted openTelemetrySettings alone for endpoint type OpenTelemetry, met mqttSettings",
    ]);
    expect(
      linesOf(broker("host: a").replace("  mqttSettings", "  kafkaSettings: {}\n  mqttSettings")),
    ).toEqual([
      "gateway.yaml:6: spec.kafkaSettings: Wanted mqttSettings alone for endpoint type Mqtt, met kafkaSettings",
    ]);
  });

  it.each(["Mqt", "mqtt"])("is none when it is of type %s", (type) => {
    const text = broker("host: a").replace("endpointType: Mqtt", `endpointType: ${type}`);
    expect(linesOf(text)).toContain(
      `gateway.yaml:5: spec.endpointType: Wanted one of OpenTelemetry, Mqtt, met "${type}"; did you mean Mqtt?`,
    );
  });

  it("has a name that no other endpoint has", () => {
    expect(linesOf(`${endpoint("host: a", "x")}---\n${broker("host: a", "x")}`)).toEqual([
      'gateway.yaml:11: metadata.name: Wanted a name of its own, met "x" again',
    ]);
  });

  it("is a warning when no bridge names it, and nothing that data is sent to", () => {
    const config = load(broker("host: a"));
    expect(config.warnings).toEqual(["Endpoint broker is named by no bridge; nothing is read there"]);
    expect(config.destinations).toMatchObject([{ name: "default", url: "http://localhost:4317" }]);
    expect(config.bridges).toEqual([]);
  });

  it("is read in a List of kubectl, with what the cluster adds", () => {
    const text = `apiVersion: v1
kind: List
items:
  - apiVersion: connectivity.iotoperations.azure.com/v1beta1
    kind: DataflowEndpoint
    metadata: { name: broker, namespace: azure-iot-operations, uid: x, resourceVersion: "1" }
    spec:
      endpointType: Mqtt
      hostType: LocalBroker
      mqttSettings:
        host: aio-broker:18883
        authentication: { method: ServiceAccountToken, serviceAccountTokenSettings: { audience: aio-internal } }
        tls: { mode: Enabled, trustedCaCertificateConfigMapRef: aio-ca }
    status: { provisioningStatus: { status: Succeeded } }
`;
    expect(load(`${text}---\n${bridge}`).bridges).toMatchObject([
      {
        url: "mqtts://aio-broker:18883",
        authentication: { audience: "aio-internal" },
        trustedCaFolder: "gateway.yaml:/etc/gateway/config/aio-ca",
      },
    ]);
  });

  it("is read in the form of Azure Resource Manager", () => {
    const resource = {
      extendedLocation: { name: "x", type: "CustomLocation" },
      id: "/subscriptions/x",
      name: "broker",
      type: "microsoft.iotoperations/instances/dataflowendpoints",
      properties: {
        endpointType: "Mqtt",
        openTelemetrySettings: null,
        mqttSettings: {
          host: "broker.example:8883",
          authentication: { method: "X509Certificate", x509CertificateSettings: { secretRef: "client" } },
          clientIdPrefix: null,
          keepAliveSeconds: 30,
          qos: 1,
          protocol: "Mqtt",
        },
        provisioningState: "Succeeded",
      },
    };
    expect(load(`${JSON.stringify(resource)}\n---\n${bridge}`).bridges).toMatchObject([
      {
        url: "mqtts://broker.example:8883",
        authentication: { method: "X509Certificate", folder: "gateway.yaml:/etc/gateway/secrets/client" },
        keepAliveSeconds: 30,
        clientIdPrefix: "",
      },
    ]);
    resource.properties.mqttSettings.keepAliveSeconds = -1;
    expect(issuesOf(JSON.stringify(resource)).map(({ path }) => path)).toEqual([
      "properties.mqttSettings.keepAliveSeconds",
    ]);
  });
});
