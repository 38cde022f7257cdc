import { describe, expect, it } from "vitest";
import type { UserProperty } from "../../pipeline/message.ts";
import { parseTraceContext } from "../../pipeline/otlp/trace-context.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const valid = `00-${traceId}-${spanId}-01`;

function parse(...values: string[]) {
  return parseTraceContext(values.map((value): UserProperty => ["traceparent", value]));
}

describe("parseTraceContext()", () => {
  it("reads ids and flags", () => {
    const context = parse(valid);
    expect(Buffer.from(context?.traceId ?? []).toString("hex")).toBe(traceId);
    expect(Buffer.from(context?.spanId ?? []).toString("hex")).toBe(spanId);
    expect(context?.flags).toBe(1);
  });

  it.each([
    ["none", []],
    ["an empty one", [""]],
    ["version ff", [`ff-${traceId}-${spanId}-01`]],
    ["a trace id of zeros", [`00-${"0".repeat(32)}-${spanId}-01`]],
    ["a span id of zeros", [`00-${traceId}-${"0".repeat(16)}-01`]],
    ["upper case", [valid.toUpperCase()]],
    ["version 00 with a suffix", [`${valid}-00`]],
    ["a higher version with a suffix without dash", [`01-${traceId}-${spanId}-01x`]],
    ["a trailing line break", [`${valid}\n`]],
    ["a short one", [valid.slice(0, -1)]],
    ["two that differ", [valid, `00-${traceId}-${spanId}-00`]],
  ])("finds nothing in %s", (_, values) => {
    expect(parse(...values)).toBeUndefined();
  });

  it("takes identical repeats for one", () => {
    expect(parse(valid, valid)).toEqual(parse(valid));
  });

  it.each([`01-${traceId}-${spanId}-01`, `cc-${traceId}-${spanId}-01-what-the-future-brings`])(
    "reads a higher version: %s",
    (text) => {
      expect(parse(text)).toEqual(parse(valid));
    },
  );

  it("passes on the flags that are defined and no others", () => {
    expect(parse(`00-${traceId}-${spanId}-fe`)?.flags).toBe(2);
  });

  it("knows the property by its exact name", () => {
    expect(parseTraceContext([["Traceparent", valid]])).toBeUndefined();
  });
});
