import { describe, expect, it } from "vitest";
import { parseTypedJson } from "../../pipeline/expression/json.ts";
import { capturedSegmentsMax, type Root, resolve, valueAt } from "../../pipeline/expression/resolve.ts";
import { tupleElementsMax, type Value } from "../../pipeline/expression/value.ts";
import { path } from "./support.ts";

const json = `{
  "Temperature": { "Value": 72.0, "SourceTimestamp": "2026-01-05T10:00:00Z" },
  "Humidity": { "Value": 41 },
  "Tag.10": { "Value": 1754851200000000001 },
  "Readings": [{ "Value": 1 }, { "Value": null }, { "Value": 3 }],
  "Off": null, "Codes": [1, 2], "__proto__": { "own": 5 }, "length": 8
}`;

function root(payload: unknown = parseTypedJson(json)): Root {
  return {
    payload,
    message: {
      topic: "plant/line1",
      contentType: "application/json",
      userProperties: [
        ["site", "old"],
        ["site", "north"],
        ["toString", "mine"],
      ],
    },
  };
}

describe("valueAt()", () => {
  it("has what stands in before the default, and looks for it only when there is nothing", () => {
    const asked: string[] = [];
    const at = (text: string, standIn: unknown) =>
      valueAt(path(text), root(), () => {
        asked.push(text);
        return standIn;
      });
    expect(at("Off ?? 1", 7)).toBe(7n);
    expect(at("None ?? 1", null)).toBe(1n);
    expect(at("None ?? 2", undefined)).toBe(2n);
    expect(at("Humidity.Value ?? 1", 7)).toBe(41n);
    expect(asked).toEqual(["Off ?? 1", "None ?? 1", "None ?? 2"]);
  });

  it.each<[string, Value]>([
    ["Temperature.Value", 72],
    ["Humidity.Value", 41n],
    ['"Tag.10".Value', 1754851200000000001n],
    ["Temperature", { json: expect.anything() }],
    ["Codes", [1n, 2n]],
    ["Codes.1", 2n],
    ["Readings.2.Value", 3n],
    ["__proto__.own", 5n],
    ["length", 8n],
    ["$metadata.topic", "plant/line1"],
    ["$metadata.user_property.site", "north"],
    ["$metadata.header.site", "north"],
    ["$metadata.user_property.toString", "mine"],
    ["$metadata.system_property.content_type", "application/json"],
    ["Humidity.Value ?? 7", 41n],
    ["Missing ?? 7", 7n],
    ["Off ?? 7", 7n],
    ["$metadata.user_property.line ?? 'none'", "none"],
    ["*.Value", [72, 41n, 1754851200000000001n, 1n, 3n]],
    ["Readings.*.Value", [1n, 3n]],
    ["Codes.*", [1n, 2n]],
    ["*.Nothing", null],
    ["*.Nothing ?? 7", 7n],
  ])("finds %s", (text, expected) => {
    expect(valueAt(path(text), root())).toEqual(expected);
  });

  it.each([
    "Missing",
    "Off",
    "Off.Value",
    "Temperature.Value.deeper",
    "Temperature.Value.value",
    "Temperature.SourceTimestamp.length",
    "constructor",
    "toString",
    "Temperature.__proto__",
    "Codes.length",
    "Codes.2",
    "Codes.01",
    "Codes.-1",
    "Codes.map",
    "$metadata.user_property.constructor",
  ])("finds nothing at %s, and nothing that is not the payload's own", (text) => {
    expect(valueAt(path(text), root())).toBe(null);
  });

  it.each([[null], [7], ["text"], [true]])("finds nothing in the payload %s", (payload) => {
    expect(valueAt(path("a.b"), root(payload))).toBe(null);
    expect(valueAt(path("*"), root(payload))).toBe(null);
  });

  it("starts within the member that stands for the payload", () => {
    expect(valueAt(path("Value"), root({ Value: 3 }))).toBe(3n);
    expect(valueAt(path("$metadata.topic"), root({ Value: 3 }))).toBe("plant/line1");
  });
});

describe("resolve()", () => {
  function found(text: string, payload?: unknown) {
    return resolve(path(text), root(payload)).map(({ captured, value }) => [captured.join("/"), value]);
  }

  it("finds one value without an asterisk", () => {
    expect(found("Humidity.Value")).toEqual([["", 41]]);
    expect(found("Missing ?? 1")).toEqual([]);
    expect(found("Off")).toEqual([]);
    expect(found("$metadata.topic")).toEqual([["", "plant/line1"]]);
  });

  it("finds the members of one object with an asterisk at the end", () => {
    expect(found("*", { a: 1, b: { c: 2 }, d: null, e: [3] })).toEqual([
      ["a", 1],
      ["b", { c: 2 }],
      ["e", [3]],
    ]);
  });

  it("finds the elements of an array", () => {
    expect(found("list.*", { list: [5, null, 7] })).toEqual([
      ["0", 5],
      ["2", 7],
    ]);
  });

  it("lets an asterisk in front of names stand for one segment or several", () => {
    const payload = { Opacity: { Max: 1, Mid: { Max: 2 } }, Max: 3, Deep: { Deeper: { Max: 4 } } };
    expect(found("*.Max", payload)).toEqual([
      ["Opacity", 1],
      ["Opacity/Mid", 2],
      ["Deep/Deeper", 4],
    ]);
    expect(found("Opacity.*.Max", payload)).toEqual([["Mid", 2]]);
    expect(found("*.Mid.Max", payload)).toEqual([["Opacity", 2]]);
  });

  it("passes over what only the prototype has", () => {
    expect(found("*.constructor", { a: { b: 1 } })).toEqual([]);
  });

  it(`captures at most ${capturedSegmentsMax} segments`, () => {
    let payload: unknown = { Max: 1 };
    for (let depth = 0; depth < 5000; depth++) payload = { a: payload, Max: depth };
    expect(found("*.Max", payload)).toHaveLength(capturedSegmentsMax);
  });

  it(`finds at most ${tupleElementsMax} values`, () => {
    expect(
      found(
        "*",
        Array.from({ length: tupleElementsMax + 10 }, () => 1),
      ),
    ).toHaveLength(tupleElementsMax);
  });
});
