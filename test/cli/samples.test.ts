import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { describeConfig } from "../../cli/describe-config.ts";
import { createSecrets } from "../../handlers/runtime/secrets.ts";
import { systemClock } from "../../pipeline/clock.ts";
import { load, useFolder } from "../config/support.ts";

const inFolder = useFolder();

/** What check-config says of the destinations, and its warnings. */
function meaningOf(text: string, environment: Record<string, string> = {}): string[] {
  const secrets = createSecrets({ clock: systemClock, environment });
  const lines = describeConfig(load(text, environment), secrets);
  return lines.slice(lines.indexOf("Destinations") + 1).map((line) => line.trim());
}

const kubernetes = `apiVersion: connectivity.iotoperations.azure.com/v1beta1
kind: DataflowEndpoint
metadata:
  name: otel
  namespace: azure-iot-operations
spec:
  endpointType: OpenTelemetry
  openTelemetrySettings:
`;

const bicep = JSON.stringify({
  $schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  contentVersion: "1.0.0.0",
  parameters: { host: { type: "string", defaultValue: "https://collector.example:4317" } },
  resources: [
    {
      type: "Microsoft.IoTOperations/instances/dataflowEndpoints",
      apiVersion: "2025-10-01",
      name: "[format('{0}/{1}', 'instance', 'otel')]",
      extendedLocation: { name: "[parameters('location')]", type: "CustomLocation" },
      properties: {
        endpointType: "OpenTelemetry",
        openTelemetrySettings: {
          host: "[parameters('host')]",
          batching: { latencySeconds: 5, maxMessages: 100 },
          authentication: {
            method: "ServiceAccountToken",
            serviceAccountTokenSettings: { audience: "otel-audience" },
          },
          tls: { mode: "Enabled", trustedCaCertificateConfigMapRef: "otel-ca" },
        },
      },
    },
  ],
});

describe("what check-config says of", () => {
  it.each([
    [
      "an endpoint of the walkthrough, without authentication and TLS",
      `${kubernetes}    host: http://collector.default.svc.cluster.local:4317
    batching: { latencySeconds: 5, maxMessages: 100 }
    authentication: { method: Anonymous, anonymousSettings: {} }
`,
      [
        "otel: http://collector.default.svc.cluster.local:4317",
        "protocol: grpc, TLS off, authentication Anonymous",
        "batching: latencySeconds 5, maxMessages 100",
        "signals: metrics, logs",
      ],
    ],
    [
      "an endpoint with a bare host and nothing else",
      `${kubernetes}    host: collector
`,
      [
        "otel: https://collector:4317",
        "protocol: grpc, TLS on, authentication Anonymous",
        "batching: latencySeconds 60, maxMessages 100000",
        "signals: metrics, logs",
      ],
    ],
    [
      "an endpoint with a client certificate and an authority of its own",
      `${kubernetes}    host: collector:4317
    authentication: { method: X509Certificate, x509CertificateSettings: { secretRef: otel-client } }
    tls: { mode: Enabled, trustedCaCertificateConfigMapRef: otel-ca }
`,
      [
        "otel: https://collector:4317",
        "protocol: grpc, TLS on, trusting folder cwd:/etc/gateway/config/otel-ca, authentication X509Certificate from folder cwd:/etc/gateway/secrets/otel-client",
        "Certificates cannot be found: cwd:/etc/gateway/secrets/otel-client",
        "Certificates cannot be found: cwd:/etc/gateway/config/otel-ca",
      ],
    ],
    [
      "a template of Azure Resource Manager with a service account token",
      bicep,
      [
        "otel: https://collector.example:4317",
        "protocol: grpc, TLS on, trusting folder cwd:/etc/gateway/config/otel-ca, authentication ServiceAccountToken for audience otel-audience from file cwd:/var/run/secrets/gateway/token",
        "batching: latencySeconds 5, maxMessages 100",
        "Secret cannot be found: file cwd:/var/run/secrets/gateway/token",
      ],
    ],
    [
      "an endpoint that speaks OTLP/HTTP by its port",
      `${kubernetes}    host: collector:4318
`,
      [
        "otel: https://collector:4318",
        "protocol: http/protobuf, TLS on, authentication Anonymous",
        "paths: metrics https://collector:4318/v1/metrics, logs https://collector:4318/v1/logs",
      ],
    ],
    [
      "a destination with everything",
      `${kubernetes}    host: http://collector
    tls: { mode: Enabled }
---
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
spec:
  destinations:
    - endpointRef: otel
      signals: [metrics]
      temporality: delta
      histogramAggregation: exponential
      startAt: oldest
      sources: [raw, mqtt]
      topicFilters: [a/#, b]
      deliverWithinSeconds: 86400
      allowPlaintext: true
`,
      [
        "otel: http://collector:4317",
        "protocol: grpc, TLS off, authentication Anonymous",
        "messages: sources raw, mqtt; topics a/#, b; a new destination starts with the oldest; given up after 86400 s",
        "sums and histograms: delta, window 60 s",
        "series: at most 100000, with gauges of rules",
        "histograms: exponential",
        "Destination otel: http:// contradicts tls.mode Enabled; with allowPlaintext the scheme decides, and data leaves without TLS",
      ],
    ],
  ])("%s", (_, text, lines) => {
    expect(meaningOf(text)).toEqual(expect.arrayContaining(lines));
  });

  it("certificates of the environment", () => {
    const lines = meaningOf("", {
      OTEL_EXPORTER_OTLP_ENDPOINT: "https://collector",
      OTEL_EXPORTER_OTLP_CERTIFICATE: "ca.pem",
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: "client.pem",
      OTEL_EXPORTER_OTLP_CLIENT_KEY: "key.pem",
    });
    expect(lines).toContain(
      "protocol: grpc, TLS on, trusting file cwd:ca.pem, authentication X509Certificate from file cwd:client.pem with key cwd:key.pem",
    );
  });

  it("series that are not stated again", () => {
    const text = (field: string) =>
      `${kubernetes}    host: a\n---\napiVersion: mqtt-otlp-gateway/v1\nkind: Gateway\nspec: { destinations: [{ endpointRef: otel, ${field} }] }\n`;
    expect(meaningOf(text("restateSeconds: 5"))).toContain(
      "stated again: every 5 s, for 3600 s after a change",
    );
    for (const field of ["restateSeconds: 0", "seriesIdleSeconds: 0", "temporality: delta"]) {
      expect(meaningOf(text(field)).join()).not.toContain("stated again");
    }
  });

  it("certificates and tokens that are there, without a warning", () => {
    for (const folder of ["s", "s/otel-client", "c", "c/otel-ca"]) mkdirSync(inFolder(folder));
    writeFileSync(inFolder("token"), "hunter2");
    const endpoints = [
      "method: X509Certificate, x509CertificateSettings: { secretRef: otel-client }",
      "method: ServiceAccountToken, serviceAccountTokenSettings: { audience: a }",
    ].map(
      (authentication, index) => `${kubernetes.replace("name: otel", `name: otel-${index}`)}    host: a
    authentication: { ${authentication} }
    tls: { trustedCaCertificateConfigMapRef: otel-ca }
`,
    );
    const config = load(
      `${endpoints.join("---\n")}---\napiVersion: mqtt-otlp-gateway/v1\nkind: Gateway\nspec: { secretsPath: s, configMapsPath: c, serviceAccountTokenFile: token }\n`,
    );
    const here = JSON.parse(JSON.stringify(config).replaceAll("gateway.yaml:", `${inFolder()}/`));
    const lines = describeConfig(here, createSecrets({ clock: systemClock, environment: {} }));

    expect(lines).not.toContain("Warnings");
    expect(lines.join()).not.toContain("hunter2");
  });
});
