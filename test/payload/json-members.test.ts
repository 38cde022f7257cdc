import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countRepeatedMembers } from "../../pipeline/payload/json-members.ts";
import { numRuns } from "./runs.ts";

const count = (text: string) => countRepeatedMembers(text, JSON.parse(text));

/** An object's text with some of its members written twice, and how many. */
const { object } = fc.letrec<{ object: { text: string; repeated: number } }>((tie) => ({
  object: fc
    .array(
      fc.record({
        key: fc.string(),
        times: fc.integer({ min: 1, max: 3 }),
        value: fc.oneof(
          { maxDepth: 3 },
          fc.json({ maxDepth: 1 }).map((text) => ({ text, repeated: 0 })),
          tie("object"),
          tie("object").map(({ text, repeated }) => ({ text: `[1, ${text}]`, repeated })),
        ),
        space: fc.constantFrom("", " ", "\r\n\t"),
      }),
      { maxLength: 4 },
    )
    .map((members) => {
      const unique = members.filter(
        ({ key }, index) => members.findIndex((one) => one.key === key) === index,
      );
      const texts = unique.flatMap(({ key, times, value, space }) => [
        ...Array.from({ length: times - 1 }, () => `${JSON.stringify(key)}${space}:${space}0`),
        `${JSON.stringify(key)}${space}:${space}${value.text}`,
      ]);
      const repeated = unique.reduce((sum, { times, value }) => sum + times - 1 + value.repeated, 0);
      return { text: `{${texts.join(",")}}`, repeated };
    }),
}));

describe("countRepeatedMembers()", () => {
  it.each<[string, number]>([
    ["{}", 0],
    ['"a:b"', 0],
    ['{"a":1,"a":2}', 1],
    ['{"a":1,"a" : 2,"a":3}', 2],
    ['[{"a":1},{"a":1}]', 0],
    ['{"a":{"b":1,"b":{}},"c":[{"d":1,"d":1}]}', 2],
    ['{"a":"\\": ","b":"\\\\","c":"\\\\\\":"}', 0],
    ['{"a":1,"\\u0061":2}', 1],
    ['{"__proto__":1,"__proto__":2}', 1],
    ['{"a":"12:30:00"}', 0],
    ['{"a":"12:30:00","a":"::"}', 1],
  ])("finds in %s %i", (text, repeated) => {
    expect(count(text)).toBe(repeated);
  });

  it("finds as many as were written, however the text is formed", () => {
    fc.assert(
      fc.property(object, ({ text, repeated }) => {
        expect(count(text)).toBe(repeated);
      }),
      { numRuns },
    );
  });

  it("bears deep nesting", () => {
    expect(count(`${"[".repeat(100_000)}{"a":1,"a":2}${"]".repeat(100_000)}`)).toBe(1);
  });
});
