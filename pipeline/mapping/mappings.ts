import type { MqttMessage } from "../message.ts";
import { aioFormat } from "../payload/aio.ts";
import type { PayloadFormat } from "../payload/format.ts";
import { createMapping, type MapMessage } from "./mapping.ts";
import type { MappingRules } from "./rules.ts";
import { createTopicTree } from "./topic-tree.ts";

/** The mapping that a message is read with: the first one that its source and topic match; undefined: none. */
export type FindMapping = (message: Pick<MqttMessage, "source" | "topic">) => FoundMapping | undefined;

export interface FoundMapping {
  name: string;
  /** Errors: Error when the first message shows that a rule cannot be read. */
  map: MapMessage;
}

/** Payloads by the first mapping that matches, and by the AIO schema where none does. */
export function createPayloadFormat(mappings: readonly MappingRules[]): PayloadFormat {
  if (mappings.length === 0) return aioFormat;
  const find = createFindMapping(mappings);
  return {
    parse(message, options) {
      const found = find(message);
      return found === undefined ? aioFormat.parse(message, options) : found.map(message, options);
    },
  };
}

interface Entry extends FoundMapping {
  index: number;
  /** Undefined: any. */
  sources: ReadonlySet<string> | undefined;
}

export function createFindMapping(mappings: readonly MappingRules[]): FindMapping {
  const tree = createTopicTree<Entry>();
  const ofAnyTopic: Entry[] = [];
  for (const [index, rules] of mappings.entries()) {
    const { name, sources, topicFilters } = rules;
    const entry = {
      name,
      index,
      map: lazily(rules),
      sources: sources.length === 0 ? undefined : new Set(sources),
    };
    if (topicFilters.length === 0) ofAnyTopic.push(entry);
    for (const filter of topicFilters) tree.add(filter, entry);
  }
  return ({ source, topic }) => {
    const takes = ({ sources }: Entry) => sources === undefined || sources.has(source);
    let first = ofAnyTopic.find(takes);
    tree.match(topic, (entry) => {
      if ((first === undefined || entry.index < first.index) && takes(entry)) first = entry;
    });
    return first;
  };
}

/** Thousands of mappings are not made ready at start, but each for its first message. */
function lazily(rules: MappingRules): MapMessage {
  let map: MapMessage | undefined;
  return (message, options) => {
    map ??= createMapping(rules);
    return map(message, options);
  };
}
