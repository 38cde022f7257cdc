import { describe, expect, it } from "vitest";
import { loadConfig } from "../../pipeline/config/load.ts";
import { ConfigError } from "../../pipeline/errors.ts";
import { endpoint, fileName, gateway } from "./support.ts";

function linesOf(text: string, environment: Record<string, string> = {}): string[] {
  try {
    const files = text === "" ? [] : [{ name: fileName, text }];
    loadConfig({ files, environment, resolvePath: (_, path) => path });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
}

const ofDestination = (field: string) =>
  `${gateway(`destinations:\n  - endpointRef: collector\n    ${field}`)}---\n${endpoint("host: a")}`;

describe("loadConfig()", () => {
  it("takes defaults, and what is heeded", () => {
    expect(linesOf("")).toEqual([]);
    for (const field of [
      "{}",
      "protocol: http/protobuf",
      "temporality: delta",
      "deliverWithinSeconds: 5",
      "startAt: oldest",
      "sources: [raw]",
      "topicFilters: [a]",
      "histogramAggregation: exponential",
    ]) {
      expect(linesOf(ofDestination(field === "{}" ? "" : field))).toEqual([]);
    }
  });

  it.each(["seriesIdleSeconds: 1", "restateSeconds: 0"])(
    "does not take a destination's %s, which nothing heeds yet",
    (field) => {
      const [name] = field.split(":");
      expect(linesOf(ofDestination(field))).toEqual([
        `gateway.yaml:6: spec.destinations[0].${name}: ${name} is not supported yet`,
      ]);
    },
  );
});
