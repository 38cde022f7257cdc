import { parseTypedJson } from "../expression/json.ts";
import { bounded, byRule } from "../mapping/refusal.ts";
import { createTopicTree } from "../mapping/topic-tree.ts";
import type { MqttMessage } from "../message.ts";
import { readDocument } from "../payload/document.ts";
import type { Filtered, Items, Parsed, ParseOptions, PayloadFormat } from "../payload/format.ts";
import { isNestedBeyond, nestingMax } from "../payload/json.ts";
import { odditiesOf, type Reading, startReading } from "../payload/reading.ts";
import { Refused, refuse } from "../payload/refused.ts";
import { type Arrived, createGraph, type Graph, type Run } from "./graph.ts";
import { itemsOf } from "./items.ts";
import type { GraphRules } from "./rules.ts";
import { admission } from "./throttle.ts";
import type { Traveller } from "./transform.ts";

/** A Source node that takes a message. */
export interface Entrance {
  /** Name of the graph. */
  name: string;
  node: string;
  graph: Graph;
}

/** The Source nodes that take a message, of every graph, in the order in which they are configured. */
export type FindEntrances = (message: Pick<MqttMessage, "source" | "topic">) => readonly Entrance[];

/** Payloads by the graphs that take them, and by another format where none does. */
export function createGraphFormat(graphs: readonly GraphRules[], otherwise: PayloadFormat): PayloadFormat {
  if (graphs.length === 0) return otherwise;
  const find = createFindEntrances(graphs);
  return {
    parse(message, options) {
      const entrances = find(message);
      return entrances.length === 0 ? otherwise.parse(message, options) : parse(message, options, entrances);
    },
  };
}

export function createFindEntrances(graphs: readonly GraphRules[]): FindEntrances {
  const tree = createTopicTree<{ index: number; origins: ReadonlySet<string> }>();
  const entrances: Entrance[] = [];
  for (const rules of graphs) {
    const graph = createGraph(rules);
    for (const { node, origins, topicFilters } of rules.sources) {
      const index = entrances.push({ name: rules.name, node, graph }) - 1;
      for (const filter of topicFilters) tree.add(filter, { index, origins: new Set(origins) });
    }
  }
  return ({ source, topic }) => {
    const found = new Set<number>();
    tree.match(topic, ({ index, origins }) => {
      if (origins.has(source)) found.add(index);
    });
    return found.size === 0 ? [] : entrances.filter((_, index) => found.has(index));
  };
}

function parse(
  message: MqttMessage,
  options: ParseOptions,
  entrances: readonly Entrance[],
): Parsed | Filtered {
  const reading = startReading(options);
  try {
    const { value: payload, traceparent } = readDocument(message, reading, parseTypedJson);
    if (isNestedBeyond(payload, nestingMax)) {
      refuse("payload", { met: "deeper nested JSON", wanted: `at most ${nestingMax} levels` });
    }
    const names = [...new Set(entrances.map(({ name }) => `DataflowGraph ${name}`))];
    reading.watch?.reader(names.join(" and "));
    const traveller: Traveller = { payload, message };
    const journey = { message, reading, admits: admission(message, options.admits) };
    const runs = entrances.map(({ node, graph }) => graph.run({ node, traveller }, journey));
    const arrived = runs.flatMap((run) => run.arrived);
    const dropped = arrived.length === 0 ? droppedBy(runs) : undefined;
    if (dropped) return dropped;
    return {
      kind: "items",
      items: { ...routed(arrived, reading), traceparent },
      oddities: odditiesOf(reading),
    };
  } catch (error) {
    if (error instanceof Refused) return { kind: "refused", refusal: bounded(error.refusal) };
    throw error;
  }
}

function droppedBy(runs: readonly Run[]): Filtered | undefined {
  const [first] = runs.flatMap(({ lost }) => lost);
  return first && { kind: "filtered", ...first };
}

/** A message that leaves in several places is read once. */
function routed(arrived: readonly Arrived[], reading: Reading): Items {
  const read = new Map<Traveller, Items>();
  const ways = new Map<string, Items[]>();
  for (const { destination, traveller, place } of arrived) {
    const items = read.get(traveller) ?? byRule(place, () => itemsOf(traveller.payload, reading));
    read.set(traveller, items);
    ways.set(destination, [...(ways.get(destination) ?? []), items]);
  }
  const routes = new Map([...ways].map(([destination, all]) => [destination, joined(all)]));
  return { ...joined([...read.values()]), routes };
}

function joined(all: readonly Items[]): Pick<Items, "metrics" | "logs"> {
  return { metrics: all.flatMap(({ metrics }) => metrics), logs: all.flatMap(({ logs }) => logs) };
}
