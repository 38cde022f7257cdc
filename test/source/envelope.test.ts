import { expect, it } from "vitest";
import { parseJson } from "../../pipeline/source/envelope.ts";

it("parseJson() reads names as they are written, whatever was parsed before", () => {
  const raw = String.raw;
  const parse = (text: string) => parseJson(new TextEncoder().encode(text), "mqtt").value;
  JSON.parse(raw`{"envelope":0,"\\u":1}`);
  parse(raw`{"envelope":0,"\\u":1}`);
  expect(Object.keys(parse(raw`{"envelope":0,"\u00b0C":1}`) as object)).toEqual(["envelope", "°C"]);
});
