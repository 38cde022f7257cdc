import { describe, expect, it } from "vitest";
import { createMapping } from "../../pipeline/mapping/mapping.ts";
import type { MetricType } from "../../pipeline/payload/format.ts";
import { itemsOf, log, logsOf, mapped, messageOf, metric, metricsOf, refusalOf, rules } from "./support.ts";

const one = rules({ metrics: [metric()] });

function valued(type: MetricType, options: { lenient?: boolean } = {}) {
  return (payload: string) => metricsOf(rules({ metrics: [metric({ type })] }), payload, options)[0]?.value;
}

function computed(expression: string, inputs: string[] = ["v"], fields = {}) {
  return rules({ metrics: [metric({ value: { inputs, expression }, ...fields })] });
}

describe("a value by path", () => {
  it("is the metric's, with what the rule says of it", () => {
    const mapping = rules({
      metrics: [
        metric({ name: "temperature", unit: "Cel", description: "Inside", value: { path: "T.Value" } }),
      ],
    });
    expect(metricsOf(mapping, { T: { Value: 72.5 } })).toEqual([
      {
        name: "temperature",
        type: "f64_gauge",
        value: 72.5,
        unit: "Cel",
        description: "Inside",
        timeUnixNano: undefined,
        attributes: [],
      },
    ]);
  });

  it.each([
    ["i64_gauge", "9223372036854775807", 9223372036854775807n],
    ["i64_gauge", "-9223372036854775808", -9223372036854775808n],
    ["u64_gauge", "72.0", 72],
    ["u64_counter", "7", 7],
    ["f64_gauge", "9007199254740993", 9007199254740992],
    ["f64_histogram", "-0.5", -0.5],
  ] as const)("of type %s takes %s exactly", (type, written, value) => {
    expect(valued(type)(`{"v":${written}}`)).toBe(value);
  });

  it.each([
    ["1e17", 100000000000000000n],
    ["9007199254740993.0", 9007199254740993n],
    ["-7.2e1", -72],
  ])("written as %s is an integer, whether other rules calculate or not", (written, value) => {
    const plain = rules({ metrics: [metric({ type: "i64_gauge" })] });
    const calculating = { ...plain, filter: { inputs: ["v"], expression: "$1 < 0 && $1 > 0" } };
    for (const each of [plain, calculating])
      expect(metricsOf(each, `{"v":${written}}`)[0]?.value).toBe(value);
  });

  it.each([
    ["u64_gauge", "-1", "met -1, wanted an integer from 0 to 9223372036854775807"],
    ["u64_gauge", "9223372036854775808", "met 9223372036854775808, wanted an integer from 0"],
    ["i64_gauge", "1.5", "met 1.5, wanted an integer from -9223372036854775808"],
    ["f64_counter", "-0.1", "met -0.1, wanted a finite number that is not negative"],
    ["f64_gauge", "1e999", "met Infinity, wanted a finite number"],
    ["f64_gauge", '"72.5"', "met a string, wanted a finite number"],
    ["f64_gauge", "true", "met true, wanted a finite number"],
    ["f64_gauge", "{}", "met an object, wanted a finite number"],
    ["f64_gauge", "[1]", "met an array, wanted a finite number"],
  ] as const)("of type %s refuses %s", (type, written, message) => {
    expect(refusalOf(rules({ metrics: [metric({ type })] }), `{"v":${written}}`)).toEqual({
      path: "v",
      message: expect.stringMatching(
        new RegExp(
          `^Cannot read ${type}: ${message.replaceAll(".", "\\.")}.*\\(metrics\\[0\\] of Mapping thermostat\\)$`,
        ),
      ),
    });
  });

  it("may stand in a string when the reading is lenient", () => {
    expect(valued("f64_gauge", { lenient: true })('{"v":"72.5"}')).toBe(72.5);
    expect(valued("i64_gauge", { lenient: true })('{"v":"-9223372036854775807"}')).toBe(
      -9223372036854775807n,
    );
    expect(valued("u64_gauge", { lenient: true })('{"v":"1e3"}')).toBe(1000);
  });

  it.each([
    "",
    " 5",
    "5 ",
    "0x10",
    "1_000",
    "1,5",
    "NaN",
    "Infinity",
    "007",
    "+5",
    ".5",
    "5.",
    "9".repeat(401),
  ])("is no number when a string holds %j, lenient or not", (text) => {
    expect(refusalOf(one, { v: text }, { lenient: true }).path).toBe("v");
  });

  it("can be the whole payload", () => {
    const self = rules({ metrics: [metric({ value: { path: "." } })] });
    expect(metricsOf(self, "21.5")[0]?.value).toBe(21.5);
    expect(refusalOf(self, "{}").path).toBe("");
  });

  it("can be what the rule says when there is none", () => {
    const mapping = rules({ metrics: [metric({ value: { path: "v ?? 5" } })] });
    expect(metricsOf(mapping, {})[0]?.value).toBe(5);
    expect(metricsOf(mapping, { v: null })[0]?.value).toBe(5);
    expect(metricsOf(mapping, { v: 0 })[0]?.value).toBe(0);
  });

  it("is looked for among own members alone", () => {
    const mapping = rules({ logs: [log({ value: { path: "constructor.name" } })] });
    expect(refusalOf(mapping, {}).message).toContain("met nothing");
  });
});

describe("a value by expression", () => {
  it("is calculated from its inputs", () => {
    expect(metricsOf(computed("cToF($1)"), { v: 100 })[0]?.value).toBe(212);
    expect(metricsOf(computed("$1 + $2", ["a", "b"]), { a: 1, b: 2 })[0]?.value).toBe(3);
    expect(metricsOf(computed("1", [], { type: "u64_counter" }), { v: "x" })[0]?.value).toBe(1);
    expect(metricsOf(computed("max($1)", ["*.v"]), { a: { v: 1 }, b: { v: 7 } })[0]?.value).toBe(7);
  });

  it("keeps 64 bits, and is an integer of the item where it is small", () => {
    const exact = computed("$1 - 1", ["v"], { type: "i64_gauge" });
    expect(metricsOf(exact, '{"v":9223372036854775807}')[0]?.value).toBe(9223372036854775806n);
    expect(metricsOf(exact, '{"v":8}')[0]?.value).toBe(7);
  });

  it("tells 72.0 from 72, as Azure IoT Operations does", () => {
    expect(metricsOf(computed("$1 / 10"), '{"v":72.0}')[0]?.value).toBe(7.2);
  });

  it("leaves 72.0 an integer for values by path beside it", () => {
    const filter = { inputs: ["v"], expression: "$1 < 0" };
    const type = "u64_gauge";
    const mapping = rules({
      filter,
      metrics: [metric({ type, name: `\${payload.v}` }), metric({ type, each: "*", value: { path: "." } })],
    });
    expect(metricsOf(mapping, '{"v":72.0}')).toMatchObject([{ name: "72", value: 72 }, { value: 72 }]);
  });

  it("must fit the type", () => {
    expect(refusalOf(computed("$1 * 1.5", ["v"], { type: "u64_gauge" }), { v: 1 }).message).toMatch(
      /^Cannot read u64_gauge: met 1.5, wanted an integer .* \(metrics\[0\] of Mapping thermostat\)$/,
    );
    expect(refusalOf(computed("$1 > 1"), { v: 2 }).message).toContain("met true, wanted a finite number");
  });

  it("must be possible with its inputs", () => {
    expect(refusalOf(computed("$1 * $2", ["v", "w"]), { v: 1, w: "x" })).toEqual({
      path: "v, w",
      message: expect.stringMatching(/^Cannot .* \(metrics\[0\] of Mapping thermostat\)$/),
    });
  });

  it("misses what an input misses, unless it can do without", () => {
    expect(refusalOf(computed("$1 * $2", ["v", "w"]), { v: 1 })).toEqual({
      path: "w",
      message: "Cannot read w: met nothing, wanted a value (metrics[0] of Mapping thermostat)",
    });
    expect(metricsOf(computed("if($2 == (), $1, $2)", ["v", "w"]), { v: 1 })[0]?.value).toBe(1);
    expect(refusalOf(computed("()"), { v: 1 }).message).toContain("Cannot read v: met nothing");
    expect(itemsOf({ ...computed("if($1 > 5, $1, ())"), onMissing: "skip" }, { v: 1 }).metrics).toEqual([]);
  });

  it("takes strings that hold numbers when the reading is lenient", () => {
    expect(
      metricsOf(computed("$1 + $2", ["v", "w"]), { v: "1", w: "2.5" }, { lenient: true })[0]?.value,
    ).toBe(3.5);
    expect(refusalOf(computed("$1 + $2", ["v", "w"]), { v: "1", w: "2.5" }).message).toContain(
      "met a string",
    );
  });

  it("knows the message beside its payload", () => {
    const mapping = computed("if($1 == 'plant/line1/t-1' && $2 == 'x', 1, 0)", [
      "$metadata.topic",
      "$metadata.user_property.site",
    ]);
    expect(metricsOf(mapping, {}, { userProperties: [["site", "x"]] })[0]?.value).toBe(1);
    const needed = computed("len($1)", ["$metadata.user_property.site"]);
    expect(refusalOf(needed, {}).path).toBe("$metadata.user_property.site");
  });
});

describe("a log", () => {
  it("is a text at its level", () => {
    expect(logsOf(rules({ logs: [log({ attributes: { a: "b" } })] }), { v: "hot" })).toEqual([
      {
        level: "warn",
        severityText: "warn",
        body: "hot",
        timeUnixNano: undefined,
        attributes: [{ key: "a", value: "b" }],
      },
    ]);
  });

  it("can be put together", () => {
    const value = { inputs: ["a", "b"], expression: "$1 + ' at ' + str::from($2)" };
    expect(logsOf(rules({ logs: [log({ value })] }), { a: "hot", b: 7 })[0]?.body).toBe("hot at 7");
  });

  it.each([{ v: 5 }, { v: { a: 1 } }, { v: [] }, { v: true }])("refuses %j, lenient or not", (payload) => {
    for (const lenient of [true, false]) {
      expect(refusalOf(rules({ logs: [log()] }), payload, { lenient })).toEqual({
        path: "v",
        message: expect.stringMatching(/^Cannot read .*wanted a string \(logs\[0\] of Mapping thermostat\)$/),
      });
    }
  });

  it("refuses half a surrogate pair", () => {
    expect(refusalOf(rules({ logs: [log()] }), '{"v":"\\ud800"}').message).toContain("half a surrogate pair");
  });
});

describe("when", () => {
  const chosen = rules({
    logs: [log({ when: { inputs: ["severity"], expression: "$1 > 500" }, value: { path: "text" } })],
  });

  it("decides whether there is an item", () => {
    expect(logsOf(chosen, { severity: 501, text: "x" })).toHaveLength(1);
    expect(logsOf(chosen, { severity: 500, text: "x" })).toEqual([]);
  });

  it("spares the rest of the rule", () => {
    expect(logsOf(chosen, { severity: 1 })).toEqual([]);
  });

  it("must be true or false", () => {
    const mapping = rules({ logs: [log({ when: { inputs: ["v"], expression: "$1 + 1" } })] });
    expect(refusalOf(mapping, { v: 1 })).toEqual({
      path: "v",
      message: "Cannot read $1 + 1: met 2, wanted true or false (logs[0] of Mapping thermostat)",
    });
  });

  it("misses its inputs", () => {
    expect(refusalOf(chosen, { text: "x" }).path).toBe("severity");
    expect(logsOf({ ...chosen, onMissing: "skip" }, { text: "x" })).toEqual([]);
  });
});

describe("onMissing", () => {
  const both = { metrics: [metric({ value: { path: "a" } }), metric({ value: { path: "b" } })] };

  it.each([{ a: 1 }, { a: 1, b: null }])("refuses the message by default: %j", (payload) => {
    expect(refusalOf(rules(both), payload)).toEqual({
      path: "b",
      message: "Cannot read b: met nothing, wanted a value (metrics[1] of Mapping thermostat)",
    });
  });

  it("can leave out the item alone", () => {
    const skipping = rules({ ...both, onMissing: "skip" });
    expect(metricsOf(skipping, { a: 1 }).map(({ value }) => value)).toEqual([1]);
    expect(itemsOf(skipping, {})).toEqual({ metrics: [], logs: [] });
  });

  it("is about what is missing, not about what does not fit", () => {
    expect(refusalOf(rules({ ...both, onMissing: "skip" }), { a: 1, b: "x" }).path).toBe("b");
  });
});

describe("filter", () => {
  const filtering = rules({ ...one, filter: { inputs: ["v"], expression: "$1 < -40" } });

  it("drops the message where it is true", () => {
    expect(mapped(filtering, { v: -41 })).toEqual({
      kind: "filtered",
      reason: "filter",
      by: "filter of Mapping thermostat",
    });
    expect(metricsOf(filtering, { v: -40 })).toHaveLength(1);
  });

  it("comes before what is wrong with the items", () => {
    const mapping = rules({ ...filtering, metrics: [metric({ value: { path: "gone" } })] });
    expect(mapped(mapping, { v: -41 }).kind).toBe("filtered");
  });

  it("must be true or false", () => {
    const mapping = rules({ ...one, filter: { inputs: ["v"], expression: "$1" } });
    expect(refusalOf(mapping, { v: 1 }).message).toBe(
      "Cannot read $1: met 1, wanted true or false (filter of Mapping thermostat)",
    );
  });

  it("that cannot be decided refuses the message, or lets it pass", () => {
    const mapping = rules({ ...filtering, metrics: [metric({ value: { path: "w" } })] });
    expect(refusalOf(mapping, { w: 1 })).toEqual({
      path: "v",
      message: "Cannot read v: met nothing, wanted a value (filter of Mapping thermostat)",
    });
    expect(metricsOf({ ...mapping, onMissing: "skip" }, { w: 1 })).toHaveLength(1);
    expect(refusalOf({ ...mapping, onMissing: "skip" }, { v: "x", w: 1 }).message).toContain("filter of");
  });
});

describe("several rules", () => {
  it("make metrics and logs of one message", () => {
    const mapping = rules({
      metrics: [metric({ name: "a" }), metric({ name: "b" })],
      logs: [log({ value: { path: "text" } })],
    });
    const { metrics, logs } = itemsOf(mapping, { v: 1, text: "x" });
    expect([metrics.map(({ name }) => name), logs.length]).toEqual([["a", "b"], 1]);
  });

  it("name the one that refuses", () => {
    const mapping = rules({
      name: "press",
      metrics: [metric()],
      logs: [log(), log({ value: { path: "text" } })],
    });
    expect(refusalOf(mapping, { v: "x" }).message).toContain("(metrics[0] of Mapping press)");
    expect(refusalOf(rules({ logs: [log(), log({ value: { path: "w" } })] }), { v: "x" }).message).toContain(
      "(logs[1] of Mapping thermostat)",
    );
  });
});

describe("a payload", () => {
  it.each([
    ["", "met nothing, wanted JSON"],
    ["{", "met text that is not JSON"],
    ["72.5 C", "met text that is not JSON"],
  ])("that is %j is refused", (payload, message) => {
    expect(refusalOf(one, payload).message).toContain(message);
  });

  it("may be a structured CloudEvent, whose data it is then", () => {
    const contentType = "application/cloudevents+json";
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    expect(itemsOf(one, { data: { v: 1 }, traceparent }, { contentType })).toMatchObject({
      metrics: [{ value: 1 }],
      traceparent,
    });
    const data_base64 = Buffer.from('{"v":2}').toString("base64");
    expect(metricsOf(one, { data_base64 }, { contentType })[0]?.value).toBe(2);
    expect(refusalOf(one, { data: { v: "x" } }, { contentType }).path).toBe("data.v");
    expect(refusalOf(one, { data: {} }, { contentType })).toEqual({
      path: "data.v",
      message: "Cannot read data.v: met nothing, wanted a value (metrics[0] of Mapping thermostat)",
    });
  });

  it("has its repeated members counted, whatever its numbers look like", () => {
    const counted = computed("$1");
    expect(mapped(counted, '{"v":1.0,"v":2.0,"w":3.0}', { audit: true })).toMatchObject({
      oddities: { repeatedMembers: 1 },
    });
    expect(mapped(counted, '{"v":1.0,"w":3.0}', { audit: true })).toMatchObject({ oddities: undefined });
  });
});

describe("createMapping()", () => {
  it("gives the same for the same message", () => {
    const map = createMapping(
      rules({ metrics: [metric(), metric({ each: "*", value: { path: "." }, name: "n" })] }),
    );
    const first = map(messageOf({ v: 1 }), { lenient: false });
    map(messageOf({ v: 2 }), { lenient: false });
    expect(map(messageOf({ v: 1 }), { lenient: false })).toEqual(first);
  });

  it.each([
    [rules({ metrics: [metric({ value: { path: "a..b" } })] }), "Cannot read a..b: Cannot read the path"],
    [computed("$1 +"), "Cannot read $1 +: "],
    [rules({ metrics: [metric({ name: `\${x}` })] }), "Cannot read template ${x}: Wanted"],
  ])("cannot be made of what cannot be read", (mapping, message) => {
    expect(() => createMapping(mapping)).toThrow(message);
  });
});
