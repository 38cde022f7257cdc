/** The programs that the documentation uses beside curl, with the options that it gives them. */
import { createHmac, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Program } from "./shell.ts";

/** `folder`: where a reader would be. */
export function createPrograms(folder: string): Record<string, Program> {
  return {
    cat: ([path = ""]) => readFileSync(resolve(folder, path), "utf8"),
    cut: (args, input) => {
      wantOptions("cut", args, ["-d ", "-f1"]);
      return input
        .split("\n")
        .map((line) => line.split(" ")[0])
        .join("\n");
    },
    date: (args) => {
      wantOptions("date", args, ["+%s"]);
      return `${Math.floor(Date.now() / 1000)}\n`;
    },
    jq: (args, input) => {
      const [option, filter = ""] = args;
      wantOptions("jq", option === undefined ? [] : [option], ["-c"]);
      return `${JSON.stringify(select(JSON.parse(input), filter))}\n`;
    },
    mkdir: ([option = "", path = ""]) => {
      wantOptions("mkdir", [option], ["-p"]);
      mkdirSync(resolve(folder, path), { recursive: true });
      return "";
    },
    openssl,
    printf: ([format = "", text = ""]) => {
      wantOptions("printf", [format], ["%s"]);
      return text;
    },
  };
}

const openssl: Program = ([command = "", ...args], input) => {
  if (command === "rand") {
    wantOptions("openssl rand", args.slice(0, 1), ["-hex"]);
    return `${randomBytes(Number(args[1])).toString("hex")}\n`;
  }
  const [digest = "", option = "", key = "", ...more] = args;
  wantOptions("openssl", [command, digest, option, ...more], ["dgst", "-sha256", "-hmac", "-r"]);
  return `${createHmac("sha256", key).update(input).digest("hex")} *stdin\n`;
};

/** Paths such as `.sources.emqx`, and names of members in braces, one behind the other. */
function select(value: unknown, filter: string): unknown {
  return filter.split("|").reduce((parent, stage) => {
    const names = /^\{(.*)\}$/.exec(stage.trim())?.[1]?.split(/, */);
    if (names) return Object.fromEntries(names.map((name) => [name, memberOf(parent, name)]));
    return stage.trim().split(".").slice(1).reduce(memberOf, parent);
  }, value);
}

function memberOf(parent: unknown, name: string): unknown {
  return (parent as Record<string, unknown>)[name];
}

function wantOptions(program: string, met: readonly string[], wanted: readonly string[]): void {
  if (met.join("\0") === wanted.join("\0")) return;
  throw new Error(`Cannot run ${program}: met ${met.join(" ")}, wanted ${wanted.join(" ")}`);
}
