import { expect, it } from "vitest";
import { describeMissing } from "../../handlers/runtime/missing.ts";
import { createSecrets } from "../../handlers/runtime/secrets.ts";
import { systemClock } from "../../pipeline/clock.ts";
import { loadConfig } from "../../pipeline/config/load.ts";

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
    "Secret cannot be read, or is empty: environment variable ADMIN_TOKEN",
    "Secret cannot be read, or is empty: file /nowhere/token",
  ]);
});
