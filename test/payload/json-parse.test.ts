import { describe, expect, it } from "vitest";
import { parseTypedJson } from "../../pipeline/expression/json.ts";
import { parseJson } from "../../pipeline/payload/json.ts";
import { parseText } from "../../pipeline/payload/json-parse.ts";
import { createChoices } from "../store/choices.ts";

const raw = String.raw;

/** Names and values, in order; also an own `__proto__`. */
const membersOf = (value: unknown) => Object.entries(value as object);

describe("parseText() reads a name with an escape as it is written, after one that its text begins with:", () => {
  it.each([
    ["an escaped quote", raw`{"q":0,"a\\":1}`, raw`{"q":0,"a\"":1}`, 'a"'],
    ["a line's end", raw`{"r":0,"a\\":1}`, raw`{"r":0,"a\n":1}`, "a\n"],
    ["a character by its number", raw`{"s":0,"temp\\u":1}`, raw`{"s":0,"temp\u00b0C":1}`, "temp°C"],
    ["at the beginning", raw`{"t":0,"\\":1}`, raw`{"t":0,"\"":1}`, '"'],
    ["before a space", raw`{"u":0,"a\\":1}`, raw`{"u":0,"a\""  :1}`, 'a"'],
  ])("%s", (_, before, text, name) => {
    for (const parse of [parseText, parseJson, parseTypedJson]) {
      parse(before);
      JSON.parse(before);
      expect(membersOf(parse(text))[1]).toEqual([name, 1]);
    }
  });
});

describe("parseText()", () => {
  it("keeps the last of members with one name, at the place of the first", () => {
    const text = raw`{"a\"":1,"b":2,"\u0061\"":3,"\u0062":4,"c\u0064":5,"cd":6}`;
    expect(membersOf(parseText(text))).toEqual([
      ['a"', 3],
      ["b", 4],
      ["cd", 6],
    ]);
  });

  it("makes a plain member of an escaped __proto__", () => {
    const value = parseText(raw`{"__pr\u006fto__":{"x":1},"\"":2}`);
    expect(membersOf(value)).toEqual([
      ["__proto__", { x: 1 }],
      ['"', 2],
    ]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it("leaves strings alone that look like names", () => {
    const text = raw`["\"a\"",":",{"x":"{\"a\\\"\":1}"},"\\",":"]`;
    expect(parseText(text)).toEqual(['"a"', ":", { x: raw`{"a\"":1}` }, "\\", ":"]);
  });

  it("says what JSON.parse says of a text that is none", () => {
    const text = raw`{"a\"":1`;
    expect(() => parseText(text)).toThrow(expect.objectContaining({ name: "SyntaxError" }));
  });

  it("bears a name with an escape below a nesting as deep as the text is long", () => {
    const depth = 100_000;
    let value = parseText(`${"[".repeat(depth)}{"a\\"":1}${"]".repeat(depth)}`);
    for (let level = 0; level < depth; level++) value = (value as unknown[])[0];
    expect(value).toEqual({ 'a"': 1 });
  });

  it("takes what JSON.stringify made, whatever came before", () => {
    const random = createChoices();
    const pieces = ["a", "\\", '"', "\n", "u", "0", "°", ":", "temp", "\\u", '\\"', "}", "{"];
    const text = () => Array.from({ length: random.below(4) }, () => random.pick(pieces)).join("");
    const object = (depth: number): Record<string, unknown> =>
      Object.fromEntries(
        Array.from({ length: random.below(4) }, () => [
          `x${text()}`,
          random.chance(0.3) && depth > 0 ? [object(depth - 1), text()] : text(),
        ]),
      );
    for (let turn = 0; turn < 20_000; turn++) {
      const value = { fixed: 0, ...object(2) };
      const written = JSON.stringify(value).replace(/°/g, raw`\u00b0`);
      expect(JSON.stringify(parseText(written))).toBe(JSON.stringify(value));
    }
  });
});
