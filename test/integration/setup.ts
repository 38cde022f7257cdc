/**
 * Brings the real servers that the integration tests use: an OpenTelemetry Collector, built with its own builder
 * and cached outside the repository under a name that changes with its recipe.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const builder = "go.opentelemetry.io/collector/cmd/builder@v0.155.0";
const recipe = readFileSync(new URL("./collector.yaml", import.meta.url), "utf8");

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "mqtt-otlp-gateway");
const digest = createHash("sha256").update(builder).update(recipe).digest("hex").slice(0, 12);

/** Where the Collector is, once `buildCollector` has run. */
export const collectorPath = join(cache, `otelcol-${digest}`);

/** Build the Collector unless it is cached. Takes one to two minutes. */
export function buildCollector(): void {
  if (existsSync(collectorPath)) return;
  try {
    execFileSync("go", ["version"], { stdio: "ignore" });
  } catch (error) {
    throw new Error(
      "Cannot build the OpenTelemetry Collector: Go is missing; install Go 1.25 or newer (https://go.dev/dl)",
      {
        cause: error,
      },
    );
  }
  const folder = join(cache, `build-${digest}-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "collector.yaml"), recipe);
  const run = (command: string, args: string[]) =>
    execFileSync(command, args, {
      cwd: folder,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, GOBIN: folder },
    });
  console.log("Building the OpenTelemetry Collector, one to two minutes");
  run("go", ["install", builder]);
  run(join(folder, "builder"), ["--config", "collector.yaml"]);
  renameSync(join(folder, "collector", "otelcol"), collectorPath);
  rmSync(folder, { recursive: true, force: true });
}

if (import.meta.main) buildCollector();
