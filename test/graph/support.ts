import { parseTypedJson } from "../../pipeline/expression/json.ts";
import { compileTransform } from "../../pipeline/graph/compile.ts";
import type { GraphConnection, GraphRules, MapRule, TransformRules } from "../../pipeline/graph/rules.ts";
import type { Journey, Passage, Traveller } from "../../pipeline/graph/transform.ts";
import type { MqttMessage } from "../../pipeline/message.ts";
import type { Refusal } from "../../pipeline/payload/format.ts";
import { startReading } from "../../pipeline/payload/reading.ts";
import { Refused } from "../../pipeline/payload/refused.ts";

export function messageOf(payload: string, fields: Partial<MqttMessage> = {}): MqttMessage {
  return {
    source: "raw",
    topic: "plant/oven",
    payload: new TextEncoder().encode(payload),
    userProperties: [],
    ...fields,
  };
}

export interface PassOptions extends Partial<MqttMessage> {
  lenient?: boolean;
  admits?: Journey["admits"];
}

/** What a transform makes of a message, or why it refuses it. */
export function pass(
  rules: TransformRules,
  payload: string,
  { lenient = false, admits = () => true, ...fields }: PassOptions = {},
): Passage | Refusal {
  const message = messageOf(payload, fields);
  const traveller: Traveller = { payload: parseTypedJson(payload), message };
  const journey = { message, reading: startReading({ lenient }), admits };
  try {
    return compileTransform(rules, "node n of DataflowGraph g")(traveller, journey);
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

/** The message that a transform makes. */
export function passed(rules: TransformRules, payload: string, options: PassOptions = {}): Traveller {
  const passage = pass(rules, payload, options);
  if ("kind" in passage && passage.kind === "passes") return passage.traveller;
  throw new Error(`Did not pass: ${JSON.stringify(passage)}`);
}

/** Rules of a map as they are written. */
export function map(...rules: (Omit<MapRule, "expression"> & { expression?: string })[]): TransformRules {
  return { kind: "map", rules: rules.map((rule) => ({ expression: undefined, ...rule })) };
}

export const passthrough = { inputs: ["*"], output: "*" };

export const otelTransform = {
  kind: "otelTransform",
  rules: {
    name: "temperature",
    type: "f64_gauge",
    valuePath: "T.Value",
    timestampPath: undefined,
    unit: undefined,
  },
} as const satisfies TransformRules;

/** A graph of one Source node `in` and these transforms in a row, which leads to a destination. */
export function line(
  transforms: Record<string, TransformRules>,
  { name = "g", destination = "collector", topicFilters = ["#"], origins = ["raw"] } = {},
): GraphRules {
  const nodes = ["in", ...Object.keys(transforms), "out"];
  return graph({
    name,
    sources: [{ node: "in", origins, topicFilters }],
    transforms,
    destinations: { out: destination },
    connections: nodes.slice(1).map((to, index) => [nodes[index] ?? "", to]),
  });
}

/** A graph with connections such as ["check.true", "out"]. */
export function graph(written: {
  name?: string;
  sources?: GraphRules["sources"];
  transforms?: Record<string, TransformRules>;
  destinations: Record<string, string>;
  connections: readonly (readonly [from: string, to: string])[];
}): GraphRules {
  const { name = "g", sources, transforms = {}, destinations, connections } = written;
  return {
    name,
    sources: sources ?? [{ node: "in", origins: ["raw"], topicFilters: ["#"] }],
    transforms: Object.entries(transforms).map(([node, rules]) => ({ node, rules })),
    destinations: Object.entries(destinations).map(([node, destination]) => ({ node, destination })),
    connections: connections.map(([outlet, to]): GraphConnection => {
      const [from = "", output] = outlet.split(".");
      return { from, output: output === undefined ? undefined : output === "true", to };
    }),
  };
}
