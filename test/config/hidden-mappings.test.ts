import { describe, expect, it } from "vitest";
import { gateway, load } from "./support.ts";

function mapping(name: string, match: object = {}): string {
  const spec = { match, metrics: [{ name: "a", type: "f64_gauge", value: "a" }] };
  return `${JSON.stringify({ apiVersion: "mqtt-otlp-gateway/v1", kind: "Mapping", metadata: { name }, spec })}\n`;
}

function graph(dataSources: readonly string[], endpointRef = "a"): string {
  const spec = {
    nodes: [
      { nodeType: "Source", name: "in", sourceSettings: { endpointRef, dataSources } },
      { nodeType: "Destination", name: "out", destinationSettings: { endpointRef: "default" } },
    ],
    nodeConnections: [{ from: { name: "in" }, to: { name: "out" } }],
  };
  const kind = { apiVersion: "connectivity.iotoperations.azure.com/v1", kind: "DataflowGraph" };
  return `${JSON.stringify({ ...kind, metadata: { name: "oven" }, spec })}\n`;
}

const two = gateway("sources: [{ name: a, adapter: raw }, { name: b, adapter: raw }]");

/** Documents after the Gateway, which is three lines; each is one line, with one in front. */
function warningsOf(...documents: string[]): readonly string[] {
  return load([two, ...documents].join("---\n")).warnings;
}

const hidden = (name: string, line: number, takers: string) =>
  `Mapping ${name} (gateway.yaml:${line}) reads no message: ${takers} all that it matches`;

describe("a mapping behind others", () => {
  it.each<[what: string, first: object, second: object]>([
    ["everything before everything", {}, {}],
    ["everything before a topic", {}, { topicFilters: ["x"] }],
    ["everything before a source", {}, { sources: ["b"] }],
    ["the same", { sources: ["a"], topicFilters: ["x/+"] }, { sources: ["a"], topicFilters: ["x/+"] }],
    ["wider topics", { topicFilters: ["x/#"] }, { topicFilters: ["x/+/y", "x"] }],
    ["wider sources", { topicFilters: ["x"] }, { sources: ["a", "b"], topicFilters: ["x"] }],
    ["all sources by name", { sources: ["b", "a"] }, { topicFilters: ["x"] }],
    ["any topic of its source", { sources: ["a"] }, { sources: ["a"], topicFilters: ["$SYS/x"] }],
  ])("is told with file and line: %s", (_, first, second) => {
    expect(warningsOf(mapping("first", first), mapping("second", second))).toEqual([
      hidden("second", 8, "Mapping first (gateway.yaml:6) takes"),
    ]);
  });

  it("is told when several take together what it matches", () => {
    const documents = [
      mapping("first", { sources: ["a"], topicFilters: ["x/#"] }),
      mapping("second", { sources: ["b"] }),
      mapping("third", { topicFilters: ["x/y"] }),
    ];
    expect(warningsOf(...documents)).toEqual([
      hidden("third", 10, "Mapping first (gateway.yaml:6) and Mapping second (gateway.yaml:8) take"),
    ]);
  });

  it.each<[what: string, first: object, second: object, third: object]>([
    ["by its topics", { topicFilters: ["x/+"] }, { topicFilters: ["+/y"] }, { topicFilters: ["x/y"] }],
    ["by its topics before any topic", { topicFilters: ["x"] }, {}, { topicFilters: ["x"] }],
    ["by its source", { sources: ["a"] }, {}, { sources: ["a"], topicFilters: ["x"] }],
  ])("names the first of those that take all that it matches: %s", (_, first, second, third) => {
    const documents = [mapping("first", first), mapping("second", second), mapping("third", third)];
    expect(warningsOf(...documents)).toEqual([hidden("third", 10, "Mapping first (gateway.yaml:6) takes")]);
  });

  it.each<[what: string, first: object, second: object]>([
    ["narrower topics", { topicFilters: ["x/+"] }, { topicFilters: ["x/#"] }],
    ["one of its topics", { topicFilters: ["x"] }, { topicFilters: ["x", "y"] }],
    ["one of its sources", { sources: ["a"] }, { sources: ["a", "b"] }],
    ["one of all sources", { sources: ["a"] }, {}],
    ["the broker's own topics left", { topicFilters: ["#"] }, {}],
    ["other topics", { topicFilters: ["x/+"] }, { topicFilters: ["x/y/z"] }],
    ["+ before #", { topicFilters: ["x/+/y"] }, { topicFilters: ["x/#"] }],
    ["a wider one after it", { topicFilters: ["x"] }, {}],
  ])("is not told when something is left for it: %s", (_, first, second) => {
    expect(warningsOf(mapping("first", first), mapping("second", second))).toEqual([]);
  });

  it("is found at once, however many wildcards there are", () => {
    const match = { topicFilters: [Array(30).fill("+").join("/")] };
    expect(warningsOf(mapping("first", match), mapping("second", match))).toEqual([
      hidden("second", 8, "Mapping first (gateway.yaml:6) takes"),
    ]);
  });
});

describe("a mapping beside a graph", () => {
  it("is told when the graph takes all that it matches, wherever it stands", () => {
    const match = { sources: ["a"], topicFilters: ["oven/+"] };
    expect(warningsOf(mapping("m", match), graph(["oven/#"]))).toEqual([
      hidden("m", 6, "DataflowGraph oven (gateway.yaml:8) takes"),
    ]);
  });

  it("is not told when the graph takes some of it", () => {
    expect(warningsOf(graph(["oven/#"]), mapping("m", { topicFilters: ["oven/1"] }))).toEqual([]);
    expect(warningsOf(graph(["oven/1"]), mapping("m", { sources: ["a"], topicFilters: ["oven/#"] }))).toEqual(
      [],
    );
  });

  it("is not told when the graph is Disabled", () => {
    const disabled = graph(["oven/#"]).replace('"spec":{', '"spec":{"mode":"Disabled",');
    expect(warningsOf(mapping("m", { sources: ["a"], topicFilters: ["oven/1"] }), disabled)).toEqual([
      "DataflowGraph oven is Disabled; it does not run",
    ]);
  });
});
