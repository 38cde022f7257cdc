import { describe, expect, it } from "vitest";
import { createExplain } from "../../pipeline/explain/explain.ts";
import { findOrigin } from "../../pipeline/explain/origin.ts";
import { LastValues } from "../../pipeline/last-values.ts";
import { metric, rules } from "../mapping/support.ts";
import { clock, configOf } from "./support.ts";

const mappings = [
  rules({
    metrics: [
      metric({
        value: { inputs: ["t ? $last"], expression: "$1 + 1" },
        when: { inputs: ["s ? $last ?? true"], expression: "$1" },
      }),
    ],
  }),
];
const place = { source: "devices", topic: "plant/a", rule: "Mapping thermostat", member: "" };

/** What is said of payloads, one after the other. */
function open(lastValues: LastValues | undefined) {
  const config = { ...configOf(), mappings };
  const explain = createExplain({ config, instanceId: undefined, clock, lastValues });
  const origin = findOrigin(config, { name: "devices", topic: "plant/a" });
  return (payload: object) =>
    explain(origin, { topic: "plant/a", userProperties: [], payload: Buffer.from(JSON.stringify(payload)) });
}

describe("an explanation of a rule with a last value", () => {
  it("tells it, with when it was met, and what comes of it", async () => {
    const stored = [{ ...place, input: "t", value: "41.5", metAtUs: Date.UTC(2026, 0, 5, 10) * 1000 }];
    const { rules, items, verdict, lanes } = await open(
      new LastValues({ stored, onForgotten: () => undefined }),
    )({});
    expect(verdict).toBe("accepted");
    expect(rules).toEqual([
      {
        rule: "metrics[0] of Mapping thermostat",
        values: [
          { of: "last value of s", value: "nothing" },
          { of: "s ? $last ?? true", value: "true" },
          { of: "$1", value: "true" },
          { of: "last value of t", value: "41.5 (met 2026-01-05T10:00:00.000Z)" },
          { of: "t ? $last", value: "41.5" },
          { of: "$1 + 1", value: "42.5" },
        ],
        omitted: 0,
      },
    ]);
    expect(items.metrics).toMatchObject([{ value: 42.5 }]);
    expect(lanes[0]).toMatchObject({ exports: true });
  });

  it("changes nothing that is remembered", async () => {
    const lastValues = new LastValues({ stored: [], onForgotten: () => undefined });
    const explain = open(lastValues);
    expect(await explain({ t: 1 })).toMatchObject({ verdict: "accepted" });
    expect(await explain({})).toMatchObject({ verdict: "deadLettered" });
    expect(lastValues.recall(place).last({ ...place, input: "t" })).toBeUndefined();
  });

  it("is that of a first message where no gateway runs", async () => {
    const { verdict, rules } = await open(undefined)({});
    expect(verdict).toBe("deadLettered");
    expect(rules[0]?.values).toContainEqual({
      of: "last value of t",
      value: "nothing, as no store is open",
    });
  });
});
