import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPayloadFormat } from "../../pipeline/mapping/mappings.ts";
import { inputsOf } from "../../pipeline/mapping/remembered.ts";
import type { MappingRules } from "../../pipeline/mapping/rules.ts";
import type { ParseOptions } from "../../pipeline/payload/format.ts";
import { createFrontDoor, type Entered } from "../support/front-door.ts";
import { log, messageOf, metric, rules } from "./support.ts";

/** What each of these payloads becomes, one after the other. */
function open(mapping: MappingRules, options: Partial<ParseOptions> = {}) {
  const enter = createFrontDoor(createPayloadFormat([mapping]), options);
  const values = ({ parsed }: Entered): unknown => {
    if (parsed.kind === "filtered") return parsed.by;
    if (parsed.kind === "refused") return parsed.refusal.message;
    const { metrics, logs } = parsed.items;
    return [...metrics.map(({ value }) => value), ...logs.map(({ body }) => body)];
  };
  return {
    enter: (payload: unknown, topic = "plant/oven") => enter(messageOf(payload, { topic })),
    values: (payload: unknown, topic = "plant/oven") => values(enter(messageOf(payload, { topic }))),
  };
}

const of = (path: string, fields = {}) => metric({ value: { path }, ...fields });

describe("? $last of a Mapping", () => {
  it("stands in for a value that is missing, and for null", () => {
    const { values } = open(rules({ metrics: [of("t ? $last")] }));
    expect([{ t: 21.5 }, {}, { t: null }, { t: 22 }, {}].map((one) => values(one))).toEqual([
      [21.5],
      [21.5],
      [21.5],
      [22],
      [22],
    ]);
  });

  it("is missing in the first message, as the mapping's onMissing has it", () => {
    const metrics = [of("t ? $last")];
    expect(open(rules({ metrics })).values({})).toBe(
      "Cannot read t ? $last: met nothing, wanted a value (metrics[0] of Mapping thermostat)",
    );
    expect(open(rules({ metrics, onMissing: "skip" })).values({})).toEqual([]);
  });

  it("goes before a default", () => {
    const { values } = open(rules({ metrics: [of("t ? $last ?? -1")] }));
    expect([{}, { t: 5 }, {}].map((one) => values(one))).toEqual([[-1], [5], [5]]);
  });

  it("is kept apart by topic and by source", () => {
    const format = createPayloadFormat([rules({ metrics: [of("t ? $last ?? 0")] })]);
    const enter = createFrontDoor(format);
    const numberOf = (payload: unknown, topic: string, source: string) => {
      const { parsed } = enter(messageOf(payload, { topic, source }));
      return parsed.kind === "items" && parsed.items.metrics[0]?.value;
    };
    numberOf({ t: 1 }, "plant/a", "raw");
    numberOf({ t: 2 }, "plant/b", "raw");
    expect(numberOf({}, "plant/a", "raw")).toBe(1);
    expect(numberOf({}, "plant/b", "raw")).toBe(2);
    expect(numberOf({}, "plant/a", "bridge")).toBe(0);
  });

  it("is kept apart by member in a rule with each", () => {
    const { values } = open(rules({ metrics: [of("Value ? $last", { each: "*", name: "m" })] }));
    values({ a: { Value: 1 }, b: { Value: 2 }, "a.b": { Value: 3 } });
    expect(values({ b: {}, a: {}, "a.b": {} })).toEqual([2, 1, 3]);
  });

  it("is kept apart by names that are written alike with and without a full stop", () => {
    const { values } = open(rules({ metrics: [of("v ? $last", { each: "*.x", name: "m" })] }));
    values({ a: { b: { x: { v: 1 } } }, "a.b": { x: { v: 2 } } });
    expect(values({ "a.b": { x: { w: 0 } }, a: { b: { x: { w: 0 } } } })).toEqual([2, 1]);
  });

  it("stands in for inputs of expressions, of when and of filter", () => {
    const two = { inputs: ["a ? $last", "b ? $last"], expression: "$1 + $2" };
    const mapping = rules({
      filter: { inputs: ["quality ? $last"], expression: "$1 != 'Good'" },
      metrics: [metric({ value: two, when: { inputs: ["on ? $last"], expression: "$1" } })],
    });
    const { values } = open(mapping);
    expect(values({ quality: "Good", on: true, a: 1, b: 10 })).toEqual([11]);
    expect(values({ a: 2 })).toEqual([12]);
    expect(values({ on: false })).toEqual([]);
    expect(values({ b: 20 })).toEqual([]);
    expect(values({ on: true })).toEqual([22]);
    expect(values({ quality: "Bad" })).toBe("filter of Mapping thermostat");
    expect(values({ a: 3 })).toBe("filter of Mapping thermostat");
    expect(values({ quality: "Good" })).toEqual([23]);
  });

  it("is met in messages that are filtered or refused too", () => {
    const mapping = rules({
      filter: { inputs: ["drop ?? false"], expression: "$1" },
      metrics: [of("n"), of("t ? $last")],
    });
    const { values } = open(mapping);
    values({ n: 0, t: 1 });
    expect(values({ drop: true, t: 2 })).toBe("filter of Mapping thermostat");
    expect(values({ n: 0 })).toEqual([0, 2]);
    expect(values({ n: "x", t: 3 })).toMatch(/^Cannot read/);
    expect(values({ n: 0 })).toEqual([0, 3]);
  });

  it("stands in for times, and in templates", () => {
    const mapping = rules({
      timestamp: { path: "at ? $last", unit: "s" },
      attributes: { site: "${payload.site ? $last}" },
      metrics: [of("Value", { each: "r.*", attributes: { unit: "${payload.unit ? $last}" } })],
    });
    const { enter } = open(mapping);
    enter({ at: 1, site: "north", r: { a: { Value: 1, unit: "C" }, b: { Value: 2, unit: "F" } } });
    const { parsed } = enter({ r: { b: { Value: 3 } } });
    expect(parsed).toMatchObject({
      items: {
        metrics: [
          {
            timeUnixNano: 1_000_000_000n,
            attributes: [
              { key: "site", value: "north" },
              { key: "unit", value: "F" },
            ],
          },
        ],
      },
    });
  });

  it("is shared by the rules of a mapping that read the same path", () => {
    const { values } = open(
      rules({
        metrics: [of("t ? $last", { when: { inputs: ["on"], expression: "$1" } })],
        logs: [log({ value: { inputs: ["t ?$LAST ?? 0"], expression: "str::from($1)" } })],
      }),
    );
    expect([{ on: false, t: 4 }, { on: true }].map((one) => values(one))).toEqual([["4"], [4, "4"]]);
  });

  it("tells floats from integers, and integers of 64 bits exactly", () => {
    const { values } = open(
      rules({
        logs: [log({ value: { inputs: ["v ? $last"], expression: "str::from($1 / 10)" } })],
        metrics: [of("n ? $last", { type: "i64_gauge" })],
      }),
    );
    values('{"v":72.0,"n":9007199254740993}');
    expect(values({})).toEqual([9007199254740993n, "7.2"]);
  });

  it("leaves a message as it is when nothing stands in", () => {
    const { enter } = open(rules({ metrics: [of("t ? $last")] }));
    expect(enter({ t: 1 }).message.lastValues).toBeUndefined();
    expect(enter({}).message.lastValues).toEqual([
      { rule: "Mapping thermostat", input: "t", member: "", value: "1" },
    ]);
  });

  it("counts as missing where what was stored cannot be read", () => {
    const format = createPayloadFormat([rules({ metrics: [of("t ? $last ?? 0")] })]);
    const lastValues = [{ rule: "Mapping thermostat", input: "t", member: "", value: "2q" }];
    expect(format.parse(messageOf({}, { lastValues }), { lenient: false })).toMatchObject({
      items: { metrics: [{ value: 0 }] },
    });
  });

  it("is told to who looks on, with when it was met", () => {
    const format = createPayloadFormat([rules({ metrics: [of("t ? $last")] })]);
    const told: unknown[] = [];
    const watch = {
      reader: () => undefined,
      rule: () => undefined,
      value: (of: string, read: () => unknown) => told.push([of, read()]),
      lastValue: (input: string, known: unknown) => told.push([input, known]),
    };
    const known = { value: "7", metAtUs: 5 };
    const recall = { last: () => known, meet: () => undefined };
    format.parse(messageOf({}), { lenient: false, watch, recall });
    expect(told).toEqual([
      ["t", known],
      ["t ? $last", 7],
    ]);
  });
});

describe("inputsOf()", () => {
  it("names each input once, those of members behind the path of each", () => {
    const mapping = rules({
      filter: { inputs: ["q", "s ? $last"], expression: "$1 != $2" },
      metrics: [
        of("s ? $last"),
        of("v ? $LAST ?? 0", { each: "readings.*", name: "${payload.name ? $last}" }),
        of(". "),
      ],
    });
    expect(inputsOf(mapping)).toEqual([
      { rule: "Mapping thermostat", input: "readings.*.v" },
      { rule: "Mapping thermostat", input: "readings.*.name" },
      { rule: "Mapping thermostat", input: "s" },
    ]);
  });
});

const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.maxSafeInteger(),
);
const frame = fc.record(
  {
    a: fc.option(number),
    b: fc.option(number),
    r: fc.dictionary(fc.constantFrom("x", "y"), fc.record({ v: number }, { requiredKeys: [] })),
  },
  { requiredKeys: [] },
);
const modelled = rules({
  metrics: [of("a ? $last ?? 0"), of("b ? $last ?? 0"), of("v ? $last ?? 0", { each: "r.*" })],
  onMissing: "skip",
});

// The model: one map of names to values, in which a null changes nothing.
it("stands in with what the latest message had that had it, and each is read again with the same result", () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), (frames) => {
      const { values } = open(modelled);
      const last = new Map<string, number>();
      for (const { a, b, r = {} } of frames) {
        const met: [string, number | null | undefined][] = [
          ["a", a],
          ["b", b],
        ];
        for (const [name, { v }] of Object.entries(r)) met.push([`r.${name}`, v]);
        for (const [name, value] of met) if (value !== null && value !== undefined) last.set(name, value);
        // JSON.stringify writes -0 as 0.
        expect(values({ a, b, r })).toEqual(met.map(([name]) => (last.get(name) ?? 0) + 0));
      }
    }),
  );
});
