/** Which bridges read for the Source nodes of graphs, and what they subscribe to. */
import { coversTopicFilter } from "../source/topic.ts";
import { createCovering } from "./covering.ts";
import { readDataSource } from "./kinds/dataflow-graph.ts";

/** A Source node that names an endpoint of type Mqtt. */
export interface Subscriber<Place = unknown> {
  node: string;
  endpointRef: string;
  dataSources: readonly string[];
  place: Place;
}

export interface Subscription {
  name: string;
  endpointRef: string;
  topicFilters: readonly string[];
  sharedSubscription?: string | undefined;
}

/**
 * The bridges that the Gateway document has, with more filters where graphs want them, and one more for each endpoint
 * that none of them reads from, which is named like the first node that does.
 */
export function withSubscribers<Bridge extends Subscription>(
  bridges: readonly Bridge[],
  subscribers: readonly Subscriber[],
): { bridges: Bridge[]; made: Subscription[] } {
  const wantedAt = (endpointRef: string) =>
    subscribers
      .filter((one) => one.endpointRef === endpointRef)
      .flatMap(({ dataSources }) => dataSources.map(readDataSource));
  const isFirst = ({ endpointRef }: Bridge, index: number) =>
    bridges.findIndex((one) => one.endpointRef === endpointRef) === index;
  const extended = bridges.map((bridge, index) => {
    if (!isFirst(bridge, index)) return bridge;
    const others = bridges.filter((one) => one !== bridge && one.endpointRef === bridge.endpointRef);
    const taken = others.flatMap(({ topicFilters }) => topicFilters);
    const wanted = wantedAt(bridge.endpointRef)
      .map(({ filter }) => filter)
      .filter((filter) => !taken.some((other) => coversTopicFilter(other, filter)));
    return { ...bridge, topicFilters: widest([...bridge.topicFilters, ...wanted]) };
  });
  const made = subscribers
    .filter(({ endpointRef }, index) => {
      const isFirst = subscribers.findIndex((one) => one.endpointRef === endpointRef) === index;
      return isFirst && !bridges.some((bridge) => bridge.endpointRef === endpointRef);
    })
    .map(({ node, endpointRef }): Subscription => {
      const wanted = wantedAt(endpointRef);
      return {
        name: node,
        endpointRef,
        topicFilters: widest(wanted.map(({ filter }) => filter)),
        sharedSubscription: wanted.find(({ share }) => share !== undefined)?.share,
      };
    });
  return { bridges: extended, made };
}

/** Those that no other one covers, in their order. */
export function widest(filters: readonly string[]): string[] {
  const all = [...new Set(filters)];
  const covering = createCovering<string>();
  for (const filter of all) covering.add(filter, filter);
  return all.filter((filter) => {
    let isCovered = false;
    covering.find(filter, (other) => {
      isCovered ||= other !== filter;
    });
    return !isCovered;
  });
}
