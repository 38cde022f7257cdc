import { describe, expect, it } from "vitest";
import { evaluate } from "../../pipeline/expression/evaluate.ts";
import { resultCharsMax } from "../../pipeline/expression/text.ts";
import { fromJson, tupleElementsMax, type Value } from "../../pipeline/expression/value.ts";
import { stepsMax, Work } from "../../pipeline/payload/work.ts";
import { parsed } from "./support.ts";

/** How often an expression can be evaluated with these inputs for one message. */
function timesOf(text: string, ...inputs: Value[]): number {
  const expression = parsed(text);
  const work = new Work();
  for (let times = 0; times < 10_000; times++) {
    try {
      evaluate(expression, inputs, work);
    } catch (error) {
      expect(String(error)).toContain(
        `Cannot read expressions: met more than ${stepsMax} steps in one message, wanted shorter texts and arrays`,
      );
      return times;
    }
  }
  return Infinity;
}

const long = "a".repeat(resultCharsMax);
const many = fromJson(Array.from({ length: tupleElementsMax }, (_, index) => index));

describe("the work of one message", () => {
  it.each<[string, ...Value[]]>([
    ["len($1)", long],
    ["$1 == 'F'", long],
    ["if($1 == 'F', fToC($2), $2)", many, 1n],
    ["contains($1, $2)", many, -1n],
    ["str::regex_replace($1, '^.*$', '$0$0$0$0$0$0$0$0')", "a".repeat(8000)],
    ["str::regex_matches($1 + $2, '^(.*)/alarm$')", long.slice(1), "b"],
  ])("is soon over for %s with a long value for each of thousands of members", (text, ...inputs) => {
    expect(timesOf(text, ...inputs)).toBeLessThanOrEqual(stepsMax / resultCharsMax);
  });

  it("suffices for short values of as many members as there may be", () => {
    expect(timesOf("$1 == 'F' && contains($2, 7)", "plant/line1/t-1", fromJson([1, 7, 9]))).toBe(Infinity);
  });

  it("makes a tuple of an array once", () => {
    const array = [1, 2.5, "a"];
    expect(fromJson(array)).toBe(fromJson(array));
  });
});
