import { join } from "node:path";
import { createPayloadFormat } from "../pipeline/mapping/mappings.ts";
import type { MappingRules, MetricRule } from "../pipeline/mapping/rules.ts";
import { runScript } from "./child.ts";
import { startGateway } from "./gateway.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { graphDocument } from "./mapping-graph.ts";
import { gauges, payloadOf, topicOf } from "./messages.ts";
import { median, show } from "./numbers.ts";
import { type Bench, type Row, ratioRow, shareRow } from "./report.ts";

const manyMappings = 10_000;

/** Three rules for the payloads that all benchmarks send. */
const metrics: readonly MetricRule[] = [
  metric({ name: "celsius", value: { path: "metrics.0.value" } }),
  metric({ name: "fahrenheit", value: { inputs: ["metrics.0.value"], expression: "cToF($1)" } }),
  metric({ each: "metrics.*", name: `raw.\${payload.name}`, value: { path: "value" } }),
];

function metric(fields: Pick<MetricRule, "name" | "value"> & Partial<MetricRule>): MetricRule {
  const rest = { description: undefined, unit: undefined, when: undefined, timestamp: undefined };
  return { type: "f64_gauge", each: undefined, attributes: {}, ...rest, ...fields };
}

function mappingOf(topicFilter: string, index: number): MappingRules {
  return {
    name: `rules-${index}`,
    sources: [],
    topicFilters: [topicFilter],
    filter: undefined,
    timestamp: undefined,
    attributes: { device: `\${topic.3}`, site: "north" },
    onMissing: "skip",
    metrics,
    logs: [],
  };
}

/** As a document; JSON is YAML too. */
function documentOf({ name, topicFilters, attributes, onMissing }: MappingRules): string {
  const written = metrics.map(({ value, ...rule }) => ({
    ...rule,
    ...("path" in value ? { value: value.path } : value),
  }));
  const spec = { match: { topicFilters }, attributes, onMissing, metrics: written };
  return `---\n${JSON.stringify({ apiVersion: "mqtt-otlp-gateway/v1", kind: "Mapping", metadata: { name }, spec })}\n`;
}

/** One for each line, and two more. */
const ten = Array.from({ length: 10 }, (_, line) => mappingOf(`plant/line${line}/+`, line));

/** One for each device that sends, among those for others. */
const many = Array.from({ length: manyMappings }, (_, index) =>
  mappingOf(index < gauges.series ? topicOf(index) : `plant/line${index % 8}/other-${index}`, index),
);

/** Ingest by rules or a graph against ingest of the same payloads as they are; and a thousand times the rules. */
export async function mapping({ size, folder }: Bench): Promise<Row[]> {
  const [rounds, durationMs] = size === "quick" ? [2, 2000] : [5, 8000];
  const start = (name: string, documents: string) =>
    startGateway({ folder, storePath: join(folder, `${name}.db`), documents });
  // One after the other: their configurations are one file.
  const gateways = {
    plain: await start("plain", ""),
    ten: await start("ten", ten.map(documentOf).join("")),
    many: await start("many", many.map(documentOf).join("")),
    graph: await start("graph", graphDocument()),
  };
  const rateOf = async (name: keyof typeof gateways) => {
    const { port } = gateways[name];
    const options: LoadOptions = {
      port,
      connections: 64,
      messagesPerRequest: 1,
      warmupMs: 1000,
      durationMs,
    };
    return (await runScript<LoadResult>("load.ts", options)).requestsPerSecond;
  };

  const results: Record<keyof typeof gateways, number>[] = [];
  for (let round = 0; round < rounds; round++) {
    results.push({
      plain: await rateOf("plain"),
      ten: await rateOf("ten"),
      many: await rateOf("many"),
      graph: await rateOf("graph"),
    });
  }
  for (const gateway of Object.values(gateways)) {
    const { accepted } = await gateway.status();
    if (accepted === 0) throw new Error("No message was taken by its rules");
    await gateway.end();
  }

  const rate = (name: keyof typeof gateways) =>
    `${show(median(results.map((result) => result[name])))} msg/s`;
  return [
    ratioRow({
      name: "mapping: rate",
      figure: rate("ten"),
      reference: rate("plain"),
      ratio: median(results.map((result) => result.ten / result.plain)),
      min: 0.7,
    }),
    ratioRow({
      name: "mapping: cost with 10,000",
      figure: rate("many"),
      reference: `${rate("ten")} with 10`,
      ratio: median(results.map((result) => result.ten / result.many)),
      max: 1.5,
    }),
    shareRow({
      name: "mapping: rate with a graph",
      figure: rate("graph"),
      reference: rate("plain"),
      ratio: median(results.map((result) => result.graph / result.plain)),
    }),
    readingRow(size === "quick" ? 100_000 : 500_000),
  ];
}

/** In this process, without the rest of ingest, and each mapping in turn: none stays in the processor's caches. */
function readingRow(messages: number): Row {
  const readTen = createReader(10);
  const readMany = createReader(manyMappings);
  const rounds = Array.from({ length: 5 }, () => ({ tenUs: readTen(messages), manyUs: readMany(messages) }));
  return shareRow({
    name: "· reading alone, all in turn",
    figure: `${show(median(rounds.map(({ manyUs }) => manyUs)))} µs`,
    reference: `${show(median(rounds.map(({ tenUs }) => tenUs)))} µs with 10`,
    ratio: median(rounds.map(({ tenUs, manyUs }) => manyUs / tenUs)),
  });
}

/** Reads messages by so many mappings; gives the microseconds that one takes. */
function createReader(mappings: number): (messages: number) => number {
  const topicAt = (index: number) => `plant/line${index % 8}/device-${index}`;
  const format = createPayloadFormat(
    Array.from({ length: mappings }, (_, index) => mappingOf(topicAt(index), index)),
  );
  const payload = new TextEncoder().encode(payloadOf(0));
  const read = (index: number) => {
    const message = { source: "raw", topic: topicAt(index % mappings), payload, userProperties: [] };
    if (format.parse(message, { lenient: false }).kind !== "items") {
      throw new Error(`Cannot read a message of ${message.topic} by its mapping`);
    }
  };
  for (let index = 0; index < manyMappings; index++) read(index);
  return (messages) => {
    const startMs = performance.now();
    for (let index = 0; index < messages; index++) read(index);
    return ((performance.now() - startMs) * 1000) / messages;
  };
}
