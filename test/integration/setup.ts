/**
 * Brings the real servers that the integration tests use: Mosquitto from the distribution's packages, and an
 * OpenTelemetry Collector, built with its own builder and cached outside the repository under a name that changes
 * with its recipe.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

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

/** Of Mosquitto's programs, the full path; undefined: not installed. Servers are often outside of a user's PATH. */
export function findMosquitto(program: "mosquitto" | "mosquitto_passwd"): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** Install Mosquitto with apt-get unless it is there. Takes a few seconds. */
export function installMosquitto(): void {
  if (findMosquitto("mosquitto")) return;
  const install = ["install", "--yes", "--no-install-recommends", "mosquitto"];
  console.log("Installing Mosquitto");
  try {
    aptGet(install);
  } catch {
    // The list of packages may be missing, or older than what the servers still have.
    aptGet(["update"]);
    aptGet(install);
  }
  // Tests start brokers of their own; the package's would stay, and come back with the machine.
  asRoot(["sh", "-c", "service mosquitto stop && update-rc.d mosquitto disable"]);
}

function aptGet(parameters: readonly string[]): void {
  const options = ["-qq", "-o", "DPkg::Lock::Timeout=60"];
  asRoot(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...options, ...parameters]);
}

/** Run a command, without ever asking for a password. */
function asRoot(command: readonly string[]): void {
  const [program = "", ...parameters] = process.getuid?.() === 0 ? command : ["sudo", "-n", ...command];
  const { status, stderr, error } = spawnSync(program, parameters, { encoding: "utf8" });
  if (status === 0) return;
  const cause = error?.message ?? stderr.trim();
  throw new Error(
    `Cannot install Mosquitto: ${command.join(" ")}: ${cause}; install Mosquitto 2 by hand (https://mosquitto.org/download)`,
  );
}

if (import.meta.main) {
  installMosquitto();
  buildCollector();
}
