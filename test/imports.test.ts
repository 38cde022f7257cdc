import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

/**
 * Which room may open which door. `ours`: path prefixes in this repository; `packages`: outside packages, with
 * Node's own built in modules under `node:`. The first row that matches a file counts.
 */
const doors: { room: RegExp; ours: string[]; packages: string[] }[] = [
  {
    room: /^pipeline\/(message|errors|clock|secret|logger)\.ts$/,
    ours: ["pipeline/errors.ts"],
    packages: [],
  },
  {
    room: /^pipeline\/(source|payload)\//,
    // source/mqtt.ts keeps number literals as they were written, which payload/json.ts knows how to do.
    ours: [
      "pipeline/message.ts",
      "pipeline/errors.ts",
      "pipeline/source/",
      "pipeline/payload/",
      "pipeline/config/config.ts",
    ],
    packages: ["zod", "node:buffer", "node:crypto"],
  },
  {
    room: /^pipeline\/store\//,
    ours: [
      "pipeline/message.ts",
      "pipeline/errors.ts",
      "pipeline/clock.ts",
      "pipeline/lane-filter.ts",
      "pipeline/store/",
    ],
    packages: ["node:"],
  },
  {
    room: /^pipeline\/otlp\//,
    ours: [
      "pipeline/message.ts",
      "pipeline/errors.ts",
      "pipeline/payload/format.ts",
      "pipeline/store/batch-store.ts",
      "pipeline/otlp/",
      "gen/",
    ],
    packages: ["@bufbuild/protobuf"],
  },
  {
    room: /^pipeline\/export\//,
    ours: [
      "pipeline/message.ts",
      "pipeline/errors.ts",
      "pipeline/clock.ts",
      "pipeline/secret.ts",
      "pipeline/export/",
      "gen/",
    ],
    packages: ["@bufbuild/protobuf", "@connectrpc/", "node:", "undici"],
  },
  {
    room: /^pipeline\/config\//,
    ours: [
      "pipeline/message.ts",
      "pipeline/errors.ts",
      "pipeline/attribute-template.ts",
      "pipeline/source/json-pointer.ts",
      "pipeline/source/topic.ts",
      "pipeline/suggestion.ts",
      "pipeline/expression/",
      "pipeline/mapping/",
      "pipeline/graph/rules.ts",
      "pipeline/payload/format.ts",
      "pipeline/config/",
    ],
    packages: ["zod", "yaml"],
  },
  {
    room: /^pipeline\/expression\//,
    ours: [
      "pipeline/message.ts",
      "pipeline/errors.ts",
      "pipeline/suggestion.ts",
      "pipeline/payload/json.ts",
      "pipeline/payload/json-parse.ts",
      "pipeline/payload/work.ts",
      "pipeline/expression/",
    ],
    packages: ["re2js"],
  },
  {
    room: /^pipeline\/telemetry\.ts$/,
    ours: ["pipeline/"],
    packages: ["@opentelemetry/"],
  },
  { room: /^pipeline\//, ours: ["pipeline/"], packages: ["node:crypto"] },
  {
    room: /^handlers\/bridge\//,
    ours: ["pipeline/", "handlers/"],
    packages: ["mqtt", "node:net"],
  },
  {
    room: /^handlers\/([^/]+|authentication\/[^/]+)\.ts$/,
    ours: ["pipeline/", "handlers/"],
    packages: ["hono", "@hono/zod-validator", "zod", "node:crypto"],
  },
  { room: /^(handlers\/runtime|cli)\//, ours: [""], packages: [""] },
  { room: /^gen\//, ours: ["gen/"], packages: ["@bufbuild/protobuf"] },
];

const files = globSync(["pipeline/**/*.ts", "handlers/**/*.ts", "cli/**/*.ts", "gen/**/*.ts"]).sort();

function importsOf(file: string): string[] {
  const found = readFileSync(file, "utf8").matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\()"([^"]+)"/g);
  return [...found].map(([, specifier]) => specifier ?? "");
}

/** The imports of `file` that its room has no door for. */
function forbidden(file: string, imports: string[]): string[] {
  const row = doors.find(({ room }) => room.test(file));
  if (row === undefined) return imports;
  return imports.filter((specifier) => {
    if (!specifier.startsWith(".")) return !row.packages.some((allowed) => specifier.startsWith(allowed));
    const target = normalize(join(dirname(file), specifier));
    return !row.ours.some((allowed) => target.startsWith(allowed));
  });
}

describe("imports", () => {
  it.each(files)("%s opens only its own doors", (file) => {
    expect(forbidden(file, importsOf(file))).toEqual([]);
  });

  it("a door that is not in the table is found", () => {
    expect(forbidden("pipeline/otlp/encode.ts", ["../../handlers/app.ts", "hono", "node:fs"])).toHaveLength(
      3,
    );
    expect(forbidden("handlers/app.ts", ["node:sqlite", "./webhook.ts"])).toEqual(["node:sqlite"]);
  });

  it("only one file knows the SQLite driver", () => {
    const users = files.filter((file) => importsOf(file).includes("node:sqlite"));
    expect(users.every((file) => file.startsWith("pipeline/store/"))).toBe(true);
  });
});
