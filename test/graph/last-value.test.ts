import { describe, expect, it } from "vitest";
import { createGraphFormat } from "../../pipeline/graph/graphs.ts";
import { inputsOf } from "../../pipeline/graph/remembered.ts";
import type { GraphRules, TransformRules } from "../../pipeline/graph/rules.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import type { ParseOptions } from "../../pipeline/payload/format.ts";
import { createFrontDoor } from "../support/front-door.ts";
import { graph, line, map, messageOf, otelTransform } from "./support.ts";

const filter = (inputs: string[], expression: string): TransformRules => ({
  kind: "filter",
  rules: [{ inputs, expression }],
});
const branch = (inputs: string[], expression: string): TransformRules => ({
  kind: "branch",
  rule: { inputs, expression },
});
const toMetric: TransformRules = { kind: "otelTransform", rules: { ...otelTransform.rules, valuePath: "v" } };

/** What each of these payloads becomes, one after the other. */
function open(rules: GraphRules, options: Partial<ParseOptions> = {}) {
  const enter = createFrontDoor(createGraphFormat([rules], aioFormat), options);
  return (payload: string, topic = "plant/oven") => {
    const { parsed } = enter(messageOf(payload, { topic }));
    if (parsed.kind === "filtered") return parsed.by;
    if (parsed.kind === "refused") return parsed.refusal.message;
    return parsed.items.metrics.map(({ value }) => value);
  };
}

describe("? $last of a DataflowGraph", () => {
  it("stands in for what a map copies and calculates with, each topic by itself", () => {
    const values = open(
      line({
        m: map(
          { inputs: ["t ? $last"], output: "t" },
          { inputs: ["t ? $last", "by ? $last ?? 10"], output: "v", expression: "$1 / $2" },
        ),
        n: map({ inputs: ["t"], output: "copy" }, { inputs: ["v"], output: "v" }),
        metric: toMetric,
      }),
    );
    expect(values('{"t":72.0}')).toEqual([7.2]);
    expect(values('{"by":5}')).toEqual([14.4]);
    expect(values('{"t":null}')).toEqual([14.4]);
    expect(values('{"t":100}', "plant/b")).toEqual([10]);
    expect(values("{}")).toEqual([14.4]);
  });

  it("copies objects as they were", () => {
    const values = open(
      line({
        m: map({ inputs: ["o ? $last"], output: "o" }),
        metric: { kind: "otelTransform", rules: { ...otelTransform.rules, valuePath: "o.a.1" } },
      }),
    );
    expect([values('{"o":{"a":[1,2.5]}}'), values("{}")]).toEqual([[2.5], [2.5]]);
  });

  it("decides a filter and a branch, and is missing there when it is not known", () => {
    const values = open(
      graph({
        transforms: {
          cold: filter(["t ? $last"], "$1 < 0"),
          hot: branch(["limit ? $last ?? 100", "t ? $last"], "$2 > $1"),
          a: map({ inputs: ["a"], output: "v" }),
          b: map({ inputs: ["b"], output: "v" }),
          metric: toMetric,
        },
        destinations: { out: "collector" },
        connections: [
          ["in", "cold"],
          ["cold", "hot"],
          ["hot.true", "a"],
          ["hot.false", "b"],
          ["a", "metric"],
          ["b", "metric"],
          ["metric", "out"],
        ],
      }),
    );
    expect(values('{"a":1,"b":2}')).toBe(
      "Cannot read t ? $last: met nothing, wanted a value (filter[0] of node cold of DataflowGraph g)",
    );
    expect(values('{"a":1,"b":2,"t":50}')).toEqual([2]);
    expect(values('{"a":1,"b":2,"limit":40}')).toEqual([1]);
    expect(values('{"t":-1}')).toBe("node cold of DataflowGraph g");
    expect(values('{"a":1}')).toBe("node cold of DataflowGraph g");
    expect(values('{"a":1,"b":2,"t":41}')).toEqual([1]);
  });

  it("is met as it reaches a node, and not by nodes that it does not reach", () => {
    const values = open(
      line({
        drop: filter(["drop ?? false"], "$1"),
        m: map({ inputs: ["t ? $last ?? 0"], output: "v", expression: "$1 + 1" }),
        n: map({ inputs: ["v ? $last"], output: "v" }),
        metric: toMetric,
      }),
    );
    expect(values('{"t":1}')).toEqual([2]);
    expect(values('{"t":5,"drop":true}')).toBe("node drop of DataflowGraph g");
    expect(values("{}")).toEqual([2]);
  });

  it("is what it was before the message, however often the message comes by", () => {
    const values = open(
      graph({
        transforms: {
          a: map({ inputs: ["a"], output: "v" }),
          b: map({ inputs: ["b"], output: "v" }),
          both: map({ inputs: ["v ? $last"], output: "v" }),
          metric: toMetric,
        },
        destinations: { out: "collector" },
        connections: [
          ["in", "a"],
          ["in", "b"],
          ["a", "both"],
          ["b", "both"],
          ["both", "metric"],
          ["metric", "out"],
        ],
      }),
    );
    expect(values('{"a":1,"b":2}')).toEqual([1, 2]);
    expect(values('{"a":3}')).toEqual([3, 2]);
    expect(values('{"b":4}')).toEqual([3, 4]);
  });

  it("stands in for the paths of otel-transform and for User Properties", () => {
    const enter = createFrontDoor(
      createGraphFormat(
        [
          line({
            m: map(
              { inputs: ["$metadata.user_property.site ? $last"], output: "site" },
              { inputs: ["v"], output: "v" },
            ),
            metric: {
              kind: "otelTransform",
              rules: { ...toMetric.rules, name: { path: "site ? $last" }, valuePath: "v ? $last" },
            },
          }),
        ],
        aioFormat,
      ),
    );
    enter(messageOf('{"v":3}', { userProperties: [["site", "north"]] }));
    expect(enter(messageOf("{}")).parsed).toMatchObject({
      items: { metrics: [{ name: "north", value: 3 }] },
    });
  });
});

describe("inputsOf()", () => {
  it("names the inputs of a node, each once", () => {
    const rules = map(
      { inputs: ["a ? $last", "b"], output: "c", expression: "$1 + $2" },
      { inputs: ["a ?$last ?? 0"], output: "d" },
    );
    expect(inputsOf(rules, "node m of DataflowGraph g")).toEqual([
      { rule: "node m of DataflowGraph g", input: "a" },
    ]);
    const metric: TransformRules = {
      kind: "otelTransform",
      rules: {
        ...otelTransform.rules,
        name: { path: "n ? $last" },
        valuePath: "v ? $last",
        timestampPath: "t ? $last",
      },
    };
    expect(inputsOf(metric, "m").map(({ input }) => input)).toEqual(["v", "n", "t"]);
    expect(inputsOf({ kind: "concatenate" }, "node c of DataflowGraph g")).toEqual([]);
  });
});
