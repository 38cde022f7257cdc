import { describe, expect, it } from "vitest";
import type { OtelTransformRules, TransformRules } from "../../pipeline/graph/rules.ts";
import type { RateLimit } from "../../pipeline/payload/format.ts";
import { otelTransform, pass, passed } from "./support.ts";

const filter = (...expressions: string[]): TransformRules => ({
  kind: "filter",
  rules: expressions.map((expression) => ({ inputs: ["t", "h"], expression })),
});
const dropped = { kind: "dropped", reason: "filter" };
const passes = expect.objectContaining({ kind: "passes" });

describe("filter", () => {
  it.each([
    ['{"t":150,"h":60}', dropped],
    ['{"t":80,"h":98}', dropped],
    ['{"t":80,"h":60}', passes],
  ])("drops %s when one of its rules is true", (payload, expected) => {
    expect(pass(filter("$1 > 100", "$2 > 95"), payload)).toEqual(expected);
  });

  it("does not look at rules behind one that is true", () => {
    expect(pass(filter("$1 > 100", '$2 + "x"'), '{"t":150,"h":1}')).toEqual(dropped);
  });

  it("passes everything without a rule", () => {
    expect(pass(filter(), "1")).toEqual(passes);
  });

  it.each([
    ['{"t":1}', "h", "Cannot read h: met nothing, wanted a value (filter[0] of node n of DataflowGraph g)"],
    [
      '{"t":1,"h":null}',
      "h",
      "Cannot read h: met nothing, wanted a value (filter[0] of node n of DataflowGraph g)",
    ],
    ['{"t":{},"h":1}', "t, h", "filter[0] of node n"],
  ])("refuses %s", (payload, path, message) => {
    expect(pass(filter("$1 > 100"), payload)).toEqual({ path, message: expect.stringContaining(message) });
  });

  it("refuses a rule that gives neither true nor false", () => {
    expect(pass(filter("$1 + 1"), '{"t":1,"h":1}')).toEqual({
      path: "t, h",
      message: expect.stringContaining("met 2, wanted true or false"),
    });
  });

  it("takes a default for what is missing, null too", () => {
    const rules = (input: string, expression: string): TransformRules => ({
      kind: "filter",
      rules: [{ inputs: [input], expression }],
    });
    expect(pass(rules("t ?? 200", "$1 > 100"), "{}")).toEqual(dropped);
    expect(pass(rules("t ?? null", "$1 == ()"), "{}")).toEqual(dropped);
  });
});

describe("branch", () => {
  const branch: TransformRules = { kind: "branch", rule: { inputs: ["severity"], expression: "$1 > 5" } };

  it.each([
    ['{"severity":6}', true],
    ['{"severity":5}', false],
  ])("sends %s by %s", (payload, output) => {
    expect(pass(branch, payload)).toMatchObject({ kind: "passes", output });
  });

  it("refuses what gives neither true nor false", () => {
    expect(pass({ ...branch, rule: { inputs: ["s"], expression: "$1" } }, '{"s":"x"}')).toEqual({
      path: "s",
      message: expect.stringContaining("branch of node n of DataflowGraph g"),
    });
  });

  it("refuses an expression that cannot do without what is missing", () => {
    expect(pass(branch, "{}")).toEqual({
      path: "severity",
      message: expect.stringContaining("branch of node n"),
    });
  });

  it("can ask for what is missing", () => {
    const rule = { inputs: ["s"], expression: "$1 == ()" };
    expect(pass({ kind: "branch", rule }, "{}")).toMatchObject({ output: true });
  });
});

describe("concatenate", () => {
  it("passes a message as it is", () => {
    expect(passed({ kind: "concatenate" }, '{"a":[1,null]}').payload).toEqual({ a: [1, null] });
  });
});

describe("throttle", () => {
  const rules: TransformRules = {
    kind: "throttle",
    rules: [
      { topic: "s/temperature", messagesPerSecondMax: 3 },
      { topic: "s/#", messagesPerSecondMax: 0.1 },
      { topic: "debug/+", messagesPerSecondMax: 0 },
      { topic: "fast", messagesPerSecondMax: 5000 },
    ],
  };

  function limitOf(topic: string): RateLimit | undefined {
    let met: RateLimit | undefined;
    const admits = (limit: RateLimit) => {
      met = limit;
      return true;
    };
    expect(pass(rules, "{}", { topic, admits })).toMatchObject({ kind: "passes" });
    return met;
  }

  it("holds a topic to the first rule that matches, in whole milliseconds", () => {
    expect(limitOf("s/temperature")).toMatchObject({
      name: "s/temperature at node n of DataflowGraph g",
      intervalMs: 334,
    });
    expect(limitOf("s/humidity")).toMatchObject({ intervalMs: 10_000 });
    expect(limitOf("s/a/b")?.name).toBe(limitOf("s")?.name);
    expect(limitOf("fast")).toMatchObject({ intervalMs: 1 });
    expect(limitOf("debug/x")).toMatchObject({ intervalMs: Number.POSITIVE_INFINITY });
  });

  it("holds other topics to none", () => {
    expect(limitOf("plant/x")).toBeUndefined();
  });

  it("drops what is not admitted", () => {
    const options = { topic: "s/x", admits: () => false };
    expect(pass(rules, "{}", options)).toEqual({ kind: "dropped", reason: "throttled" });
  });
});

describe("otel-transform", () => {
  const rules = (fields: Partial<OtelTransformRules> = {}): TransformRules => ({
    ...otelTransform,
    rules: { ...otelTransform.rules, ...fields },
  });
  const payload = '{"T":{"Value":72.5,"At":"2025-06-01T08:30:00.1234567Z"},"tag":"oven","n":null}';
  const metricOf = (fields: Partial<OtelTransformRules>, options = {}) => {
    const { metrics } = passed(rules(fields), payload, options).payload as { metrics: object[] };
    return metrics[0];
  };

  it("makes one metric of a message", () => {
    expect(passed(rules(), payload).payload).toEqual({
      metrics: [{ name: "temperature", type: "f64_gauge", value: 72.5, attributes: [] }],
    });
  });

  it("takes name, time and unit", () => {
    expect(metricOf({ name: { path: "tag" }, timestampPath: "T.At", unit: "Cel" })).toEqual({
      name: "oven",
      type: "f64_gauge",
      value: 72.5,
      timestamp: 1_748_766_600_123_456_700n,
      unit: "Cel",
      attributes: [],
    });
  });

  it("makes attributes of the User Properties that begin with otel/", () => {
    const userProperties = [
      ["otel/site", "north"],
      ["site", "x"],
      ["otel/a/b", "c"],
    ];
    expect(metricOf({}, { userProperties })).toMatchObject({
      attributes: [
        { key: "site", value: "north" },
        { key: "a/b", value: "c" },
      ],
    });
  });

  it.each<[what: string, fields: Partial<OtelTransformRules>, path: string, message: string]>([
    ["a missing value", { valuePath: "x.y" }, "x.y", "Cannot read x.y: met nothing, wanted a value"],
    ["a value of null", { valuePath: "n" }, "n", "met nothing, wanted a value"],
    ["a missing name", { name: { path: "x" } }, "x", "met nothing, wanted a value"],
    ["a missing time", { timestampPath: "x" }, "x", "met nothing, wanted a value"],
    ["an unparsable time", { timestampPath: "tag" }, "tag", 'met "oven", wanted a time as RFC 3339 has it'],
    ["a time that is a number", { timestampPath: "T.Value" }, "T.Value", "met 72.5, wanted a time"],
  ])("refuses %s", (_, fields, path, message) => {
    const refusal = pass(rules(fields), payload);
    expect(refusal).toEqual({ path, message: expect.stringContaining(message) });
    expect(refusal).toMatchObject({ message: expect.stringContaining("(node n of DataflowGraph g)") });
  });

  it("takes an integer that was written as a float, exact to the bit", () => {
    const written = '{"T":{"Value":9007199254740993.0}}';
    expect(pass(rules({ type: "i64_gauge" }), written)).toMatchObject({
      traveller: { payload: { metrics: [{ value: 9_007_199_254_740_993n }] } },
    });
  });

  it("tells of a number that was written as a float", () => {
    expect(pass(rules({ timestampPath: "at" }), '{"T":{"Value":1},"at":72.0}')).toMatchObject({
      message: expect.stringContaining("met 72, wanted a time"),
    });
  });

  it("takes a default that is written", () => {
    expect(metricOf({ valuePath: "x ?? 3" })).toMatchObject({ value: 3 });
  });

  it("takes a text that holds a number when the source is lenient", () => {
    const text = '{"T":{"Value":"72.5"}}';
    expect(passed(rules(), text, { lenient: true }).payload).toMatchObject({ metrics: [{ value: 72.5 }] });
    expect(passed(rules(), text).payload).toMatchObject({ metrics: [{ value: "72.5" }] });
  });
});
