import { expect, it } from "vitest";
import { map, pass } from "./support.ts";

it("a map refuses a message with a long array that each of thousands of members reads, before it takes long", () => {
  const rule = {
    inputs: ["unit", "readings.*.v"],
    output: "readings.*.v",
    expression: 'if($1 == "F", fToC($2), $2)',
  };
  const readings = Array.from({ length: 20_000 }, (_, v) => ({ v }));
  const payload = JSON.stringify({ unit: Array.from({ length: 65_000 }, () => 0), readings });
  expect(pass(map(rule), payload)).toMatchObject({
    message: expect.stringContaining("Cannot read expressions: met more than 33554432 steps in one message"),
  });
});
