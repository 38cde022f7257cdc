import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import buildConfig from "../../tsconfig.build.json" with { type: "json" };
import { createTestApp } from "../support/app.ts";
import { baseImages, healthCheck, imageEnvironment, loadDeployed } from "./files.ts";

const dockerfile = readFileSync("deploy/Dockerfile", "utf8");
const kept = readFileSync("deploy/Dockerfile.dockerignore", "utf8")
  .split("\n")
  .filter((line) => line.startsWith("!"))
  .map((line) => line.slice(1));

/** The words of an instruction in exec form. */
function wordsOf(instruction: string): string[] {
  const [, list = "[]"] = new RegExp(`^${instruction} (\\[.*\\])$`, "m").exec(dockerfile) ?? [];
  return JSON.parse(list);
}

describe("deploy/Dockerfile", () => {
  it("has the Node that the tests ran with", () => {
    expect(baseImages()).toEqual([`node:${packageJson.devDependencies.node}-slim`]);
  });

  it("is given all that the build reads, and the package has", () => {
    const folders = new Set(buildConfig.include.map((pattern) => pattern.split("/")[0]));
    expect(kept).toEqual(
      expect.arrayContaining([
        ...folders,
        "package.json",
        "package-lock.json",
        "tsconfig.json",
        "tsconfig.build.json",
      ]),
    );
    for (const path of kept) expect(existsSync(path)).toBe(true);
  });

  it("builds what npm packs", () => {
    expect(packageJson.scripts.prepack).toContain("tsc -p tsconfig.build.json");
    expect(dockerfile).toContain('"node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"');
    expect(existsSync("node_modules/typescript/bin/tsc")).toBe(true);
  });

  it("starts the program as npm start does", () => {
    const [program, flag, ...source] = packageJson.scripts.start.split(" ");
    const [script = "", command] = source;
    expect([...wordsOf("ENTRYPOINT"), ...wordsOf("CMD").slice(-1)]).toEqual([
      program,
      flag,
      packageJson.bin["mqtt-otlp-gateway"],
      command,
    ]);
    expect(packageJson.bin["mqtt-otlp-gateway"]).toBe(`dist/${script.replace(/\.ts$/, ".js")}`);
  });

  it("runs as nobody special, and writes into its volume alone", () => {
    expect(dockerfile).toMatch(/^USER 1000:1000$/m);
    const [, volume] = /^VOLUME (\S+)$/m.exec(dockerfile) ?? [];
    expect(imageEnvironment().GATEWAY_STORE_PATH).toBe(`${volume}/gateway.db`);
  });

  it("asks for its health where it listens", async () => {
    const [, path = ""] = /PORT}(\/\w+)`/.exec(healthCheck().at(-1) ?? "") ?? [];
    expect((await createTestApp().app.request(path)).status).toBe(200);
    expect(dockerfile).toContain(`EXPOSE ${imageEnvironment().PORT}`);
  });

  it("listens beyond loopback, so that a configuration must say who may send", () => {
    expect(() => loadDeployed("")).toThrow("listens on 0.0.0.0");
  });
});
