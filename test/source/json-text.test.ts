import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compactJson, sliceJson } from "../../pipeline/source/json-text.ts";

const numRuns = Number(process.env.FAST_CHECK_RUNS ?? 2000);

describe("sliceJson()", () => {
  it.each<[string, (string | undefined)[]]>([
    ['{"p":1}', ["1"]],
    ['\n{ "p" : 1.0 , "q":2}\n', ["1.0"]],
    ['{"q":{"p":1}}', [undefined]],
    ['{"p":1,"p":{"x":[1e3]}}', ['{"x":[1e3]}']],
    ['{"\\u0070":1}', ["1"]],
    ['{"q":"\\\\","p":"a\\"}"}', ['"a\\"}"']],
    ['{"p":null}', ["null"]],
    ['{"p":[ ]}', ["[ ]"]],
    ["{}", [undefined]],
    ["[]", []],
    ["[ ]", []],
    ["7", [undefined]],
    ['[{"p":1}, 2 ,"x",[{"p":3}],{"p":-4}]', ["1", undefined, undefined, undefined, "-4"]],
  ])("finds the member in %s", (text, members) => {
    expect(sliceJson(text, ["p"]).map(({ member }) => member)).toEqual(members);
  });

  it("gives each element's own text", () => {
    expect(sliceJson(' [ {"p": 1.0} , 2e0,"a,]" ] ', ["p"]).map(({ text }) => text)).toEqual([
      '{"p": 1.0}',
      "2e0",
      '"a,]"',
    ]);
  });

  it("bears deep nesting", () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect(sliceJson(`{"p":${deep}}`, ["p"])).toEqual([{ text: `{"p":${deep}}`, member: deep }]);
  });

  it("finds in any array what JSON.parse finds", () => {
    const value = fc.array(
      fc.oneof(fc.record({ p: fc.jsonValue(), q: fc.jsonValue() }, { requiredKeys: [] }), fc.jsonValue()),
    );
    fc.assert(
      fc.property(value, fc.constantFrom("", " ", "\n\t"), (elements, space) => {
        const text = JSON.stringify(elements, null, space);
        const parsed = JSON.parse(text) as unknown[];
        const slices = sliceJson(text, ["p"]);
        expect(slices.map((slice) => JSON.parse(slice.text))).toEqual(parsed);
        for (const [index, { member }] of slices.entries()) {
          const element = parsed[index] as { p?: unknown } | null;
          const has = typeof element === "object" && element !== null && Object.hasOwn(element, "p");
          expect(member === undefined ? undefined : JSON.parse(member)).toEqual(has ? element.p : undefined);
        }
      }),
      { numRuns },
    );
  });
});

describe("compactJson()", () => {
  it.each([
    [' { "a b" : [ 1.0 , 1E3 ,\t-0 ] }\r\n', '{"a b":[1.0,1E3,-0]}'],
    ['{"a":"x  \\" y\\\\" , "b":" "}', '{"a":"x  \\" y\\\\","b":" "}'],
    ["1", "1"],
    ["[]", "[]"],
  ])("takes the white space out of %s", (text, compact) => {
    expect(compactJson(text)).toBe(compact);
  });

  it("turns any indented JSON into the compact one", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(compactJson(JSON.stringify(value, null, 2))).toBe(JSON.stringify(value));
      }),
      { numRuns },
    );
  });
});
