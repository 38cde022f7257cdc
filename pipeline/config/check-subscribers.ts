/** Source nodes of DataflowGraph documents that read from a broker, and the bridges that read for them. */
import type { ConfigIssue } from "../errors.ts";
import { isTopicFilter, topicFiltersOverlap } from "../source/topic.ts";
import { listAt, textAt } from "./at.ts";
import { namesOf } from "./check-origins.ts";
import type { ConfigDocument, Path } from "./documents.ts";
import { isEnabled, nodesOf } from "./graph-shape.ts";
import { type Subscriber, widest } from "./graph-subscriptions.ts";
import { readDataSource } from "./kinds/dataflow-graph.ts";
import { name as bridgeName } from "./schema.ts";
import { readBySchema } from "./schema-faults.ts";

const bridgesPath = ["spec", "bridges"];
const sourceField = ["sourceSettings", "endpointRef"];

export interface Brokerage {
  gateway: ConfigDocument | undefined;
  /** Endpoints of type Mqtt. */
  brokers: readonly ConfigDocument[];
}

/** The names that documents have. */
export function namesIn(documents: readonly ConfigDocument[]): string[] {
  return documents.flatMap(({ value }) => textAt(value, ["metadata", "name"]) ?? []);
}

type Place = { graph: ConfigDocument; path: Path };

function subscribersOf(graphs: readonly ConfigDocument[], brokers: readonly string[]): Subscriber<Place>[] {
  return graphs.flatMap((graph) =>
    nodesOf(graph).flatMap(({ name, value, path }): Subscriber<Place>[] => {
      const endpointRef = textAt(value, sourceField);
      if (endpointRef === undefined || !brokers.includes(endpointRef)) return [];
      const dataSources = listAt(value, ["sourceSettings", "dataSources"]).filter(isDataSource);
      return [{ node: name, endpointRef, dataSources, place: { graph, path } }];
    }),
  );
}

function isDataSource(written: unknown): written is string {
  return typeof written === "string" && isTopicFilter(readDataSource(written).filter);
}

/** What Source nodes of graphs that run ask of brokers. */
export function checkSubscribers(graphs: readonly ConfigDocument[], brokerage: Brokerage): ConfigIssue[] {
  const running = graphs.filter(isEnabled);
  const subscribers = subscribersOf(running, namesIn(brokerage.brokers));
  const bridges = listAt(brokerage.gateway?.value, bridgesPath);
  const endpoints = [...new Set(subscribers.map((one) => one.endpointRef))];
  return [
    ...endpoints.flatMap((endpointRef) => {
      const readers = bridges.filter((bridge) => textAt(bridge, ["endpointRef"]) === endpointRef);
      const ofEndpoint = subscribers.filter((one) => one.endpointRef === endpointRef);
      return [...checkFilters(ofEndpoint, readers), ...checkShares(ofEndpoint, readers)];
    }),
    ...checkBridgeNames(running, brokerage),
  ];
}

/**
 * The names of the bridges that are made for Source nodes. Those of graphs that are Disabled are known too, so that a
 * graph can be switched off by its mode alone.
 */
export function madeBridgeNames(graphs: readonly ConfigDocument[], brokerage: Brokerage): string[] {
  const makers = [graphs.filter(isEnabled), graphs].flatMap((some) => makersIn(some, brokerage));
  return [...new Set(makers.map(({ node }) => node))];
}

/** For each endpoint that no bridge of the Gateway reads from, the first node that does: it makes a bridge. */
function makersIn(graphs: readonly ConfigDocument[], { gateway, brokers }: Brokerage): Subscriber<Place>[] {
  const read = listAt(gateway?.value, bridgesPath).map((bridge) => textAt(bridge, ["endpointRef"]));
  const subscribers = subscribersOf(graphs, namesIn(brokers));
  return subscribers.filter(({ endpointRef }, index) => {
    const isFirst = subscribers.findIndex((one) => one.endpointRef === endpointRef) === index;
    return isFirst && !read.includes(endpointRef);
  });
}

/** A bridge has the name of the node that makes it. */
function checkBridgeNames(graphs: readonly ConfigDocument[], brokerage: Brokerage): ConfigIssue[] {
  const taken = namesOf(brokerage.gateway);
  return makersIn(graphs, brokerage).flatMap(({ node, place: { graph, path } }) => {
    const issue = (message: string) =>
      graph.issue([...path, "name"], `${message}: the bridge that reads for this node has its name`);
    if (taken.includes(node)) return [issue(`Wanted a name that no source and no bridge has, met "${node}"`)];
    taken.push(node);
    const read = readBySchema(bridgeName, node);
    return "faults" in read ? read.faults.map(({ message }) => issue(message)) : [];
  });
}

/** A broker may send a message once for each filter that it matches, and nothing tells that it is the same one. */
function checkFilters(subscribers: readonly Subscriber<Place>[], bridges: readonly unknown[]): ConfigIssue[] {
  const written = bridges.flatMap((bridge) =>
    listAt(bridge, ["topicFilters"]).filter((one) => typeof one === "string" && isTopicFilter(one)),
  );
  const all = widest([
    ...written.map(String),
    ...subscribers.flatMap(({ dataSources }) => dataSources.map((one) => readDataSource(one).filter)),
  ]);
  return subscribers.flatMap(({ dataSources, place: { graph, path } }) =>
    listAt(graph.value, [...path, "sourceSettings", "dataSources"]).flatMap((dataSource, index) => {
      if (!isDataSource(dataSource) || !dataSources.includes(dataSource)) return [];
      const { filter } = readDataSource(dataSource);
      if (!all.includes(filter)) return [];
      const other = all.slice(0, all.indexOf(filter)).find((one) => topicFiltersOverlap(one, filter));
      if (other === undefined) return [];
      const message = `Wanted filters at one endpoint that no topic matches two of, met "${filter}" beside "${other}"`;
      return [graph.issue([...path, "sourceSettings", "dataSources", index], message)];
    }),
  );
}

/** What one bridge reads has one share, or none. */
function checkShares(subscribers: readonly Subscriber<Place>[], bridges: readonly unknown[]): ConfigIssue[] {
  const [reader] = bridges;
  const shares = subscribers.flatMap(({ dataSources, place }) =>
    dataSources.map((dataSource) => ({ place, share: readDataSource(dataSource).share })),
  );
  const wanted =
    reader === undefined
      ? shares.find(({ share }) => share !== undefined)?.share
      : textAt(reader, ["sharedSubscription"]);
  return shares.flatMap(({ place: { graph, path }, share }) => {
    if (share === undefined || share === wanted) return [];
    const message = `Wanted ${wanted === undefined ? "no share" : `the share ${wanted}`}, as of the other subscriptions at this endpoint, met ${share}`;
    return [graph.issue([...path, "sourceSettings", "dataSources"], message)];
  });
}
