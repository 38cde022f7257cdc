import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** The packed package as a user installs it: `npm pack`, then `npm install` of the tarball in an empty folder. */
const folder = mkdtempSync(join(tmpdir(), "gateway-package-"));
const run = (command: string, args: string[], cwd = folder) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

beforeAll(() => {
  run("npm", ["pack", "--pack-destination", folder], ".");
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
  run("npm", ["init", "-y"]);
  run("npm", ["install", "--no-audit", "--no-fund", join(folder, tarball)]);
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the packed package", () => {
  const bin = join(folder, "node_modules/.bin/mqtt-otlp-gateway");

  it("has a bin that says its version and its commands", () => {
    expect(run(bin, ["--version"])).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(run(bin, ["--help"])).toContain("check-config [--probe] PATH");
  });

  it("has an entry for each function host", () => {
    const script = `
      const [lambda, azure, fetch] = await Promise.all(
        ["lambda", "azure", "fetch"].map((host) => import("mqtt-otlp-gateway/" + host)),
      );
      console.log(typeof lambda.handler, typeof azure.createAzureFunctions, typeof fetch.createFetchHandler);`;
    expect(run("node", ["--input-type=module", "--eval", script])).toBe("function function function\n");
  });

  it("runs the demo to its end", () => {
    expect(run(bin, ["demo"])).toContain("accounted for");
  }, 60_000);
});
