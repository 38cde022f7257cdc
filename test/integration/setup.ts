/**
 * Brings the real servers that the integration tests use: Mosquitto from the distribution's packages, a plugin for it,
 * and an OpenTelemetry Collector. What is built is cached outside the repository, under a name that changes with its
 * recipe.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { toError } from "../../pipeline/errors.ts";
import { aptInstall, asRoot } from "../support/apt.ts";
import { cachedToolPath, installedTool } from "../support/tools.ts";

const builder = "go.opentelemetry.io/collector/cmd/builder@v0.155.0";
const recipe = readFileSync(new URL("./collector.yaml", import.meta.url), "utf8");

const plugin = fileURLToPath(new URL("./token-authentication.c", import.meta.url));

/** Where the Collector is, once `buildCollector` has run. */
export const collectorPath = cachedToolPath("otelcol", builder, recipe);

/** Where Mosquitto's plugin is, once `buildPlugin` has run. */
export const pluginPath = cachedToolPath("token-authentication", readFileSync(plugin, "utf8"));

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
  const folder = `${collectorPath}-build-${process.pid}`;
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

/** Install Mosquitto with apt-get unless it is there. Takes a few seconds. */
export function installMosquitto(): void {
  if (installedTool("mosquitto")) return;
  try {
    aptInstall("mosquitto");
    // Tests start brokers of their own; the package's would stay, and come back with the machine.
    asRoot(["sh", "-c", "service mosquitto stop && update-rc.d mosquitto disable"]);
  } catch (error) {
    const hint = "install Mosquitto 2 by hand (https://mosquitto.org/download)";
    throw new Error(`Cannot install Mosquitto: ${toError(error).message}; ${hint}`, { cause: error });
  }
}

/**
 * Compile Mosquitto's plugin unless it is cached. Where that is impossible its tests are left out.
 *
 * Errors: in CI, where they are not.
 */
export function buildPlugin(): void {
  if (existsSync(pluginPath)) return;
  mkdirSync(dirname(pluginPath), { recursive: true });
  const built = `${pluginPath}.${process.pid}`;
  const compile = () =>
    execFileSync("cc", ["-shared", "-fPIC", "-O2", "-o", built, plugin], {
      stdio: "pipe",
    });
  try {
    execFileSync("cc", ["--version"], { stdio: "ignore" });
    try {
      compile();
    } catch {
      // Its header is in a package of its own.
      aptInstall("mosquitto-dev");
      compile();
    }
  } catch (error) {
    if (process.env.CI) throw error;
    console.log(`Tests with Mosquitto's plugin are left out: ${toError(error).message}`);
    return;
  }
  renameSync(built, pluginPath);
}

if (import.meta.main) {
  installMosquitto();
  buildPlugin();
  buildCollector();
}
