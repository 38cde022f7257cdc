import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadGatewayConfig, readConfigFiles } from "../../handlers/runtime/config-files.ts";
import { ConfigError } from "../../pipeline/errors.ts";
import { gateway, useFolder } from "./support.ts";

const inFolder = useFolder();

describe("readConfigFiles()", () => {
  it("reads the YAML and JSON files right in a folder, by name", () => {
    for (const name of ["b.yaml", "a.yml", "c.json", "notes.md"]) writeFileSync(inFolder(name), name);
    mkdirSync(inFolder("inner.yaml"));
    writeFileSync(inFolder("inner.yaml", "d.yaml"), "d");

    expect(readConfigFiles(inFolder())).toEqual(
      ["a.yml", "b.yaml", "c.json"].map((name) => ({ name: inFolder(name), text: name })),
    );
  });

  it("follows links, as in a mounted ConfigMap", () => {
    mkdirSync(inFolder("..data"));
    writeFileSync(inFolder("..data", "a.yaml"), "x");
    symlinkSync(join("..data", "a.yaml"), inFolder("a.yaml"));

    expect(readConfigFiles(inFolder())).toEqual([{ name: inFolder("a.yaml"), text: "x" }]);
  });

  it("says that a file does not exist, or that a folder has none", () => {
    const missing = inFolder("missing.yaml");
    expect(() => readConfigFiles(missing)).toThrow(ConfigError);
    expect(() => readConfigFiles(missing)).toThrow(
      `${missing}: Cannot read configuration: there is no such file or folder`,
    );
    expect(() => readConfigFiles(inFolder())).toThrow(
      `${inFolder()}: Cannot read configuration: the folder has no .yaml, .yml or .json file`,
    );
  });
});

describe("loadGatewayConfig()", () => {
  it("starts relative paths at the file that holds them", () => {
    const file = inFolder("gateway.yaml");
    writeFileSync(file, gateway("store: { path: ../x.db }\nadministration: { token: { file: /etc/token } }"));

    expect(loadGatewayConfig(file, {})).toMatchObject({
      store: { path: inFolder("..", "x.db") },
      administration: { token: { file: "/etc/token" } },
    });
  });

  it("starts a path of the environment, and the default one, in the working directory", () => {
    const file = inFolder("gateway.yaml");
    writeFileSync(file, gateway("{}"));

    expect(loadGatewayConfig(file, {}).store.path).toBe(join(process.cwd(), "data", "gateway.db"));
    expect(loadGatewayConfig(file, { GATEWAY_STORE_PATH: "x.db" }).store.path).toBe(
      join(process.cwd(), "x.db"),
    );
  });
});
