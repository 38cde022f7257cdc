/** Mappings that no message reaches, since what goes before them takes all that they match. */
import type { GatewayConfig } from "./config.ts";
import { createCovering } from "./covering.ts";
import type { ConfigDocument } from "./documents.ts";
import type { ResolveInput } from "./resolve.ts";

/** What reads messages of some origins on some topics. */
interface Reader {
  /** With its place in a file. */
  label: string;
  origins: readonly string[];
  /** Empty: any topic. */
  topicFilters: readonly string[];
}

export function hiddenMappingWarnings(
  { graphs, mappings, sources, bridges }: GatewayConfig,
  written: Pick<ResolveInput, "graphs" | "mappings">,
): string[] {
  const all = [...sources, ...bridges].map(({ name }) => name);
  const { add, findTakers } = createTaken();
  for (const { name, sources } of graphs) {
    const document = written.graphs.find(({ value }) => value.metadata.name === name)?.document;
    const label = placed(`DataflowGraph ${name}`, document);
    for (const { origins, topicFilters } of sources) add({ label, origins, topicFilters });
  }
  return mappings.flatMap(({ name, sources, topicFilters }, index) => {
    const label = placed(`Mapping ${name}`, written.mappings[index]?.document);
    const reader = { label, origins: sources.length === 0 ? all : sources, topicFilters };
    const takers = findTakers(reader);
    if (takers !== undefined) {
      const verb = takers.length === 1 ? "takes" : "take";
      return [`${label} reads no message: ${takers.join(" and ")} ${verb} all that it matches`];
    }
    add(reader);
    return [];
  });
}

/** A name with its place in a file. */
function placed(name: string, document: ConfigDocument | undefined): string {
  const place = document?.issue([], "");
  return `${name} (${place?.file}:${place?.line})`;
}

/** Collects what is taken already, in order. */
function createTaken() {
  interface Taker extends Reader {
    order: number;
  }
  const takers = createCovering<Taker>();
  const takersOfAnyTopic = new Map<string, Taker>();
  let count = 0;

  function add(reader: Reader): void {
    const taker = { ...reader, order: count++ };
    for (const filter of reader.topicFilters) takers.add(filter, taker);
    if (reader.topicFilters.length > 0) return;
    for (const origin of reader.origins) {
      if (!takersOfAnyTopic.has(origin)) takersOfAnyTopic.set(origin, taker);
    }
  }

  /** The first one that takes an origin's messages on all topics of a filter. */
  function takerOf(origin: string, filter: string): Taker | undefined {
    let first = takersOfAnyTopic.get(origin);
    takers.find(filter, (taker) => {
      if (first !== undefined && first.order < taker.order) return;
      if (taker.origins.includes(origin)) first = taker;
    });
    return first;
  }

  /** Those that take all of what a reader wants; undefined: something is left for it. */
  function findTakers({ origins, topicFilters }: Reader): string[] | undefined {
    const labels = new Set<string>();
    for (const origin of origins) {
      const found =
        topicFilters.length === 0
          ? [takersOfAnyTopic.get(origin)]
          : topicFilters.map((filter) => takerOf(origin, filter));
      for (const taker of found) {
        if (taker === undefined) return undefined;
        labels.add(taker.label);
      }
    }
    return labels.size === 0 ? undefined : [...labels];
  }

  return { add, findTakers };
}
