import { describe, expect, it } from "vitest";
import { itemsOf, log, metric, metricsOf, refusalOf, rules } from "./support.ts";

const value = { path: "v" };

function named(name: string) {
  return rules({ metrics: [metric({ name })] });
}

function attributesOf(attributes: Record<string, string>, payload: object = {}, fields = {}) {
  const [item] = metricsOf(rules({ metrics: [metric({ attributes })] }), { v: 1, ...payload }, fields);
  return Object.fromEntries(item?.attributes.map(({ key, value }) => [key, value]) ?? []);
}

describe("templates of a mapping", () => {
  it.each([
    [`\${topic}`, "plant/line1/t-1"],
    [`\${topic.1}-\${topic.3}`, "plant-t-1"],
    [`\${clientId}`, "c"],
    [`\${messageId}`, "m"],
    [`\${userProperty.site.name}`, "north"],
    [`\${payload.text}`, "t"],
    [`\${payload."a.b".0}`, "deep"],
    [`\${payload.number}`, "21.5"],
    [`\${payload.big}`, "9007199254740993"],
    [`\${payload.no}`, "false"],
    [`\${payload.gone ?? 'none'}`, "none"],
    ["7", "7"],
  ])("%s", (template, text) => {
    const payload = `{"v":1,"text":"t","a.b":["deep"],"number":21.5,"big":9007199254740993,"no":false}`;
    const fields = { clientId: "c", messageId: "m", userProperties: [["site.name", "north"]] as const };
    expect(metricsOf(named(template), payload, fields)[0]?.name).toBe(text);
    const [item] = metricsOf(rules({ metrics: [metric({ attributes: { a: template } })] }), payload, fields);
    expect(item?.attributes).toEqual([{ key: "a", value: text }]);
  });

  it.each([
    `\${topic.4}`,
    `\${clientId}`,
    `\${userProperty.x}`,
    `\${payload.gone}`,
    `\${payload.list}`,
    `\${payload.empty}`,
  ])("%s that resolves to nothing leaves its attribute out, and refuses a name", (template) => {
    const payload = { v: 1, list: [1], empty: "" };
    expect(attributesOf({ a: `x-${template}`, b: "c" }, payload)).toEqual({ b: "c" });
    expect(refusalOf(named(`x-${template}`), payload)).toEqual({
      path: "",
      message: `Cannot read a name: met nothing, wanted a value for x-${template} (metrics[0] of Mapping thermostat)`,
    });
    expect(refusalOf({ ...named(template), onMissing: "skip" }, payload).message).toContain("a name");
  });

  it("of a rule go before those of the mapping", () => {
    const mapping = rules({
      attributes: { a: "mapping", b: "mapping", c: "mapping" },
      metrics: [metric({ attributes: { b: "rule", c: `\${payload.gone}`, d: "rule" } })],
      logs: [log({ value: { path: "text" } })],
    });
    const { metrics, logs } = itemsOf(mapping, { v: 1, text: "x" });
    expect(metrics[0]?.attributes).toEqual([
      { key: "a", value: "mapping" },
      { key: "b", value: "rule" },
      { key: "d", value: "rule" },
    ]);
    expect(logs[0]?.attributes.map(({ value }) => value)).toEqual(["mapping", "mapping", "mapping"]);
  });

  it("have no key without each", () => {
    expect(
      metricsOf(rules({ attributes: { key: `\${key}` }, metrics: [metric({ value })] }), { v: 1 }),
    ).toMatchObject([{ attributes: [] }]);
  });

  it("refuse half a surrogate pair", () => {
    const half = '{"v":1,"half":"\\udc00"}';
    expect(refusalOf(named(`\${payload.half}`), half).message).toContain("half a surrogate pair");
    const mapping = rules({ metrics: [metric({ attributes: { a: `\${payload.half}` } })] });
    expect(refusalOf(mapping, half).message).toContain(
      "Cannot read a: met a string with half a surrogate pair",
    );
  });

  it.each([
    ["a level of a long topic", `\${topic.2}`],
    ["one of many User Properties", `\${userProperty.site}`],
  ])("read %s soon for thousands of members", (_, template) => {
    const mapping = rules({
      metrics: [metric({ each: "*", name: "m", value: { path: "." }, attributes: { a: template } })],
    });
    const payload = Object.fromEntries(Array.from({ length: 20_000 }, (_, member) => [member, 1]));
    const others = Array.from({ length: 100_000 }, (_, index) => [`p${index}`, ""] as const);
    const begun = process.cpuUsage();
    const items = metricsOf(mapping, payload, {
      topic: "a/b".repeat(20_000),
      userProperties: [["site", "ba"], ...others],
    });
    expect(items.at(-1)?.attributes).toEqual([{ key: "a", value: "ba" }]);
    // Read anew for each it takes half a minute.
    expect(process.cpuUsage(begun).user / 1000).toBeLessThan(5000);
  });
});
