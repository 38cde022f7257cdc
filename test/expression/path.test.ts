import { describe, expect, it } from "vitest";
import { type Path, parsePath, pathCharsMax } from "../../pipeline/expression/path.ts";
import { path } from "./support.ts";

function payload(segments: string[], rest: Partial<Path> = {}): Partial<Path> {
  return { origin: "payload", segments, ...rest };
}

describe("parsePath()", () => {
  it.each<[string, Partial<Path>]>([
    ["Temperature", payload(["Temperature"])],
    ["Temperature.Value", payload(["Temperature", "Value"])],
    [" Temperature.Value ", payload(["Temperature", "Value"])],
    ["Person.Date of Birth", payload(["Person", "Date of Birth"])],
    ['"Tag 10".Value', payload(["Tag 10", "Value"])],
    ['Payload."Tag.10".Value', payload(["Payload", "Tag.10", "Value"])],
    [
      'Payload."Tag.10".X."Vibration.$12".Value',
      payload(["Payload", "Tag.10", "X", "Vibration.$12", "Value"]),
    ],
    ["'Tag.10'.Value", payload(["Tag.10", "Value"])],
    ['""', payload([""])],
    ['Payload.He said: "Hello", and waved', payload(["Payload", 'He said: "Hello", and waved'])],
    ['Payload.He said: "No. It is done"', payload(["Payload", 'He said: "No', ' It is done"'])],
    ["nsu=http://opcfoundation.org/UA;s=R", payload(["nsu=http://opcfoundation", "org/UA;s=R"])],
    [":Person:.:name:", payload([":Person:", ":name:"])],
    ["Readings.0.Value", payload(["Readings", "0", "Value"])],
    ["Why?.a ? b", payload(["Why?", "a ? b"])],
    ["__proto__.constructor", payload(["__proto__", "constructor"])],
    ["*", payload([], { afterWildcard: [] })],
    ["*.Max", payload([], { afterWildcard: ["Max"] })],
    ["a.*.Max", payload(["a"], { afterWildcard: ["Max"] })],
    ["a.b.*", payload(["a", "b"], { afterWildcard: [] })],
    ['"*".a', payload(["*", "a"])],
    ["$metadata.topic", { origin: "topic", segments: [] }],
    ["$metadata.user_property.site", { origin: "userProperty", segments: ["site"] }],
    ['$metadata.user_property."weird. key"', { origin: "userProperty", segments: ["weird. key"] }],
    ["$metadata.header.priority", { origin: "userProperty", segments: ["priority"] }],
    ["$metadata.system_property.content_type", { origin: "contentType", segments: [] }],
    ['"$metadata".topic', payload(["$metadata", "topic"])],
    ["a.$metadata", payload(["a", "$metadata"])],
  ])("reads %s", (text, expected) => {
    expect(parsePath(text)).toStrictEqual({ ...expected, text });
  });

  it.each<[string, Partial<Path>]>([
    ["temperature ? $last", { remembered: "temperature" }],
    [" temperature.Value?$last ", { remembered: "temperature.Value" }],
    ["t ?   $LAST ?? 0", { remembered: "t", fallback: 0n }],
    ['"a ? $last".b ? $Last??"x"', { remembered: '"a ? $last".b', fallback: "x" }],
    ["$metadata.user_property.n ? $last", { remembered: "$metadata.user_property.n" }],
    ["t $last", { remembered: undefined }],
  ])("reads the last known value of %s", (text, { remembered, fallback }) => {
    const parsed = path(text);
    expect([parsed.remembered, parsed.fallback]).toEqual([remembered, fallback]);
  });

  it.each([
    ["temperature ?? 0", 0n],
    ["temperature??0", 0n],
    ["temperature ??  -7 ", -7n],
    ["threshold ?? 98.6", 98.6],
    ["threshold ?? -1e3", -1000],
    ['status ?? "unknown"', "unknown"],
    ["status ?? 'it''s'".replace("''", "\\'"), "it's"],
    ['status ?? "a ?? b.c"', "a ?? b.c"],
    ["enabled ?? true", true],
    ["enabled ?? false", false],
    ["x ?? null", null],
    ["$metadata.user_property.n ?? 1", 1n],
    ['"a ?? b" ?? 1', 1n],
    ["*.Value ?? 1", 1n],
  ])("reads the default of %s", (text, fallback) => {
    expect(path(text).fallback).toBe(fallback);
  });

  it("does not take the default for a part of the name", () => {
    expect(path("Date of Birth  ?? 0").segments).toEqual(["Date of Birth"]);
    expect(path('"a ?? b" ?? 1').segments).toEqual(["a ?? b"]);
    expect(path("$metadata.topic ?? 1").origin).toBe("topic");
  });

  it.each([
    ["", 1, "Cannot read the path: a name is empty"],
    ["  ", 3, "Cannot read the path: a name is empty"],
    ["a..b", 3, "Cannot read the path: a name is empty"],
    ["a.", 3, "Cannot read the path: a name is empty"],
    [".a", 1, "Cannot read the path: a name is empty"],
    ["?? 0", 1, "Cannot read the path: a name is empty"],
    ['a."b', 3, 'Cannot read the path: a quotation mark " is not closed'],
    ['a."b"c.d', 3, 'Cannot read the path: met c behind "b", wanted a full stop'],
    [
      "a.part*.c",
      3,
      "Cannot read the path: met part*, wanted an asterisk as a whole segment, or the name in quotation marks",
    ],
    ["$.Temperature", 1, "Cannot read the path: met $, wanted the first name of the path, or $metadata"],
    ["t ? $lst", 1, "Cannot read the path: met t ? $lst, wanted ? $last, or the name in quotation marks"],
    [
      "t ? $lasting",
      1,
      "Cannot read the path: met t ? $lasting, wanted ? $last, or the name in quotation marks",
    ],
    ["*.a.*", 5, "Cannot read the path: met a second asterisk, wanted at most one"],
    [
      "$metadata",
      1,
      "Cannot read the metadata: wanted $metadata.topic, $metadata.user_property.NAME, $metadata.header.NAME or $metadata.system_property.content_type",
    ],
    [
      "$metadata.user_property.a.b",
      11,
      "Cannot read the metadata: wanted $metadata.topic, $metadata.user_property.NAME, $metadata.header.NAME or $metadata.system_property.content_type; a name with full stops stands in quotation marks",
    ],
    [
      "$context(position).BaseSalary",
      1,
      "Cannot read a dataset: there are none; wanted a path in the payload or $metadata",
    ],
    [
      "a ?? b",
      3,
      "Cannot read the default: met b, wanted a number, a string in quotation marks, true, false or null",
    ],
    [
      "a ??",
      3,
      "Cannot read the default: met nothing, wanted a number, a string in quotation marks, true, false or null",
    ],
    [
      "a ?? 9223372036854775808",
      3,
      "Cannot hold 9223372036854775808: wanted an int from -9223372036854775808 to 9223372036854775807",
    ],
    ['a ?? "\\n"', 3, `Cannot read the escape \\n: wanted \\", \\' or \\\\`],
    [
      "a.* ? $last",
      5,
      "Cannot remember the last value of a path with an asterisk: wanted a path that leads to one value",
    ],
    ["a ? $last 7", 11, "Cannot read the path: met 7, wanted ?? and a default"],
  ])("points at the fault of %j", (text, column, message) => {
    expect(parsePath(text)).toEqual({ faults: [{ column, message }] });
  });

  it.each([
    "$metadata.topic.a",
    "$metadata.Topic",
    "$metadata.user_property",
    "$metadata.user_property.*",
    "$metadata.system_property.qos",
    "$metadata.*",
  ])("knows no metadata %s", (text) => {
    expect(parsePath(text)).toMatchObject({ faults: [{ message: /^Cannot read the metadata: / }] });
  });

  it("points at every fault of a path at once", () => {
    const result = parsePath("a..b*.c ? $last ?? what");
    expect("faults" in result ? result.faults.map(({ column }) => column) : []).toEqual([3, 4, 17]);
  });

  it("refuses a path that is too long", () => {
    expect(parsePath("a".repeat(pathCharsMax))).toHaveProperty("segments");
    expect(parsePath("a".repeat(pathCharsMax + 1))).toEqual({
      faults: [
        { column: 1, message: "Cannot read the path: it has 1025 characters, at most 1024 are allowed" },
      ],
    });
  });
});
