import { describe, expect, it } from "vitest";
import { createGraphFormat } from "../../pipeline/graph/graphs.ts";
import type { GraphRules, TransformRules } from "../../pipeline/graph/rules.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import type { ParseOptions } from "../../pipeline/payload/format.ts";
import { graph, line, map, messageOf, otelTransform, passthrough } from "./support.ts";

function parse(
  graphs: readonly GraphRules[],
  payload: string,
  { lenient = false, ...rest }: Parameters<typeof messageOf>[1] & Partial<ParseOptions> = {},
) {
  const { admits, watch, ...fields } = rest;
  return createGraphFormat(graphs, aioFormat).parse(messageOf(payload, fields), { lenient, admits, watch });
}

const filter = (expression: string): TransformRules => ({
  kind: "filter",
  rules: [{ inputs: ["v"], expression }],
});
const branch: TransformRules = { kind: "branch", rule: { inputs: ["v"], expression: "$1 > 5" } };
const toMetric = (name: string): TransformRules => ({
  kind: "otelTransform",
  rules: { ...otelTransform.rules, name, valuePath: "v" },
});

/** The names of the metrics that each destination gets. */
function routesOf(parsed: ReturnType<typeof parse>) {
  if (parsed.kind !== "items") return parsed;
  const { routes = new Map() } = parsed.items;
  return Object.fromEntries(
    [...routes].map(([name, { metrics }]) => [name, metrics.map((metric: { name: string }) => metric.name)]),
  );
}

describe("a graph", () => {
  it("reads AIO JSON that reaches its destination, exact to the bit", () => {
    const payload = `{"metrics":[{"name":"m","type":"i64_gauge","value":9007199254740993,"unit":"Cel","timestamp":1754851200000000001,
      "attributes":[{"key":"a","value":"b"}]},{"name":"f","type":"u64_gauge","value":72.0},
      {"name":"g","type":"u64_gauge","value":9007199254740993.0}],"logs":[{"level":"warn","value":"x"}]}`;
    expect(parse([line({})], payload)).toMatchObject({
      kind: "items",
      items: {
        metrics: [
          {
            name: "m",
            value: 9_007_199_254_740_993n,
            unit: "Cel",
            timeUnixNano: 1_754_851_200_000_000_001n,
            attributes: [{ key: "a", value: "b" }],
          },
          { name: "f", value: 72 },
          { name: "g", value: 9_007_199_254_740_993n },
        ],
        logs: [{ level: "warn", body: "x" }],
      },
    });
  });

  it("reads a message of more items than a call takes arguments", () => {
    const count = 200_000;
    const metrics = Array(count).fill('{"name":"m","type":"u64_gauge","value":1}').join();
    expect(routesOf(parse([line({})], `{"metrics":[${metrics}]}`))).toEqual({
      collector: Array(count).fill("m"),
    });
  });

  it("sends a message through its transforms, in order", () => {
    const rules = line({
      double: map({ inputs: ["v"], output: "v", expression: "$1 * 2" }),
      add: map({ inputs: ["v"], output: "v", expression: "$1 + 1" }),
      metric: toMetric("m"),
    });
    expect(parse([rules], '{"v":5}')).toMatchObject({ items: { metrics: [{ name: "m", value: 11 }] } });
  });

  it.each([
    ['{"v":6}', { collector: ["high"] }],
    ['{"v":5}', { collector: ["low"] }],
  ])("sends %s along one way of a branch", (payload, expected) => {
    const rules = graph({
      transforms: {
        check: branch,
        high: toMetric("high"),
        low: toMetric("low"),
        merge: { kind: "concatenate" },
      },
      destinations: { out: "collector" },
      connections: [
        ["in", "check"],
        ["check.true", "high"],
        ["check.false", "low"],
        ["high", "merge"],
        ["low", "merge"],
        ["merge", "out"],
      ],
    });
    expect(routesOf(parse([rules], payload))).toEqual(expected);
  });

  it("sends a message along several ways, to several destinations", () => {
    const rules = graph({
      transforms: { a: toMetric("a"), b: toMetric("b") },
      destinations: { one: "plant", two: "cloud", three: "plant" },
      connections: [
        ["in", "a"],
        ["in", "b"],
        ["a", "one"],
        ["a", "two"],
        ["b", "three"],
      ],
    });
    const parsed = parse([rules], '{"v":1}');
    expect(routesOf(parsed)).toEqual({ plant: ["a", "b"], cloud: ["a"] });
    expect(parsed).toMatchObject({ items: { metrics: [{ name: "a" }, { name: "b" }] } });
  });

  it("gives what a filter leaves on other ways", () => {
    const rules = graph({
      transforms: { none: filter("true"), a: toMetric("a") },
      destinations: { one: "plant", two: "cloud" },
      connections: [
        ["in", "none"],
        ["none", "one"],
        ["in", "a"],
        ["a", "two"],
      ],
    });
    expect(routesOf(parse([rules], '{"v":1}'))).toEqual({ cloud: ["a"] });
  });

  it("says where a message was dropped on its only way", () => {
    expect(parse([line({ cold: filter("$1 < 0"), metric: toMetric("m") })], '{"v":-1}')).toEqual({
      kind: "filtered",
      reason: "filter",
      by: "node cold of DataflowGraph g",
    });
  });

  it("says that a limit dropped it", () => {
    const throttle: TransformRules = { kind: "throttle", rules: [{ topic: "#", messagesPerSecondMax: 1 }] };
    const rules = line({ slow: throttle, metric: toMetric("m") });
    expect(parse([rules], '{"v":1}', { admits: () => false })).toMatchObject({ reason: "throttled" });
    expect(parse([rules], '{"v":1}')).toMatchObject({ kind: "items" });
  });

  it("throttles by the topic that a map wrote", () => {
    const rules = line({
      route: map(passthrough, { inputs: [], output: "$metadata.topic", expression: '"alerts"' }),
      slow: { kind: "throttle", rules: [{ topic: "alerts", messagesPerSecondMax: 1 }] },
      metric: toMetric("m"),
    });
    expect(parse([rules], '{"v":1}', { admits: () => false })).toMatchObject({ reason: "throttled" });
  });

  it.each([
    ["nothing", "", "", "Cannot read payload: met nothing, wanted JSON"],
    ["no JSON", "{", "", "Cannot read payload: met text that is not JSON"],
    [
      "deeply nested JSON",
      "[".repeat(5000) + "]".repeat(5000),
      "",
      "met deeper nested JSON, wanted at most 1000",
    ],
    ["no AIO JSON", "{}", "", "without metrics and logs, wanted one of them (node out of DataflowGraph g)"],
    [
      "a bad item",
      '{"metrics":[{"name":"m","type":"x","value":1}]}',
      "metrics[0].type",
      "(node out of DataflowGraph g)",
    ],
    ["a metric that is no object", '{"metrics":[7]}', "metrics[0]", "met 7, wanted an object"],
    ["metrics that are no list", '{"metrics":{}}', "metrics", "met an object, wanted an array"],
  ])("refuses %s", (_, payload, path, message) => {
    expect(parse([line({})], payload)).toEqual({
      kind: "refused",
      refusal: { path, message: expect.stringContaining(message) },
    });
  });

  it("refuses a value that is not finite", () => {
    const rules = line({
      big: map({ inputs: ["v"], output: "v", expression: "$1 / 0.0" }),
      metric: toMetric("m"),
    });
    expect(parse([rules], '{"v":1.5}')).toMatchObject({
      refusal: { path: "metrics[0].value", message: expect.stringContaining("wanted a finite number") },
    });
  });

  it("tells no more than the beginning of a path that a sender made up", () => {
    const inArray = map({ inputs: ["*.V"], output: "*" });
    const parsed = parse(
      [line({ inArray })],
      JSON.stringify({ a: { V: [1], ["x".repeat(5000)]: { V: 2 } } }),
    );
    expect(parsed).toMatchObject({ refusal: { path: `${"x".repeat(256)}…` } });
  });

  it("refuses an attribute without a name", () => {
    const userProperties = [["otel/", "x"]] as const;
    expect(parse([line({ metric: toMetric("m") })], '{"v":1}', { userProperties })).toMatchObject({
      refusal: { path: "metrics[0].attributes[0].key" },
    });
  });

  it("reads leniently where its source does", () => {
    const payload =
      '{"metrics":[{"name":"m","metric_type":"f64_gauge","value":1.0,"attributes":[{"key":"n","value":2.0}]}]}';
    expect(parse([line({})], payload, { lenient: true })).toMatchObject({
      items: { metrics: [{ value: 1, attributes: [{ key: "n", value: 2 }] }] },
    });
    expect(parse([line({})], payload)).toMatchObject({ kind: "refused" });
  });

  it("reads the CloudEvent in a payload, with its trace", () => {
    const event = JSON.stringify({ specversion: "1.0", traceparent: "00-1", data: { v: 4 } });
    const contentType = "application/cloudevents+json";
    expect(parse([line({ metric: toMetric("m") })], event, { contentType })).toMatchObject({
      items: { metrics: [{ value: 4 }], traceparent: "00-1" },
    });
  });

  it("tells who looks on which rules met which values", () => {
    const told: unknown[] = [];
    const watch = {
      reader: (name: string) => told.push(name),
      rule: (name: string) => told.push(name),
      value: (of: string, read: () => unknown) => told.push([of, read()]),
      lastValue: (input: string, known: unknown) => told.push([input, known]),
    };
    const rules = line({
      cold: filter("$1 < 0"),
      double: map({ inputs: ["v"], output: "v", expression: "$1 * 2" }),
      metric: toMetric("m"),
    });
    parse([rules], '{"v":5}', { watch });
    expect(told).toEqual([
      "DataflowGraph g",
      "filter[0] of node cold of DataflowGraph g",
      ["v", 5],
      ["$1 < 0", false],
      "map[0] of node double of DataflowGraph g",
      ["v", 5],
      ["$1 * 2", 10],
      "node metric of DataflowGraph g",
      ["v", 10],
    ]);
  });
});

describe("graphs", () => {
  const metric = toMetric("m");
  const own = '{"metrics":[]}';

  it.each([
    ["another topic", { topic: "x/y" }],
    ["another source", { source: "emqx" }],
  ])("leave a message of %s to others", (_, fields) => {
    const rules = line({ metric }, { topicFilters: ["plant/+"], origins: ["raw", "bridge"] });
    expect(parse([rules], own, fields)).toMatchObject({ items: { metrics: [], logs: [] } });
    expect(routesOf(parse([rules], own, fields))).toEqual({});
    expect(parse([rules], own)).toMatchObject({ kind: "refused" });
    expect(parse([rules], own, { source: "bridge" })).toMatchObject({ kind: "refused" });
  });

  it("cost nothing where there are none", () => {
    expect(createGraphFormat([], aioFormat)).toBe(aioFormat);
  });

  it("each get a message that several take", () => {
    const other = line({ metric: toMetric("n") }, { name: "h", destination: "cloud" });
    const third = line({ none: filter("true") }, { name: "i" });
    expect(routesOf(parse([line({ metric }), other, third], '{"v":1}'))).toEqual({
      collector: ["m"],
      cloud: ["n"],
    });
  });

  it("drop a message when all that take it do", () => {
    const graphs = [line({ first: filter("true") }), line({ second: filter("true") }, { name: "h" })];
    expect(parse(graphs, '{"v":1}')).toMatchObject({ by: "node first of DataflowGraph g" });
  });

  it("take a message once at a Source node with several filters that match", () => {
    const rules = line({ metric }, { topicFilters: ["plant/+", "#"] });
    expect(routesOf(parse([rules], '{"v":1}'))).toEqual({ collector: ["m"] });
  });

  it("take a message at each Source node that it matches", () => {
    const rules = graph({
      sources: [
        { node: "a", origins: ["raw"], topicFilters: ["plant/#"] },
        { node: "b", origins: ["raw"], topicFilters: ["plant/oven"] },
      ],
      transforms: { metric },
      destinations: { out: "collector" },
      connections: [
        ["a", "metric"],
        ["b", "metric"],
        ["metric", "out"],
      ],
    });
    expect(routesOf(parse([rules], '{"v":1}'))).toEqual({ collector: ["m", "m"] });
  });
});
