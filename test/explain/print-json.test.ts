import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printJson } from "../../cli/print-json.ts";

describe("printJson()", () => {
  it("prints JSON of the same value, whatever it is", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(JSON.stringify(JSON.parse(printJson(value).join("\n")))).toBe(JSON.stringify(value));
      }),
    );
  });

  it("puts what fits on one line, and each member of what does not on its own", () => {
    const short = { a: [1, 2], b: {} };
    expect(printJson(short, "  ")).toEqual(['  {"a":[1,2],"b":{}}']);
    const long = "x".repeat(90);
    expect(printJson({ long, list: [long, short], empty: [] })).toEqual([
      "{",
      `  "long": "${long}",`,
      '  "list": [',
      `    "${long}",`,
      '    {"a":[1,2],"b":{}}',
      "  ],",
      '  "empty": []',
      "}",
    ]);
  });
});
