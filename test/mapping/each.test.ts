import { describe, expect, it } from "vitest";
import { textCharsMax } from "../../pipeline/mapping/text-allowance.ts";
import { log, logsOf, metric, metricsOf, refusalOf, rules } from "./support.ts";

const named = `\${key}`;

function each(path: string, fields: Parameters<typeof metric>[0] = {}) {
  return rules({ metrics: [metric({ each: path, name: named, ...fields })] });
}

function pairs(mapping: ReturnType<typeof rules>, payload: unknown) {
  return metricsOf(mapping, payload).map(({ name, value }) => [name, value]);
}

describe("each", () => {
  it("makes one item for each member, by paths that start there", () => {
    const timestamp = { path: "at", unit: undefined };
    const mapping = each("*", { timestamp, attributes: { quality: `\${payload.q}` } });
    expect(
      metricsOf(mapping, {
        Temperature: { v: 72.5, at: "1970-01-01T00:00:01.1234567Z", q: "good" },
        "Tag 10": { v: 5, at: "1970-01-01T00:00:02Z" },
      }),
    ).toMatchObject([
      {
        name: "Temperature",
        value: 72.5,
        timeUnixNano: 1_123_456_700n,
        attributes: [{ key: "quality", value: "good" }],
      },
      { name: "Tag 10", value: 5, timeUnixNano: 2_000_000_000n, attributes: [] },
    ]);
  });

  it("goes through the elements of an array, whose keys are their indices", () => {
    expect(pairs(each("readings.*"), { readings: [{ v: 1 }, { v: 2 }] })).toEqual([
      ["0", 1],
      ["1", 2],
    ]);
    expect(pairs(each("*"), [{ v: 1 }])).toEqual([["0", 1]]);
  });

  it("can take the members themselves", () => {
    expect(pairs(each("*", { value: { path: "." } }), { a: 1, b: 2 })).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
  });

  it("can go on behind the asterisk", () => {
    expect(pairs(each("*.data"), { a: { data: { v: 1 } }, b: { data: { v: 2 } }, c: 3 })).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
  });

  it("makes logs too", () => {
    const mapping = rules({ logs: [log({ each: "alarms.*", value: { path: "text" } })] });
    expect(logsOf(mapping, { alarms: [{ text: "a" }, { text: "b" }] }).map(({ body }) => body)).toEqual([
      "a",
      "b",
    ]);
  });

  it("chooses members by when, and takes their values by expressions", () => {
    const when = { inputs: ["ok"], expression: "$1" };
    const value = { inputs: ["v", "$metadata.topic"], expression: "$1 + len($2)" };
    expect(pairs(each("*", { when, value }), { a: { ok: true, v: 1 }, b: { ok: false, v: 2 } })).toEqual([
      ["a", 16],
    ]);
  });

  it("leaves the mapping's own paths where they are", () => {
    const mapping = {
      ...each("readings.*"),
      timestamp: { path: "ts", unit: "s" as const },
      attributes: { device: `\${payload.device}`, reading: named },
    };
    expect(
      metricsOf(mapping, { ts: 5, device: "d", readings: { a: { v: 1, ts: 9, device: "x" } } }),
    ).toMatchObject([
      {
        timeUnixNano: 5_000_000_000n,
        attributes: [
          { key: "device", value: "d" },
          { key: "reading", value: "a" },
        ],
      },
    ]);
  });

  it("says which member is refused", () => {
    expect(refusalOf(each("readings.*"), { readings: [{ v: 1 }, { v: "x" }] })).toEqual({
      path: "readings.1.v",
      message:
        "Cannot read f64_gauge: met a string, wanted a finite number (metrics[0] of Mapping thermostat)",
    });
    expect(refusalOf(each("*"), { a: { w: 1 } }).path).toBe("a.v");
    expect(refusalOf(each("*", { value: { path: "." } }), { a: "x" }).path).toBe("a");
    const contentType = "application/cloudevents+json";
    expect(refusalOf(each("*"), { data: { a: {} } }, { contentType }).path).toBe("data.a.v");
  });

  it("leaves out single members where what is missing is skipped", () => {
    const mapping = { ...each("*"), onMissing: "skip" as const };
    expect(pairs(mapping, { a: { v: 1 }, b: { w: 2 }, c: 3, d: null })).toEqual([["a", 1]]);
  });

  it.each([{ readings: {} }, { readings: [] }])("makes nothing of %j", (payload) => {
    expect(metricsOf(each("readings.*"), payload)).toEqual([]);
  });

  it("needs the object or the array", () => {
    expect(refusalOf(each("readings.*"), {})).toEqual({
      path: "readings",
      message: "Cannot read readings: met nothing, wanted a value (metrics[0] of Mapping thermostat)",
    });
    expect(metricsOf({ ...each("readings.*"), onMissing: "skip" }, {})).toEqual([]);
    expect(refusalOf(each("readings.*"), { readings: 5 })).toEqual({
      path: "readings",
      message: "Cannot read members: met 5, wanted an object or an array (metrics[0] of Mapping thermostat)",
    });
    expect(refusalOf(each("*"), "5").path).toBe("");
  });

  it("refuses more members than it would go through", () => {
    const many = (length: number) => `{"readings":[${Array.from({ length }, () => '{"v":1}').join(",")}]}`;
    expect(metricsOf(each("readings.*"), many(65_535))).toHaveLength(65_535);
    expect(refusalOf(each("readings.*"), many(65_536)).message).toContain(
      "met more than 65535, wanted fewer",
    );
  });

  it("refuses to multiply a long text by its members", () => {
    const long = { text: "x".repeat(100_000), readings: Array.from({ length: 1100 }, () => ({ v: 1 })) };
    const message = `met more than ${textCharsMax} characters made by rules, wanted fewer`;
    const attributes = { a: `x-\${payload.text}` };
    expect(refusalOf({ ...each("readings.*"), attributes }, long).message).toContain(message);
    const sameText = { inputs: ["v", "$metadata.topic"], expression: "$2 + str::from($1)" };
    const logs = rules({ logs: [log({ each: "readings.*", value: sameText })] });
    expect(refusalOf(logs, long, { topic: "x".repeat(65_535) }).message).toContain(": met more than");
    const names = rules({ metrics: [metric({ each: "*.p", name: `\${key}`, value: { path: "v" } })] });
    const deep = { ["k".repeat(90_000)]: long.readings.map((p) => ({ p })) };
    expect(refusalOf(names, deep).message).toContain(message);
  });

  it("tells no longer path than somebody reads", () => {
    const name = "k".repeat(90_000);
    const shown = `${"k".repeat(256)}…`;
    expect(refusalOf(each("*"), { [name]: { w: 1 } })).toEqual({
      path: shown,
      message: `Cannot read ${shown}: met nothing, wanted a value (metrics[0] of Mapping thermostat)`,
    });
  });

  it("takes names as they come", () => {
    expect(pairs(each("*"), '{"__proto__":{"v":1},"a.b":{"v":2},"toString":{"v":3}}')).toEqual([
      ["__proto__", 1],
      ["a.b", 2],
      ["toString", 3],
    ]);
    expect(refusalOf(each("*"), { "": { v: 1 } }).message).toContain("Cannot read a name: met nothing");
  });

  it("refuses a message whose members each read a long text of it, before it takes long", () => {
    const when = {
      inputs: ["$metadata.topic", "n"],
      expression: 'str::regex_matches($1 + $2, "^(.*)/alarm$")',
    };
    const payload = Array.from({ length: 10_000 }, () => ({ v: 1, n: "b" }));
    const { message } = refusalOf(each("*", { when }), payload, { topic: "a/".repeat(30_000) });
    expect(message).toContain("Cannot read expressions: met more than 33554432 steps in one message");
  });

  it("reads a short topic for each of thousands of members", () => {
    const when = { inputs: ["$metadata.topic"], expression: 'str::regex_matches($1, "^(.*)/t-1$")' };
    const payload = Array.from({ length: 60_000 }, () => ({ v: 1 }));
    expect(metricsOf(each("*", { when }), payload)).toHaveLength(60_000);
  });
});
