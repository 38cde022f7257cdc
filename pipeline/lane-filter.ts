import type { MqttMessage } from "./message.ts";
import { matchesTopicFilter } from "./source/topic.ts";

/** Which messages a destination wants. Empty lists: all of them. */
export interface LaneFilter {
  /** Names of sources. */
  sources: readonly string[];
  /** Topic Filters, of which a topic must match one. */
  topicFilters: readonly string[];
}

/** Whether a lane is owed a message of its signal; undefined: every one, which nobody has to ask. */
export function createLaneFilter({
  sources,
  topicFilters,
}: LaneFilter): ((message: Pick<MqttMessage, "source" | "topic">) => boolean) | undefined {
  if (sources.length === 0 && topicFilters.length === 0) return undefined;
  const names = new Set(sources);
  return ({ source, topic }) =>
    (names.size === 0 || names.has(source)) &&
    (topicFilters.length === 0 || topicFilters.some((filter) => matchesTopicFilter(filter, topic)));
}
