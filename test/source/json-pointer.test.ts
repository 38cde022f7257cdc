import { describe, expect, it } from "vitest";
import { isJsonPointer, parseJsonPointer, valueAt } from "../../pipeline/source/json-pointer.ts";
import { sliceJson } from "../../pipeline/source/json-text.ts";

// The examples of RFC 6901, section 5, and some that lead nowhere.
const text =
  '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8,' +
  '"o":{"p":1,"p":{"q":[1.0,{"r":"s"}]}},"~1":9,"__proto__":{"x":10}}';
const cases: [pointer: string, value: unknown][] = [
  ["", JSON.parse(text)],
  ["/foo", ["bar", "baz"]],
  ["/foo/0", "bar"],
  ["/", 0],
  ["/a~1b", 1],
  ["/c%d", 2],
  ["/e^f", 3],
  ["/g|h", 4],
  ["/i\\j", 5],
  ['/k"l', 6],
  ["/ ", 7],
  ["/m~0n", 8],
  ["/o/p/q/1/r", "s"],
  ["/~01", 9],
  ["/__proto__/x", 10],
  ["/foo/2", undefined],
  ["/foo/00", undefined],
  ["/foo/-", undefined],
  ["/foo/length", undefined],
  ["/foo/0/0", undefined],
  ["/toString", undefined],
  ["/o/p/", undefined],
  ["/o/q", undefined],
];

describe("valueAt()", () => {
  it.each(cases)("finds what stands at '%s'", (pointer, value) => {
    const tokens = parseJsonPointer(pointer) ?? ["no pointer"];
    expect(valueAt(JSON.parse(text), tokens)).toEqual(value);
  });
});

describe("sliceJson()", () => {
  it.each(cases)("finds the same at '%s' in the text", (pointer, value) => {
    const tokens = parseJsonPointer(pointer) ?? ["no pointer"];
    const [slice, other] = sliceJson(` [${text} , 1]`, tokens);
    expect(slice?.text).toBe(text);
    expect(slice?.member && JSON.parse(slice.member)).toEqual(value);
    expect(other).toEqual({ text: "1", member: pointer === "" ? "1" : undefined });
  });

  it("keeps what it finds as it was written", () => {
    expect(sliceJson(text, ["o", "p", "q", "0"])[0]?.member).toBe("1.0");
    expect(sliceJson('{"a": {"b":1} , "a":{} }', ["a", "b"])[0]?.member).toBeUndefined();
  });
});

describe("isJsonPointer()", () => {
  it.each(["", "/", "/a", "/a/b", "/~0~1", "//", "/ü", "/0"])("takes '%s'", (pointer) => {
    expect(isJsonPointer(pointer)).toBe(true);
    expect(parseJsonPointer(pointer)).toBeDefined();
  });

  it.each(["a", "a/b", "#/a", "/~", "/~2", "/a~", "$.a", " "])("takes no '%s'", (pointer) => {
    expect(isJsonPointer(pointer)).toBe(false);
    expect(parseJsonPointer(pointer)).toBeUndefined();
  });
});
