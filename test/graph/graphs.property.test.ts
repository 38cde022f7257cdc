import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createGraphFormat } from "../../pipeline/graph/graphs.ts";
import type { TransformRules } from "../../pipeline/graph/rules.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { graph, map, messageOf, otelTransform, passthrough } from "./support.ts";

const formulas = [
  "$1",
  "$1 > 1",
  "$1 * 2",
  "$1 == ()",
  "str::from($1)",
  "if($1 == 0, true, false)",
  "$1 ^ 40",
];
const paths = ["a", "a.b", "*", "a.*", "*.b", "metrics.0.value", "$metadata.topic", "a ?? 0", "__proto__.x"];
const outputs = ["a", "a.b", "*", "x.*.y", "", "metrics.0.value", "$metadata.topic", "__proto__.x", "a.0"];

const formula = fc.record({
  inputs: fc.tuple(fc.constantFrom(...paths)),
  expression: fc.constantFrom(...formulas),
});
const transform: fc.Arbitrary<TransformRules> = fc.oneof(
  fc
    .array(
      fc.record({
        inputs: fc.tuple(fc.constantFrom(...paths)),
        output: fc.constantFrom(...outputs),
        expression: fc.option(fc.constantFrom(...formulas), { nil: undefined }),
      }),
      { maxLength: 4 },
    )
    .map((rules) => map(passthrough, ...rules.map((rule) => JSON.parse(JSON.stringify(rule))))),
  fc.record({ kind: fc.constant("filter" as const), rules: fc.array(formula, { maxLength: 2 }) }),
  fc.constant({ ...otelTransform, rules: { ...otelTransform.rules, valuePath: "a" } } as const),
);

const json = fc.oneof(
  { depthSize: "small" },
  fc.json(),
  fc
    .tuple(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.string())
    .map(([a, value, name]) =>
      JSON.stringify({
        a,
        metrics: [{ name, type: "f64_gauge", value }],
        logs: [{ level: "info", value: name }],
      }),
    ),
  fc.string(),
);

describe("createGraphFormat()", () => {
  it("reads or refuses whatever comes, and reads it the same way again", () => {
    const branch: TransformRules = { kind: "branch", rule: { inputs: ["a ?? 0"], expression: "$1 != 0" } };
    fc.assert(
      fc.property(transform, transform, json, (first, second, payload) => {
        const rules = graph({
          transforms: { first, second, branch, both: { kind: "concatenate" } },
          destinations: { one: "plant", two: "cloud" },
          connections: [
            ["in", "first"],
            ["in", "branch"],
            ["branch.true", "second"],
            ["branch.false", "both"],
            ["second", "both"],
            ["first", "both"],
            ["first", "two"],
            ["both", "one"],
          ],
        });
        const format = createGraphFormat([rules], aioFormat);
        const read = () => format.parse(messageOf(payload), { lenient: false });
        const parsed = read();
        expect(["items", "refused", "filtered"]).toContain(parsed.kind);
        expect(read()).toEqual(parsed);
        if (parsed.kind !== "items") return;
        const { metrics, logs, routes } = parsed.items;
        expect(
          new Set([...(routes?.values() ?? [])].flatMap((route) => [...route.metrics, ...route.logs])),
        ).toEqual(new Set([...metrics, ...logs]));
      }),
      { numRuns: 500 },
    );
  });
});
