import { describe, expect, it } from "vitest";
import { readJsonText } from "../../pipeline/config/json-text.ts";

describe("readJsonText()", () => {
  it("reads JSON", () => {
    expect(readJsonText('{"a":[1,"b"]}')).toEqual({ value: { a: [1, "b"] } });
  });

  it.each([
    ["", "line 1, column 1"],
    ["x", "line 1, column 1"],
    ['{"map":', "line 1, column 8"],
    ['{"map":\n  [x]}', "line 2, column 4"],
    ['{"map": [1,]}', "line 1, column 12"],
    ['{"map": [1}', "line 1, column 11"],
    ['{"map" 1}', "line 1, column 8"],
    ["{map: 1}", "line 1, column 2"],
    ['{"a": "b\nc"}', "line 1, column 9"],
    ['{"a": "b}', "line 1, column 10"],
    ['{"a": tru}', "line 1, column 10"],
    ['{"a": 1.}', "line 1, column 9"],
    ['{"a": -}', "line 1, column 8"],
    ['{"a": "\\x"}', "line 1, column 9"],
    ['{"a": "\\u12"}', "line 1, column 12"],
    ["{} {}", "line 1, column 4"],
    [`[${"1,".repeat(300)}x]`, "line 1, column 602"],
  ])("says where %j is none", (text, place) => {
    expect(readJsonText(text)).toEqual({ fault: `Wanted JSON, met something else (${place} of the text)` });
  });
});
