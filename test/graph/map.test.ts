import { describe, expect, it } from "vitest";
import { WrittenFloat } from "../../pipeline/expression/json.ts";
import { map, pass, passed, passthrough } from "./support.ts";

const copy = (input: string, output: string) => ({ inputs: [input], output });
const remove = (...inputs: string[]) => ({ inputs, output: "" });
const compute = (inputs: string[], output: string, expression: string) => ({ inputs, output, expression });

describe("map", () => {
  it.each<[what: string, rules: Parameters<typeof map>, before: string, after: string]>([
    ["keeps what is mapped alone", [copy("a", "a")], '{"a":1,"b":2}', '{"a":1}'],
    ["renames", [copy("a", "b")], '{"a":1}', '{"b":1}'],
    [
      "puts into objects",
      [copy("a", "x.y.z"), copy("b", "x.w")],
      '{"a":1,"b":2}',
      '{"x":{"y":{"z":1},"w":2}}',
    ],
    ["takes out of objects", [copy("x.y", "z")], '{"x":{"y":[1]}}', '{"z":[1]}'],
    [
      "copies objects as they are",
      [copy("x", "y")],
      '{"x":{"a":null,"b":[{}]}}',
      '{"y":{"a":null,"b":[{}]}}',
    ],
    ["takes names in quotation marks", [copy('"a.b"', '"c.d"')], '{"a.b":1}', '{"c.d":1}'],
    ["leaves out what is missing", [copy("a", "b"), copy("c", "d")], '{"a":1}', '{"b":1}'],
    ["leaves out null", [copy("a", "b")], '{"a":null}', "{}"],
    ["takes a default", [copy("a ?? 7", "b")], "{}", '{"b":7}'],
    ["takes the value before the default", [copy("a ?? 7", "b")], '{"a":8}', '{"b":8}'],
    ["joins texts", [compute(["a", "b"], "c", '$1 + ", " + $2')], '{"a":"x","b":"y"}', '{"c":"x, y"}'],
    ["calculates", [compute(["t"], "f", "cToF($1)")], '{"t":100}', '{"f":212}'],
    ["writes a constant", [compute([], "alert", "true")], "{}", '{"alert":true}'],
    ["writes nothing for ()", [compute(["a"], "b", "if($1 == (), (), 1)")], "{}", "{}"],
    ["copies everything", [passthrough], '{"a":null,"b":{"c":[1]}}', '{"a":null,"b":{"c":[1]}}'],
    [
      "writes over what it copied",
      [passthrough, compute(["a"], "a", "$1 + 1")],
      '{"a":1,"b":2}',
      '{"a":2,"b":2}',
    ],
    ["writes beside what it copied", [passthrough, copy("a", "c")], '{"a":1}', '{"a":1,"c":1}'],
    [
      "writes within what it copied",
      [passthrough, copy("n", "o.a")],
      '{"n":1,"o":{"b":2}}',
      '{"n":1,"o":{"b":2,"a":1}}',
    ],
    ["leaves out", [passthrough, remove("a", "b.c")], '{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3}}'],
    ["leaves out what is not there", [passthrough, remove("x", "a.b.c")], '{"a":1}', '{"a":1}'],
    ["flattens", [copy("C.*", "*")], '{"C":{"hue":"blue","x":{"y":1}},"d":1}', '{"hue":"blue","x":{"y":1}}'],
    [
      "keeps what no asterisk stands for",
      [copy("C.*", "x.*"), remove("C")],
      '{"C":{"a":1}}',
      '{"x":{"a":1}}',
    ],
    ["moves", [copy("*", "all.*")], '{"a":1,"b":2}', '{"all":{"a":1,"b":2}}'],
    ["leaves out what it flattened", [copy("C.*", "*"), remove("C.b")], '{"C":{"a":1,"b":2}}', '{"a":1}'],
    [
      "calculates for each member",
      [compute(["*.Max", "*.Min"], "P.*.Avg", "($1 + $2) / 2")],
      '{"S":{"Max":4,"Min":2},"B":{"Max":8,"Min":6}}',
      '{"P":{"S":{"Avg":3},"B":{"Avg":7}}}',
    ],
    [
      "leaves out a member that lacks an input",
      [compute(["*.Max", "*.Min"], "P.*", "$1 - $2")],
      '{"S":{"Max":4,"Min":2},"B":{"Max":8},"O":{"Max":9,"Min":null}}',
      '{"P":{"S":2}}',
    ],
    [
      "takes a default for an input that a member lacks",
      [compute(["*.Max", "*.Min ?? 0"], "P.*", "$1 - $2")],
      '{"S":{"Max":4,"Min":2},"B":{"Max":8}}',
      '{"P":{"S":2,"B":8}}',
    ],
    [
      "calculates a member by the rule that names it alone",
      [
        compute(["*.Max", "*.Min"], "P.*", "($1 + $2) / 2"),
        compute(["S.Max", "S.Min"], "P.Adjusted", "($1 + $2 + 1) / 2"),
      ],
      '{"S":{"Max":4,"Min":1},"B":{"Max":8,"Min":6}}',
      '{"P":{"B":7,"Adjusted":3}}',
    ],
    [
      "calculates a member by both rules where their inputs differ",
      [compute(["*.Max", "*.Min"], "P.*", "$1 - $2"), compute(["S.Min", "S.Max"], "P.Other", "$1 - $2")],
      '{"S":{"Max":4,"Min":2}}',
      '{"P":{"S":2,"Other":-2}}',
    ],
    [
      "leaves out a member that it calculated",
      [compute(["*.Max", "*.Min"], "P.*", "$1 - $2"), remove("O.Max", "O.Min")],
      '{"S":{"Max":4,"Min":2},"O":{"Max":8,"Min":6}}',
      '{"P":{"S":2}}',
    ],
    [
      "takes elements of arrays",
      [passthrough, copy("n", "m.0.v")],
      '{"n":5,"m":[{"v":1},{"v":2}]}',
      '{"n":5,"m":[{"v":5},{"v":2}]}',
    ],
    ["keeps the places of an array", [passthrough, remove("m.0")], '{"m":[1,2]}', '{"m":[null,2]}'],
    ["adds to an array", [passthrough, copy("n", "m.1")], '{"n":5,"m":[1]}', '{"n":5,"m":[1,5]}'],
    ["keeps 64 bits", [copy("a", "b")], '{"a":1754851200000000001}', '{"b":"1754851200000000001n"}'],
  ])("%s", (_, rules, before, after) => {
    const { payload } = passed(map(...rules), before);
    const text = JSON.stringify(payload, (__, value) => (typeof value === "bigint" ? `${value}n` : value));
    expect(text).toBe(after);
  });

  it("leaves out an element without moving the others", () => {
    const { payload } = passed(map(passthrough, remove("a.0")), '{"a":[1,2]}');
    expect(payload).toStrictEqual({ a: [null, 2] });
  });

  it("leaves the message that came as it is", () => {
    const rules = map(copy("a", "x"), copy("a", "y"), copy("n", "x.b"));
    expect(JSON.stringify(passed(rules, '{"a":{"b":1},"n":2}').payload)).toBe('{"x":{"b":2},"y":{"b":1}}');
  });

  it("tells a float from an int for the transforms behind it", () => {
    const rules = map(
      compute(["a"], "calculated", "$1 * 10.0"),
      copy("c", "copied"),
      copy("d ?? 5.0", "written"),
    );
    const { payload } = passed(rules, '{"a":7.2,"c":5.0}');
    expect(payload).toEqual({
      calculated: new WrittenFloat(72),
      copied: new WrittenFloat(5),
      written: new WrittenFloat(5),
    });
    expect(Object.values(payload as object).map((value) => value.value)).toEqual([72, 5, 5]);
  });

  it("has no way to a prototype", () => {
    const { payload } = passed(map(copy("a", "__proto__.polluted")), '{"a":1}');
    expect(Object.getPrototypeOf(payload)).toBe(Object.prototype);
    expect(JSON.stringify(payload)).toBe('{"__proto__":{"polluted":1}}');
    expect({}).not.toHaveProperty("polluted");
  });

  it.each([
    ["$metadata.topic", "alerts", { topic: "alerts" }],
    [
      "$metadata.user_property.site",
      "north",
      {
        userProperties: [
          ["a", "b"],
          ["site", "north"],
        ],
      },
    ],
    [
      "$metadata.header.site",
      "north",
      {
        userProperties: [
          ["a", "b"],
          ["site", "north"],
        ],
      },
    ],
    ["$metadata.system_property.content_type", "x/y", { contentType: "x/y" }],
  ])("writes %s", (output, value, expected) => {
    const { message, payload } = passed(map(copy("v", output)), JSON.stringify({ v: value }), {
      userProperties: [["a", "b"]],
    });
    expect(message).toMatchObject(expected);
    expect(payload).toEqual({});
  });

  it.each([
    ["$metadata.user_property.a", { userProperties: [["c", "d"]] }],
    ["$metadata.system_property.content_type", { contentType: undefined }],
  ])("takes away %s where it writes ()", (output, expected) => {
    const { message } = passed(map(compute([], output, "()")), "{}", {
      contentType: "x/y",
      userProperties: [
        ["a", "b"],
        ["c", "d"],
        ["a", "e"],
      ],
    });
    expect(message).toMatchObject(expected);
  });

  it("writes a number into metadata as its text", () => {
    const { message } = passed(map(copy("n", "$metadata.user_property.n")), '{"n":9007199254740993}');
    expect(message.userProperties).toEqual([["n", "9007199254740993"]]);
  });

  it("reads metadata", () => {
    const rules = map(
      copy("$metadata.topic", "t"),
      compute(["$metadata.user_property.s"], "s", "str::trim($1)"),
    );
    const { payload } = passed(rules, "{}", { topic: "a/b", userProperties: [["s", " x "]] });
    expect(payload).toEqual({ t: "a/b", s: "x" });
  });

  it.each<[rules: Parameters<typeof map>, payload: string, path: string, message: string]>([
    [[compute(["a"], "b", "$1 * 2")], "{}", "a", "map[0] of node n of DataflowGraph g"],
    [[passthrough, compute(["a"], "b", "$1 * 2")], '{"a":"x"}', "a", "map[1] of node n of DataflowGraph g"],
    [
      [passthrough, copy("a", "m.name")],
      '{"a":1,"m":[]}',
      "name",
      "met an array, wanted the number of an element up to 0",
    ],
    [[passthrough, copy("a", "m.5")], '{"a":1,"m":[]}', "5", "wanted the number of an element up to 0"],
    [
      [copy("a", "$metadata.topic")],
      '{"a":"x/#"}',
      "$metadata.topic",
      'met "x/#", wanted a Topic Name without wildcards',
    ],
    [[copy("a", "$metadata.topic")], "{}", "$metadata.topic", "met nothing, wanted a Topic Name"],
    [
      [copy("a", "$metadata.user_property.b")],
      '{"a":{}}',
      "$metadata.user_property.b",
      "met an object, wanted a text",
    ],
  ])("refuses %j of %s", (rules, payload, path, message) => {
    expect(pass(map(...rules), payload)).toEqual({ path, message: expect.stringContaining(message) });
  });

  it("refuses more members than can be looked through", () => {
    const payload = JSON.stringify(
      Object.fromEntries(Array.from({ length: 65_536 }, (_, at) => [`m${at}`, at])),
    );
    expect(pass(map(copy("*", "x.*")), payload)).toMatchObject({
      message: expect.stringContaining("wanted fewer"),
    });
  });

  it("takes strings that hold numbers for numbers when the source is lenient", () => {
    const rules = map(compute(["a"], "b", "$1 + 1"));
    expect(passed(rules, '{"a":"2"}', { lenient: true }).payload).toEqual({ b: 3 });
    expect(passed(rules, '{"a":"2"}').payload).toEqual({ b: "21" });
  });
});
