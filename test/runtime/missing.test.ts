import { expect, it } from "vitest";
import { describeMissing } from "../../handlers/runtime/missing.ts";
import { createSecrets } from "../../handlers/runtime/secrets.ts";
import { systemClock } from "../../pipeline/clock.ts";
import { loadConfig } from "../../pipeline/config/load.ts";

function missingOf(text: string): string[] {
  const config = loadConfig({
    files: [{ name: "g.yaml", text }],
    environment: {},
    resolvePath: (_, path) => path,
  });
  return describeMissing(config, createSecrets({ clock: systemClock, environment: {} }));
}

it("describeMissing() names each secret that cannot be read, once and without its value", () => {
  const text = `apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
metadata: { name: g }
spec:
  administration: { token: { env: ADMIN_TOKEN } }
  sources:
    - { name: one, adapter: raw, authentication: { method: Bearer, token: { file: /nowhere/token } } }
    - { name: two, adapter: raw, authentication: { method: Bearer, token: { file: /nowhere/token } } }
    - { name: three, adapter: raw, authentication: { method: Bearer, token: { env: THREE } } }
`;
  const environment = { THREE: "s3cr3t" };
  const config = loadConfig({
    files: [{ name: "g.yaml", text }],
    environment,
    resolvePath: (_, path) => path,
  });
  expect(describeMissing(config, createSecrets({ clock: systemClock, environment }))).toEqual([
    "Secret is not set: environment variable ADMIN_TOKEN",
    "Secret cannot be found: file /nowhere/token",
  ]);
});

it("describeMissing() knows the secrets of every method, and those of bridges", () => {
  const text = `apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: broker }
spec: { endpointType: Mqtt, mqttSettings: { host: b } }
---
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: aio }
spec:
  endpointType: Mqtt
  mqttSettings:
    authentication: { method: ServiceAccountToken, serviceAccountTokenSettings: { audience: a } }
---
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
spec:
  listen: { tls: { certificateFile: /nowhere/c, keyFile: /nowhere/k, clientCaFile: /nowhere/ca } }
  sources:
    - { name: a, authentication: { method: Basic, username: u, password: { env: BASIC } } }
    - { name: b, authentication: { method: HmacSha256, key: { env: HMAC } } }
    - { name: c, authentication: { method: UrlSecret, secret: { env: URL_SECRET } } }
    - { name: d, authentication: { method: ClientCertificate } }
    - { name: e, authentication: { method: None } }
  bridges:
    - name: one
      endpointRef: broker
      topicFilters: [a]
      username: u
      password: { env: PASSWORD }
      certificates: { trustedCaFile: /nowhere/broker-ca }
    - { name: two, endpointRef: aio, topicFilters: [a], serviceAccountTokenFile: /nowhere/token }
    - name: three
      endpointRef: broker
      topicFilters: [a]
      certificates: { clientCertificateFile: /nowhere/client, clientKeyFile: /nowhere/key }
`;
  expect(missingOf(text)).toEqual([
    "Secret is not set: environment variable BASIC",
    "Secret is not set: environment variable HMAC",
    "Secret is not set: environment variable URL_SECRET",
    "Secret is not set: environment variable PASSWORD",
    "Secret cannot be found: file /nowhere/token",
    "Certificates cannot be found: /nowhere/c",
    "Certificates cannot be found: /nowhere/k",
    "Certificates cannot be found: /nowhere/ca",
    "Certificates cannot be found: /nowhere/broker-ca",
    "Certificates cannot be found: /nowhere/client",
    "Certificates cannot be found: /nowhere/key",
  ]);
});
