/** What the files in deploy/ say. */
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import type { GatewayConfig } from "../../pipeline/config/config.ts";
import { loadConfig } from "../../pipeline/config/load.ts";

/** The plain values of every document in a YAML file. Errors: anything that is not quite YAML, also warnings. */
export function readYaml(path: string): unknown[] {
  const documents = parseAllDocuments(readFileSync(path, "utf8"), { strict: true, uniqueKeys: true });
  return documents.map((document) => {
    for (const fault of [...document.errors, ...document.warnings]) throw fault;
    return document.toJS();
  });
}

const readDockerfile = () => readFileSync("deploy/Dockerfile", "utf8");

/** The images that the stages begin with, one name if they are the same. */
export function baseImages(): string[] {
  const names = [...readDockerfile().matchAll(/^FROM (\S+:\S+)/gm)].map(([, name = ""]) => name);
  return [...new Set(names)];
}

/** The command that asks a container for its health. */
export function healthCheck(): string[] {
  const [, words = "[]"] = /^HEALTHCHECK .*\\\n +CMD (\[.*\])$/m.exec(readDockerfile()) ?? [];
  return JSON.parse(words);
}

/** The variables that the image sets. */
export function imageEnvironment(): Record<string, string> {
  const [, text = ""] = /^ENV ((?:.*\\\n)*.*)$/m.exec(readDockerfile()) ?? [];
  return Object.fromEntries(
    text
      .replaceAll("\\\n", " ")
      .split(/\s+/)
      .filter((pair) => pair !== "")
      .map((pair) => pair.split("=") as [string, string]),
  );
}

/** The configuration as the image means it. Errors: ConfigError. */
export function loadDeployed(text: string, environment: Record<string, string> = {}): GatewayConfig {
  return loadConfig({
    files: [{ name: "/config/gateway.yaml", text }],
    environment: { ...imageEnvironment(), ...environment },
    resolvePath: (_, path) => path,
  });
}

/** The longest that a gateway takes from SIGTERM to its end. */
export function stopMsMax({ drainMs, shutdownGraceMs }: GatewayConfig): number {
  // Requests in flight, then bridges, then what is due.
  return drainMs + 2.5 * shutdownGraceMs;
}
