import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { ConfigError, type ConfigIssue } from "../../pipeline/errors.ts";

export const fileName = "gateway.yaml";

export function load(text: string, environment: Record<string, string | undefined> = {}): GatewayConfig {
  return loadConfig({
    files: text === "" ? [] : [{ name: fileName, text }],
    environment,
    resolvePath: (file, path) => `${file ?? "cwd"}:${path}`,
  });
}

export function issuesOf(
  text: string,
  environment: Record<string, string | undefined> = {},
): readonly ConfigIssue[] {
  try {
    load(text, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
  return [];
}

/** A folder of its own for each test of the file; gives the path of a file in it, or its own. */
export function useFolder(): (...names: string[]) => string {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "config-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  return (...names) => join(folder, ...names);
}

/** The issues as an operator reads them. */
export function linesOf(text: string, environment: Record<string, string | undefined> = {}): string[] {
  const issues = issuesOf(text, environment);
  return issues.length === 0 ? [] : new ConfigError(issues).message.split("\n");
}

/** A Gateway document; each line of `spec` is one of the document, the first is line 4. */
export function gateway(spec: string): string {
  return `apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
spec:
${indented(spec, 2)}
`;
}

/** An endpoint document; each line of `settings` is one of the document, the first is line 7. */
export function endpoint(settings: string, name = "collector"): string {
  return `apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: ${name} }
spec:
  endpointType: OpenTelemetry
  openTelemetrySettings:
${indented(settings, 4)}
`;
}

/** An endpoint of type Mqtt; each line of `settings` is one of the document, the first is line 7. */
export function broker(settings: string, name = "broker"): string {
  return endpoint(settings, name)
    .replace("OpenTelemetry", "Mqtt")
    .replace("openTelemetrySettings", "mqttSettings");
}

function indented(text: string, spaces: number): string {
  return text
    .split("\n")
    .map((line) => " ".repeat(spaces) + line)
    .join("\n");
}
