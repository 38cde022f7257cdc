import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { loadConfig } from "../../pipeline/config/load.ts";
import { blocksOf, isConfiguration } from "../docs/page.ts";
import { stopMsMax } from "./files.ts";

const unit = readFileSync("deploy/systemd/mqtt-otlp-gateway.service", "utf8");
/** Every value of a setting. */
const valuesOf = (name: string) =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value]) => value);

describe("deploy/systemd", () => {
  it("starts the program that the package installs", () => {
    const [command = ""] = valuesOf("ExecStart");
    expect(command.split(" ").slice(0, 3)).toEqual([
      "/usr/bin/env",
      Object.keys(packageJson.bin)[0],
      "serve",
    ]);
    expect(valuesOf("Environment")).toContain(`NODE_OPTIONS=${packageJson.scripts.start.split(" ")[1]}`);
  });

  it("keeps its store in the folder that the service owns", () => {
    const [folder] = valuesOf("StateDirectory");
    expect(valuesOf("Environment")).toContain(`GATEWAY_STORE_PATH=%S/${folder}/gateway.db`);
    expect(valuesOf("DynamicUser")).toEqual(["yes"]);
  });

  it("waits for a gateway that stops", () => {
    const config = loadConfig({ files: [], environment: {}, resolvePath: (_, path) => path });
    expect(Number(valuesOf("TimeoutStopSec")[0]) * 1000).toBeGreaterThan(stopMsMax(config));
  });

  it("is not started again for a configuration that cannot be used", () => {
    expect(valuesOf("Restart")).toEqual(["on-failure"]);
    expect(valuesOf("RestartPreventExitStatus")).toEqual(["2"]);
  });

  it("hands over the secrets that its page names", () => {
    const page = readFileSync("docs/hosts/node.md", "utf8");
    const configuration = blocksOf(page).filter(isConfiguration).at(-1)?.text ?? "";
    const named = [...configuration.matchAll(/\/run\/credentials\/([\w.-]+)\/(\w+)/g)];
    expect(new Set(named.map(([, service]) => service))).toEqual(new Set(["mqtt-otlp-gateway.service"]));
    expect(named.map(([, , name]) => name)).toEqual(
      valuesOf("LoadCredential").map((value) => value?.split(":")[0]),
    );
  });
});
