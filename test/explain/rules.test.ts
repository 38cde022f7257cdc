import { describe, expect, it, vi } from "vitest";
import { createRuleLog } from "../../pipeline/explain/rules.ts";
import type { MappingRules } from "../../pipeline/mapping/rules.ts";
import { log, metric, rules } from "../mapping/support.ts";
import { configOf, explain } from "./support.ts";

async function rulesOf(mapping: Partial<MappingRules>, payload: unknown) {
  const explanation = await explain({ ...configOf(), mappings: [rules(mapping)] }, { payload });
  return explanation.rules.map(({ rule, values }) => ({
    rule,
    values: values.map(({ of, value }) => `${of} is ${value}`),
  }));
}

describe("the rules of an explained message", () => {
  it("are told one by one with the values that they met", async () => {
    const mapping = {
      filter: { inputs: ["T.Value"], expression: "$1 < -40" },
      timestamp: { path: "T.At", unit: undefined },
      metrics: [
        metric({ value: { path: "T.Value" } }),
        metric({ value: { inputs: ["T.Value", "T.Offset ?? 1"], expression: "cToF($1) + $2" } }),
      ],
      logs: [log({ value: { path: "Note" }, when: { inputs: ["Severity"], expression: "$1 > 500" } })],
    };
    const payload =
      '{"T":{"Value":72.5,"At":"2026-01-05T10:00:00Z"},"Severity":9007199254740993,"Note":"hot"}';
    expect(await rulesOf(mapping, payload)).toEqual([
      { rule: "filter of Mapping thermostat", values: ["T.Value is 72.5", "$1 < -40 is false"] },
      {
        rule: "metrics[0] of Mapping thermostat",
        values: ["T.Value is 72.5", 'T.At is "2026-01-05T10:00:00Z"'],
      },
      {
        rule: "metrics[1] of Mapping thermostat",
        values: ["T.Value is 72.5", expect.stringMatching(/^T\.Offset.* is 1$/), "cToF($1) + $2 is 163.5"],
      },
      {
        rule: "logs[0] of Mapping thermostat",
        values: ["Severity is 9007199254740993", "$1 > 500 is true", 'Note is "hot"'],
      },
    ]);
  });

  it("are told for each member, by its place in the payload", async () => {
    const mapping = { metrics: [metric({ name: "${key}", each: "*", value: { path: "Value" } })] };
    expect(await rulesOf(mapping, { in: { Value: 1 }, out: { Value: 2 } })).toEqual([
      { rule: "metrics[0] of Mapping thermostat", values: ["in.Value is 1", "out.Value is 2"] },
    ]);
  });

  it("are told as far as the one that refuses the message", async () => {
    const mapping = { metrics: [metric(), metric({ value: { path: "missing" } }), metric()] };
    expect(await rulesOf(mapping, { v: 1 })).toEqual([
      { rule: "metrics[0] of Mapping thermostat", values: ["v is 1"] },
      { rule: "metrics[1] of Mapping thermostat", values: ["missing is nothing"] },
    ]);
  });

  it("are told up to the filter when it drops the message", async () => {
    const mapping = { filter: { inputs: ["v"], expression: "$1 == 1" }, metrics: [metric()] };
    expect(await rulesOf(mapping, { v: 1 })).toEqual([
      { rule: "filter of Mapping thermostat", values: ["v is 1", "$1 == 1 is true"] },
    ]);
  });

  it("are none where no mapping matches", async () => {
    const mapping = rules({ topicFilters: ["site/#"], metrics: [metric()] });
    const { rules: told, steps } = await explain({ ...configOf(), mappings: [mapping] });
    expect(told).toEqual([]);
    expect(steps.at(-1)?.detail).toContain("as AIO JSON");
  });

  it("are told briefly, however many and large the values are", async () => {
    const payload = Object.fromEntries(
      Array.from({ length: 600 }, (_, index) => [`k${index}`, { v: index }]),
    );
    const mapping = rules({
      metrics: [metric({ name: "${key}", each: "*" })],
      logs: [log({ value: { path: "k1.v" } })],
    });
    const many = await explain({ ...configOf(), mappings: [mapping] }, { payload });
    expect(many.rules.map(({ values, omitted }) => [values.length, omitted])).toEqual([
      [500, 100],
      [0, 1],
    ]);
    const [large] = await rulesOf({ logs: [log()] }, { v: "x".repeat(10_000) });
    expect(large?.values[0]).toHaveLength("v is ".length + 201);
  });

  it("are told of a value by its beginning, however deep it is", async () => {
    const [deep] = await rulesOf({ logs: [log()] }, `{"v":${"[".repeat(100_000)}${"]".repeat(100_000)}}`);
    expect(deep?.values).toEqual([`v is ${"[".repeat(200)}…`]);
    const [nested] = await rulesOf({ logs: [log()] }, '{"v":{"a":[1,9007199254740993,[],{}],"":null}}');
    expect(nested?.values).toEqual(['v is {"a":[1,9007199254740993,[],{}],"":null}']);
  });

  it("are told without reading values that are left out", () => {
    const { watch, rules } = createRuleLog({ isRemembering: false });
    const read = vi.fn(() => 1);
    watch.rule("map[0]");
    for (let count = 0; count < 600; count++) watch.value("a", read);
    expect(rules[0]?.omitted).toBe(100);
    expect(read).toHaveBeenCalledTimes(500);
  });
});
