import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTypedJson, printTypedJson } from "../../pipeline/expression/json.ts";

describe("printTypedJson()", () => {
  it.each([
    ["72", "72"],
    ["72.0", "72.0"],
    ["7.2e1", "72.0"],
    ["-0", "-0"],
    ["-0.0", "-0.0"],
    ["9007199254740993", "9007199254740993"],
    ["9007199254740993.0", "9007199254740993.0"],
    ["1e17", "100000000000000000.0"],
    ["9007199254740993.5", "9007199254740994.5"],
    ["-123456789012345678901234567890.5", "-123456789012345677877719597056.5"],
    ["1e400", "1e999"],
    ["-1e400", "-1e999"],
    ['{"a":[1.0,1,null,true],"__proto__":{"b":"1.0"}}', '{"a":[1.0,1,null,true],"__proto__":{"b":"1.0"}}'],
  ])("writes %s so that it is read as the same again", (text, printed) => {
    expect(printTypedJson(parseTypedJson(text))).toBe(printed);
    expect(printTypedJson(parseTypedJson(printed))).toBe(printed);
  });

  it("gives every JSON the same value again", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const value = parseTypedJson(text);
        expect(parseTypedJson(printTypedJson(value))).toEqual(value);
      }),
    );
  });
});
