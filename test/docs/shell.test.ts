import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readCurl } from "./curl.ts";
import { createPrograms } from "./programs.ts";
import { runCommands } from "./shell.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shell-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What the arguments of the last command are, one a line. */
async function argumentsOf(commands: string, variables: Record<string, string> = {}): Promise<string[]> {
  const programs = { ...createPrograms(folder), show: (args: string[]) => JSON.stringify(args) };
  const outputs = await runCommands(commands, {
    programs,
    variables: new Map(Object.entries(variables)),
    writeFile: (path, text) => writeFileSync(join(folder, path), text),
  });
  return JSON.parse(outputs.at(-1) ?? "");
}

describe("runCommands()", () => {
  it.each([
    ["show a  b", ["a", "b"]],
    ["show 'a b' \"c d\"e", ["a b", "c de"]],
    ["show a \\\n  b", ["a", "b"]],
    ["show 'a\nb'", ["a\nb"]],
    ["# a remark\n\nshow a", ["a"]],
    ["show \"$A.b\" '$A' $A", ["1.b", "$A", "1"]],
    ["show $NONE", [""]],
    ["show \\$A", ["$A"]],
    ['show "a \\"b\\""', ['a "b"']],
    ["B='x y'\nshow \"$B\"", ["x y"]],
    ['printf %s secret > file\nshow "a $(cat file)"', ["a secret"]],
    ["show $(printf %s 'a b' | cut -d' ' -f1)", ["a"]],
    ["show 'a | b > c'", ["a | b > c"]],
  ])("reads %j", async (commands, wanted) => {
    expect(await argumentsOf(commands, { A: "1" })).toEqual(wanted);
  });

  it.each([
    ["aws iot", "Cannot run aws: no such program here"],
    ["show 'a", "a quote is not closed"],
    ["show $(cat a", "a substitution is not closed"],
    ["openssl md5", "Cannot run openssl"],
    ["cat none", "no such file"],
  ])("fails at %j", async (commands, message) => {
    await expect(argumentsOf(commands)).rejects.toThrow(message);
  });
});

describe("programs", () => {
  it("openssl signs as HMAC-SHA-256, and makes secrets", async () => {
    // Source: RFC 4231, 4.3.
    const [signature] = await argumentsOf(
      "show $(printf %s 'what do ya want for nothing?' | openssl dgst -sha256 -hmac Jefe -r | cut -d' ' -f1)",
    );
    expect(signature).toBe("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    await argumentsOf("openssl rand -hex 32 > secret\nshow");
    expect(readFileSync(join(folder, "secret"), "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
  });

  it.each([
    [".a.b", "1"],
    ["'{c, d}'", '{"c":2,"d":null}'],
    ["'.a | {b}'", '{"b":1}'],
  ])("jq -c %s", async (filter, wanted) => {
    const json = '{"a":{"b":1,"e":3},"c":2,"d":null}';
    expect(await argumentsOf(`show $(printf %s '${json}' | jq -c ${filter})`)).toEqual([wanted]);
  });
});

describe("readCurl()", () => {
  it("posts what it is given, with the headers of curl", async () => {
    const { request, showsHeaders } = readCurl(["-s", "http://a/b?c", "-H", "Time: 10:00:00", "-d", "x"]);
    expect([request.method, request.url, await request.text()]).toEqual(["POST", "http://a/b?c", "x"]);
    expect(Object.fromEntries(request.headers)).toEqual({
      "content-type": "application/x-www-form-urlencoded",
      time: "10:00:00",
    });
    expect(showsHeaders).toBe(false);
  });

  it("gets, or does what -X says, and shows headers with -i", () => {
    expect(readCurl(["http://a"]).request.method).toBe("GET");
    const { request, showsHeaders } = readCurl(["-si", "-X", "OPTIONS", "--url", "http://a"]);
    expect([request.method, showsHeaders]).toEqual(["OPTIONS", true]);
  });

  it("sends user and password", () => {
    const { request } = readCurl(["-u", "plant:secret", "http://a"]);
    expect(request.headers.get("authorization")).toBe("Basic cGxhbnQ6c2VjcmV0");
  });

  it.each([
    [["--compressed", "http://a"], "--compressed"],
    [["http://a", "http://b"], "wanted one address"],
    [[], "wanted one address"],
    [["http://a", "-d"], "argument missing"],
    [["http://a", "-d", "@file"], "wanted no file"],
  ])("refuses %j", (args, message) => {
    expect(() => readCurl(args)).toThrow(message);
  });
});
