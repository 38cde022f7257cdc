import { describe, expect, it } from "vitest";
import type { UserProperty } from "../../pipeline/message.ts";
import { parseTraceContext, sampledTraceContext } from "../../pipeline/otlp/trace-context.ts";

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

/** What a list of User Properties says, in hex. */
function show(...userProperties: UserProperty[]) {
  const context = parseTraceContext(userProperties);
  if (context === undefined) return undefined;
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  return [hex(context.traceId), hex(context.spanId), context.flags];
}

const shortId = "a3ce929d0e0e4736";
const paddedId = `${"0".repeat(16)}${shortId}`;

describe("B3 in a single property", () => {
  it.each([
    [`${traceId}-${spanId}-1`, [traceId, spanId, 1]],
    [`${traceId}-${spanId}-d`, [traceId, spanId, 1]],
    [`${traceId}-${spanId}-0`, [traceId, spanId, 0]],
    [`${traceId}-${spanId}`, [traceId, spanId, 0]],
    [`${traceId}-${spanId}-1-05e3ac9a4f6e3b90`, [traceId, spanId, 1]],
    [`${shortId}-${spanId}-1`, [paddedId, spanId, 1]],
  ])("reads %s", (text, context) => {
    expect(show(["b3", text])).toEqual(context);
  });

  it.each([
    [""],
    ["0"],
    ["d"],
    [`${traceId}`],
    [`${traceId}-${spanId}-2`],
    [`${traceId}-${spanId}-true`],
    [`${traceId}-${spanId}-1-05e3`],
    [`${traceId}-${spanId}-1\n`],
    [`${traceId.slice(1)}-${spanId}-1`],
    [`${traceId.toUpperCase()}-${spanId}-1`],
    [`${"0".repeat(32)}-${spanId}-1`],
    [`${"0".repeat(16)}-${spanId}-1`],
    [`${traceId}-${"0".repeat(16)}-1`],
  ])("finds nothing in %j", (text) => {
    expect(show(["b3", text])).toBeUndefined();
  });

  it("says nothing when two differ, and counts once when they are the same", () => {
    const text = `${traceId}-${spanId}-1`;
    expect(show(["b3", text], ["b3", `${shortId}-${spanId}-1`])).toBeUndefined();
    expect(show(["b3", text], ["b3", text])).toEqual([traceId, spanId, 1]);
  });
});

describe("B3 in several properties", () => {
  const ids: UserProperty[] = [
    ["x-b3-traceid", traceId],
    ["x-b3-spanid", spanId],
  ];

  it.each([
    [[], 0],
    [[["x-b3-sampled", "1"]], 1],
    [[["x-b3-sampled", "true"]], 1],
    [[["x-b3-sampled", "0"]], 0],
    [[["x-b3-sampled", "false"]], 0],
    [[["x-b3-sampled", "maybe"]], 0],
    [[["x-b3-flags", "1"]], 1],
    [[["x-b3-flags", "0"]], 0],
    [
      [
        ["x-b3-sampled", "0"],
        ["x-b3-flags", "1"],
      ],
      1,
    ],
    [
      [
        ["x-b3-sampled", "0"],
        ["x-b3-sampled", "1"],
      ],
      0,
    ],
  ] satisfies [UserProperty[], number][])("reads the ids, and of %j the flags", (state, flags) => {
    expect(show(...ids, ...state)).toEqual([traceId, spanId, flags]);
  });

  it("knows the names in the case that HTTP gives them", () => {
    expect(show(["X-B3-TraceId", shortId], ["X-B3-SpanId", spanId], ["X-B3-Sampled", "1"])).toEqual([
      paddedId,
      spanId,
      1,
    ]);
  });

  it.each([
    ["no trace id", [["x-b3-spanid", spanId]]],
    ["no span id", [["x-b3-traceid", traceId]]],
    ["a trace id of zeros", [["x-b3-traceid", "0".repeat(16)], ids[1]]],
    ["a span id of another length", [ids[0], ["x-b3-spanid", traceId]]],
    ["trace ids that differ", [...ids, ["X-B3-TraceId", shortId]]],
    ["a trace id behind other digits", [["x-b3-traceid", `00${traceId}`], ids[1]]],
    ["nothing but a sampling state", [["x-b3-sampled", "1"]]],
  ] as [string, UserProperty[]][])("finds nothing in %s", (_, userProperties) => {
    expect(show(...userProperties)).toBeUndefined();
  });
});

describe("a message with several trace contexts", () => {
  const single: UserProperty = ["b3", `${shortId}-${spanId}-0`];
  const multi: UserProperty[] = [
    ["x-b3-traceid", "12".repeat(16)],
    ["x-b3-spanid", spanId],
  ];

  it("is read by traceparent first, whatever the order", () => {
    expect(show(single, ...multi, ["traceparent", valid])).toEqual([traceId, spanId, 1]);
  });

  it("is read by the single B3 property before the several ones", () => {
    expect(show(...multi, single)).toEqual([paddedId, spanId, 0]);
  });

  it.each([
    ["an invalid traceparent", [["traceparent", "00-1-2-01"], single], paddedId],
    ["two traceparents that differ", [["traceparent", valid], ["traceparent", "x"], single], paddedId],
    ["a b3 that is only a sampling state", [["b3", "1"], ...multi], "12".repeat(16)],
  ] as [string, UserProperty[], string][])("falls back behind %s", (_, userProperties, id) => {
    expect(show(...userProperties)?.[0]).toBe(id);
  });
});

describe("the traceparent of a CloudEvent", () => {
  const other = `00-${"12".repeat(16)}-${spanId}-01`;

  it("is read when no property says where the message comes from", () => {
    const expected = parse(valid);
    expect(parseTraceContext([], valid)).toEqual(expected);
    expect(parseTraceContext([["traceparent", "broken"]], valid)).toEqual(expected);
    expect(sampledTraceContext([], valid)).toEqual(expected);
  });

  it("gives way to a property", () => {
    expect(parseTraceContext([["traceparent", valid]], other)).toEqual(parse(valid));
  });

  it("may be invalid", () => {
    expect(parseTraceContext([], "")).toBeUndefined();
    expect(parseTraceContext([], valid.toUpperCase())).toBeUndefined();
  });
});

describe("sampledTraceContext()", () => {
  it("gives B3 contexts that are known to be sampled, and no others", () => {
    expect(sampledTraceContext([["b3", `${traceId}-${spanId}-d`]])?.flags).toBe(1);
    expect(sampledTraceContext([["b3", `${traceId}-${spanId}-0`]])).toBeUndefined();
    expect(sampledTraceContext([["b3", `${traceId}-${spanId}`]])).toBeUndefined();
  });
});
