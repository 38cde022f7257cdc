import { describe, expect, it } from "vitest";
import { gateway, linesOf, load } from "./support.ts";

/** A Mapping document; each line of `spec` is one of the document, the first is line 5. */
function mapping(spec: string, name = "thermostat"): string {
  const lines = spec.split("\n").map((line) => `  ${line}`);
  return `apiVersion: mqtt-otlp-gateway/v1
kind: Mapping
metadata: { name: ${name} }
spec:
${lines.join("\n")}
`;
}

/** A Mapping with one metric of these fields, which stand in line 6. */
function metric(fields: string): string {
  return mapping(`metrics:\n  - { ${fields} }`);
}

const plain = "name: m, type: f64_gauge, value: v";
const rest = { each: undefined, when: undefined, timestamp: undefined, attributes: {} };

describe("Mapping", () => {
  it("is taken as written", () => {
    const spec = `match: { sources: [emqx], topicFilters: ["data/+"] }
filter: { inputs: [T.Value], expression: "$1 < -40" }
timestamp: { path: T.SourceTimestamp }
attributes: { device: "\${topic.3}", line: "7" }
onMissing: skip
metrics:
  - { name: temperature, type: f64_gauge, unit: Cel, description: Inside, value: T.Value }
  - { name: f, type: f64_gauge, inputs: [T.Value, "U ?? 0"], expression: "cToF($1) + $2" }
  - { each: "*", name: "\${key}", type: u64_counter, value: ., timestamp: { path: at, unit: ms }, attributes: { k: v } }
logs:
  - { level: warn, value: Message, when: { inputs: [Severity], expression: "$1 > 500" } }`;

    expect(load(mapping(spec)).mappings).toEqual([
      {
        name: "thermostat",
        sources: ["emqx"],
        topicFilters: ["data/+"],
        filter: { inputs: ["T.Value"], expression: "$1 < -40" },
        timestamp: { path: "T.SourceTimestamp", unit: undefined },
        attributes: { device: "$\u{7b}topic.3}", line: "7" },
        onMissing: "skip",
        metrics: [
          {
            ...rest,
            name: "temperature",
            type: "f64_gauge",
            unit: "Cel",
            description: "Inside",
            value: { path: "T.Value" },
          },
          {
            ...rest,
            name: "f",
            type: "f64_gauge",
            unit: undefined,
            description: undefined,
            value: { inputs: ["T.Value", "U ?? 0"], expression: "cToF($1) + $2" },
          },
          {
            ...rest,
            name: "$\u{7b}key}",
            type: "u64_counter",
            unit: undefined,
            description: undefined,
            each: "*",
            value: { path: "." },
            timestamp: { path: "at", unit: "ms" },
            attributes: { k: "v" },
          },
        ],
        logs: [
          {
            ...rest,
            level: "warn",
            value: { path: "Message" },
            when: { inputs: ["Severity"], expression: "$1 > 500" },
          },
        ],
      },
    ]);
  });

  it("needs no more than a name and a rule", () => {
    expect(load(metric(plain)).mappings).toEqual([
      {
        name: "thermostat",
        sources: [],
        topicFilters: [],
        filter: undefined,
        timestamp: undefined,
        attributes: {},
        onMissing: "deadLetter",
        metrics: [
          {
            ...rest,
            name: "m",
            type: "f64_gauge",
            unit: undefined,
            description: undefined,
            value: { path: "v" },
          },
        ],
        logs: [],
      },
    ]);
  });

  it("can be made of an expression without inputs", () => {
    const [only] = load(metric(`name: seen, type: u64_counter, expression: "1"`)).mappings;
    expect(only?.metrics[0]?.value).toEqual({ inputs: [], expression: "1" });
  });

  it("comes in the order of the documents", () => {
    const rule = `metrics: [{ ${plain} }]`;
    const { mappings } = load(`${mapping(rule, "b")}---\n${mapping(rule, "a")}`);
    expect(mappings.map(({ name }) => name)).toEqual(["b", "a"]);
  });

  it("can cross to another thread", () => {
    const { mappings } = load(metric(plain));
    expect(structuredClone(mappings)).toEqual(mappings);
  });

  it("is absent unless it is written", () => {
    expect(load("").mappings).toEqual([]);
  });
});

describe("Mapping with faults", () => {
  it.each([
    [`name: m, type: f64_guage, value: v`, "type: Wanted one of u64_counter"],
    [`${plain}, unti: Cel`, "unti: Unknown field; did you mean unit?"],
    [`name: "", type: f64_gauge, value: v`, "name: Wanted a text that is not empty, met an empty one"],
    [`name: m, value: v`, "type: Missing, wanted one of u64_counter"],
    [`type: f64_gauge, value: v`, "name: Missing, wanted a text"],
    [`${plain}, unit: 5`, "unit: Wanted a text, met 5"],
    [`${plain}, level: warn`, "level: Unknown field"],
    [`${plain}, timestamp: { path: t, unit: h }`, 'timestamp.unit: Wanted one of s, ms, us, ns, met "h"'],
    [`${plain}, timestamp: { unit: s }`, "timestamp.path: Missing, wanted a text"],
    [`name: m, type: f64_gauge, value: "a.*"`, 'value: Wanted a path without an asterisk, met "a.*"'],
    [`${plain}, timestamp: { path: "*" }`, "timestamp.path: Wanted a path without an asterisk"],
    [`${plain}, each: readings`, "each: Wanted a path with an asterisk, such as * or readings.*"],
    [
      `${plain}, each: "*.a.*"`,
      "each: Cannot read the path: met a second asterisk, wanted at most one (column 5)",
    ],
    [`name: m, type: f64_gauge, value: a..b`, "value: Cannot read the path: a name is empty (column 3)"],
    [
      `name: m, type: f64_gauge, inputs: ["a.* ? $last"], expression: "len($1)"`,
      "inputs[0]: Cannot remember the last value of a path with an asterisk",
    ],
    [`name: "\${kee}", type: f64_gauge, value: v`, "name: Wanted ${topic}, ${topic.N} from 1, ${key}"],
    [`name: "\${key}", type: f64_gauge, value: v`, "name: Wanted each beside ${key}, met none"],
    [`${plain}, attributes: { a: "\${key}" }`, "attributes.a: Wanted each beside ${key}, met none"],
    [
      `${plain}, attributes: { a: "\${payload.*}" }`,
      "attributes.a: Wanted a path without an asterisk, met *",
    ],
    [
      `${plain}, attributes: { a: "\${payload.a..b}" }`,
      "attributes.a: Cannot read the path: a name is empty",
    ],
    [`${plain}, attributes: { "": x }`, "attributes"],
    [`name: m, type: f64_gauge`, ": Wanted a value or an expression, met neither"],
    [`${plain}, inputs: [a]`, "inputs: Wanted a value or an expression, met value and inputs"],
    [`${plain}, expression: "1"`, "expression: Wanted a value or an expression, met value and expression"],
    [
      `name: m, type: f64_gauge, inputs: [a], expression: "$1 +"`,
      "expression: Cannot read the expression: met the end",
    ],
    [`name: m, type: f64_gauge, inputs: [a], expression: "$1 + $2"`, "(column 6)"],
    [`${plain}, when: { inputs: [a] }`, "when.expression: Missing, wanted a text"],
    [`${plain}, when: { inputs: [a], expression: "nosuch($1)" }`, "when.expression: "],
    [
      `${plain}, when: { inputs: ["a..b"], expression: "$1" }`,
      "when.inputs[0]: Cannot read the path: a name is empty",
    ],
  ])("says what is wrong with { %s }", (fields, message) => {
    const lines = linesOf(metric(fields));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("gateway.yaml:6: spec.metrics[0]");
    expect(lines[0]).toContain(message);
  });

  it.each([
    ["logs: [{ level: warning, value: v }]", "spec.logs[0].level: Wanted one of trace"],
    ["logs: [{ value: v }]", "spec.logs[0].level: Missing, wanted one of trace"],
    ["logs: [{ level: warn }]", "spec.logs[0]: Wanted a value or an expression, met neither"],
    ["logs: [{ level: warn, value: v, unit: s }]", "spec.logs[0].unit: Unknown field"],
    ["metrics: []", "spec: Wanted a rule in metrics or logs, met none"],
    ["{ }", "spec: Wanted a rule in metrics or logs, met none"],
    [
      `logs: [{ level: warn, value: v }]\nfilter: { inputs: [a], expression: "$1 <" }`,
      "spec.filter.expression: ",
    ],
    [`logs: [{ level: warn, value: v }]\nfilter: { inputs: [a] }`, "spec.filter.expression: Missing"],
    [
      "logs: [{ level: warn, value: v }]\nonMissing: ignore",
      "spec.onMissing: Wanted one of deadLetter, skip",
    ],
    [`logs: [{ level: warn, value: v }]\nattributes: { a: "\${b}" }`, "spec.attributes.a: Wanted ${topic}"],
    [
      `logs: [{ level: warn, value: v }]\nmatch: { topicFilters: ["a#"] }`,
      "spec.match.topicFilters[0]: Wanted a Topic Filter",
    ],
    [
      "logs: [{ level: warn, value: v }]\nmatch: { sources: [emqz] }",
      'spec.match.sources[0]: Wanted the name of a source or bridge, met "emqz"',
    ],
  ])("says what is wrong with %j", (spec, message) => {
    const lines = linesOf(mapping(spec));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(message);
  });

  it("knows the sources of the Gateway document", () => {
    const text = (source: string) =>
      `${gateway("sources: [{ name: plant }]")}---\n${mapping(`match: { sources: [${source}] }\nmetrics: [{ ${plain} }]`)}`;
    expect(linesOf(text("plant"))).toEqual([]);
    expect(linesOf(text("emqx"))).toEqual([
      'gateway.yaml:10: spec.match.sources[0]: Wanted the name of a source or bridge, met "emqx", and there is plant',
    ]);
  });

  it("has a name of its own", () => {
    const one = metric(plain);
    expect(linesOf(`${one}---\n${one}`)).toEqual([
      'gateway.yaml:10: metadata.name: Wanted a name of its own, met "thermostat" again',
    ]);
    expect(linesOf(one.replace("metadata: { name: thermostat }\n", ""))).toEqual([
      "gateway.yaml:1: metadata: Missing, wanted a map of fields",
    ]);
  });

  it("shows the faults of all rules at once, each with its line, path and column", () => {
    const text = mapping(`filter: { inputs: [a], expression: "$1 <" }
metrics:
  - { name: "\${x}", type: f64_gauge, value: a..b }
  - { name: m, type: f64_gauge, inputs: [a], expression: "$2 + nosuch($1)" }
  - { name: m, typ: f64_gauge, inputs: [a], expression: "1 +" }
logs:
  - { level: warn, value: v, when: { inputs: ["*.*"], expression: "(" } }`);
    const faults = linesOf(text).map((line) =>
      /^gateway.yaml:(\d+: [^:]+): .*?((?: \(column \d+\))?)$/.exec(line),
    );
    expect(faults.map((fault) => `${fault?.[1]}${fault?.[2]}`)).toEqual([
      "5: spec.filter.expression (column 5)",
      "7: spec.metrics[0].name",
      "7: spec.metrics[0].value (column 3)",
      "8: spec.metrics[1].expression (column 1)",
      "8: spec.metrics[1].expression (column 6)",
      "9: spec.metrics[2].type",
      "9: spec.metrics[2].typ",
      "9: spec.metrics[2].expression (column 4)",
      "11: spec.logs[0].when.inputs[0] (column 3)",
      "11: spec.logs[0].when.expression (column 2)",
    ]);
  });
});
