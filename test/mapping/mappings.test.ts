import { describe, expect, it } from "vitest";
import { createFindMapping, createPayloadFormat } from "../../pipeline/mapping/mappings.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { messageOf, metric, rules } from "./support.ts";

const found = (mappings: ReturnType<typeof rules>[], topic: string, source = "raw") =>
  createFindMapping(mappings)({ topic, source })?.name;

describe("createFindMapping()", () => {
  it("finds the first one whose source and topic fit, however narrow the others are", () => {
    const mappings = [
      rules({ name: "exact", topicFilters: ["a/b"], sources: ["emqx"] }),
      rules({ name: "wide", topicFilters: ["c/#", "a/#"] }),
      rules({ name: "narrow", topicFilters: ["a/c"] }),
      rules({ name: "of raw", sources: ["raw"] }),
      rules({ name: "any" }),
    ];
    expect(found(mappings, "a/b", "emqx")).toBe("exact");
    expect(found(mappings, "a/b")).toBe("wide");
    expect(found(mappings, "a/c")).toBe("wide");
    expect(found(mappings, "x")).toBe("of raw");
    expect(found(mappings, "x", "emqx")).toBe("any");
    expect(found(mappings, "$SYS/x", "emqx")).toBe("any");
  });

  it("finds none where none fits", () => {
    expect(found([rules({ topicFilters: ["a"] }), rules({ sources: ["emqx"] })], "b")).toBeUndefined();
  });

  it("prefers a mapping of any topic that comes first", () => {
    expect(found([rules({ name: "any" }), rules({ name: "exact", topicFilters: ["a"] })], "a")).toBe("any");
  });
});

describe("createPayloadFormat()", () => {
  const aio = '{"metrics":[{"name":"a","type":"f64_gauge","value":1}]}';
  const options = { lenient: false };

  it("is that of the AIO schema without mappings", () => {
    expect(createPayloadFormat([])).toBe(aioFormat);
  });

  it("reads by the mapping that matches, and as AIO JSON where none does", () => {
    const format = createPayloadFormat([rules({ topicFilters: ["raw/#"], metrics: [metric()] })]);
    expect(format.parse(messageOf({ v: 5 }, { topic: "raw/1" }), options)).toMatchObject({
      items: { metrics: [{ name: "m", value: 5 }] },
    });
    expect(format.parse(messageOf(aio, { topic: "raw/1" }), options).kind).toBe("refused");
    expect(format.parse(messageOf(aio), options)).toEqual(aioFormat.parse(messageOf(aio), options));
    expect(format.parse(messageOf({ v: 5 }), options).kind).toBe("refused");
  });
});
