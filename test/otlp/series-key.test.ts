import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attributesKey } from "../../pipeline/otlp/attributes.ts";
import { metricKey, parseSeriesKey } from "../../pipeline/otlp/series-key.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom("", " ", "s1,1,ab", "\ud800", "\n"),
);
const attributes = fc.uniqueArray(
  fc.record({
    key: text,
    value: fc.oneof(
      text,
      fc.boolean(),
      fc.integer(),
      fc.double(),
      fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
    ),
  }),
  { selector: ({ key }) => key, maxLength: 4 },
);

describe("parseSeriesKey()", () => {
  it("gives back the metric and attributes of the same key", () => {
    const kind = fc.constantFrom("gauge", "monotonicSum", "sum", "histogram");
    fc.assert(
      fc.property(kind, text, text, attributes, (kind, name, unit, list) => {
        const key = attributesKey(list);
        const parsed = parseSeriesKey(metricKey({ kind, name, unit }) + key);
        expect(parsed?.metric).toEqual({ kind, name: name.toWellFormed(), unit: unit.toWellFormed() });
        expect(parsed?.series.key).toBe(key);
        const types = (values: typeof list) => values.map(({ value }) => typeof value).sort();
        expect(parsed?.series.attributes).toHaveLength(list.length);
        expect(types(parsed?.series.attributes.slice() ?? []).filter((type) => type === "string")).toEqual(
          types(list).filter((type) => type === "string"),
        );
      }),
    );
  });

  it("keeps the types of attributes", () => {
    const list = [
      { key: "big", value: 2n ** 70n },
      { key: "flag", value: true },
      { key: "long", value: 2n ** 62n + 1n },
      { key: "ratio", value: 0.1 },
      { key: "text", value: "7" },
      { key: "whole", value: 7 },
    ];
    const parsed = parseSeriesKey(metricKey({ kind: "sum", name: "a", unit: "" }) + attributesKey(list));
    expect(parsed?.series.attributes.map(({ value }) => value)).toEqual([
      2 ** 70,
      true,
      2n ** 62n + 1n,
      0.1,
      "7",
      7n,
    ]);
  });

  it.each(["", "gauge", "other 1,0,a ", "sum 1,0,a nonsense"])("refuses %j", (key) => {
    expect(parseSeriesKey(key)).toBeUndefined();
  });
});
