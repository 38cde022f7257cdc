import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadGatewayConfig, readConfigFiles } from "../../handlers/runtime/config-files.ts";
import { ConfigError } from "../../pipeline/errors.ts";
import { gateway } from "./support.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "config-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

describe("readConfigFiles()", () => {
  it("reads the YAML and JSON files right in a folder, by name", () => {
    for (const name of ["b.yaml", "a.yml", "c.json", "notes.md"]) writeFileSync(join(folder, name), name);
    mkdirSync(join(folder, "inner.yaml"));
    writeFileSync(join(folder, "inner.yaml", "d.yaml"), "d");

    expect(readConfigFiles(folder)).toEqual(
      ["a.yml", "b.yaml", "c.json"].map((name) => ({ name: join(folder, name), text: name })),
    );
  });

  it("follows links, as in a mounted ConfigMap", () => {
    mkdirSync(join(folder, "..data"));
    writeFileSync(join(folder, "..data", "a.yaml"), "x");
    symlinkSync(join("..data", "a.yaml"), join(folder, "a.yaml"));

    expect(readConfigFiles(folder)).toEqual([{ name: join(folder, "a.yaml"), text: "x" }]);
  });

  it("says that a file does not exist, or that a folder has none", () => {
    const missing = join(folder, "missing.yaml");
    expect(() => readConfigFiles(missing)).toThrow(ConfigError);
    expect(() => readConfigFiles(missing)).toThrow(`${missing}: Cannot read configuration: ENOENT`);
    expect(() => readConfigFiles(folder)).toThrow(
      `${folder}: Cannot read configuration: the folder has no .yaml, .yml or .json file`,
    );
  });
});

describe("loadGatewayConfig()", () => {
  it("starts relative paths at the file that holds them", () => {
    const file = join(folder, "gateway.yaml");
    writeFileSync(file, gateway("store: { path: ../x.db }\nadministration: { token: { file: /etc/token } }"));

    expect(loadGatewayConfig(file, {})).toMatchObject({
      store: { path: join(folder, "..", "x.db") },
      administration: { token: { file: "/etc/token" } },
    });
  });

  it("starts a path of the environment, and the default one, in the working directory", () => {
    const file = join(folder, "gateway.yaml");
    writeFileSync(file, gateway("{}"));

    expect(loadGatewayConfig(file, {}).store.path).toBe(join(process.cwd(), "data", "gateway.db"));
    expect(loadGatewayConfig(file, { GATEWAY_STORE_PATH: "x.db" }).store.path).toBe(
      join(process.cwd(), "x.db"),
    );
  });
});
