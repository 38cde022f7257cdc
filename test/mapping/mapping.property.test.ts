import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FormulaRule, MappingRules, TimeRule } from "../../pipeline/mapping/rules.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { metricTypes, type Parsed } from "../../pipeline/payload/format.ts";
import { log, mapped, messageOf, metric, rules } from "./support.ts";

const name = fc.constantFrom("a", "b", "c");
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(
      null,
      true,
      0,
      -1,
      72.5,
      1e300,
      "",
      "x",
      "21.5",
      "\ud800",
      "2025-06-01T08:30:00.1234567Z",
    ),
    fc.integer(),
    fc.array(tie("json"), { maxLength: 3 }),
    fc.dictionary(name, tie("json"), { maxKeys: 3 }),
  ),
})).json;

const path = fc.constantFrom(".", "a", "a.b", "b.0", "c ?? 5", "$metadata.topic");
const input = fc.oneof(
  path.filter((text) => text !== "."),
  fc.constantFrom("*", "*.a", "a.*"),
);
const formula: fc.Arbitrary<FormulaRule> = fc.record({
  inputs: fc.tuple(input, input).map((inputs): readonly string[] => inputs),
  expression: fc.constantFrom(
    "$1",
    "$1 + $2",
    "$1 / $2",
    "$1 > $2",
    "cToF($1)",
    "if($1 == (), $2, $1)",
    "$1 == $2",
  ),
});
const time: fc.Arbitrary<TimeRule | undefined> = fc.option(
  fc.record({ path, unit: fc.constantFrom(undefined, "s", "ms", "us", "ns") }),
  { nil: undefined },
);
const template = fc.constantFrom("m", `\${key}`, `\${topic.2}`, `x-\${payload.a}`, `\${clientId}`);
const ruleFields = {
  each: fc.constantFrom(undefined, "*", "a.*", "*.b"),
  value: fc.oneof(
    path.map((text) => ({ path: text })),
    formula,
  ),
  when: fc.option(formula, { nil: undefined }),
  timestamp: time,
  attributes: fc.dictionary(fc.constantFrom("k", "l"), template),
};
const mapping: fc.Arbitrary<MappingRules> = fc
  .record({
    filter: fc.option(formula, { nil: undefined }),
    timestamp: time,
    onMissing: fc.constantFrom("skip", "deadLetter"),
    metrics: fc.array(
      fc.record({ name: template, type: fc.constantFrom(...metricTypes), ...ruleFields }).map(metric),
      { maxLength: 2 },
    ),
    logs: fc.array(fc.record(ruleFields).map(log), { maxLength: 2 }),
  })
  .map((fields) => rules(fields));

/** The items as a payload of the AIO schema has them. */
function asPayload({ metrics, logs }: Extract<Parsed, { kind: "items" }>["items"]): string {
  const whole = {
    metrics: metrics.map(({ timeUnixNano, unit, madeBy, ...item }) => ({ ...item, timestamp: timeUnixNano })),
    logs: logs.map(({ timeUnixNano, body, severityText, ...item }) => ({
      ...item,
      value: body,
      timestamp: timeUnixNano,
    })),
  };
  const text = JSON.stringify(whole, (_, member) => (typeof member === "bigint" ? `int ${member}` : member));
  return text.replaceAll(/"int (-?\d+)"/g, "$1");
}

describe("a mapping, whatever the rules and the payload", () => {
  it("makes items that the AIO schema would take, or says why not", () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(mapping, value, fc.boolean(), (one, payload, lenient) => {
        const parsed = mapped(one, payload, { lenient });
        kinds.add(parsed.kind);
        if (parsed.kind === "refused") {
          expect(parsed.refusal.message).toMatch(/^Cannot .+/);
          expect(parsed.refusal.message.length).toBeLessThan(400);
        } else if (parsed.kind === "items") {
          const { metrics, logs } = parsed.items;
          expect([...metrics, ...logs].some(({ timeUnixNano }) => timeUnixNano === 0n)).toBe(false);
          const again = aioFormat.parse(messageOf(asPayload(parsed.items)), { lenient: false });
          expect(again).toMatchObject({
            kind: "items",
            items: { metrics: metrics.map(({ value }) => ({ value })) },
          });
        }
      }),
      { numRuns: 3000 },
    );
    expect([...kinds].sort()).toEqual(["filtered", "items", "refused"]);
  });
});
