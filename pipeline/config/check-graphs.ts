/** Rules that go across fields of DataflowGraph documents. They read what is written, whether or not its schema accepts it. */
import type { ConfigIssue } from "../errors.ts";
import { isTopicFilter, topicFiltersOverlap } from "../source/topic.ts";
import { adapterNames } from "./adapters.ts";
import { listAt, textAt } from "./at.ts";
import { checkGraphShape } from "./check-graph-shape.ts";
import { namesOf, sourceNamesOf } from "./check-origins.ts";
import type { ConfigDocument, Path } from "./documents.ts";
import { isEnabled, nodesOf } from "./graph-shape.ts";
import { type Subscriber, widest } from "./graph-subscriptions.ts";
import { readDataSource } from "./kinds/dataflow-graph.ts";
import { type ConfigurationEntry, readTransform } from "./kinds/transforms.ts";
import { isRecord, unknownName } from "./messages.ts";

const bridgesPath = ["spec", "bridges"];
const destinationsPath = ["spec", "destinations"];
const sourceField = ["sourceSettings", "endpointRef"];
const destinationField = ["destinationSettings", "endpointRef"];

export interface GraphSurroundings {
  gateway: ConfigDocument | undefined;
  /** Of type OpenTelemetry. */
  endpoints: readonly ConfigDocument[];
  /** Of type Mqtt. */
  brokers: readonly ConfigDocument[];
}

export function checkGraphs(
  graphs: readonly ConfigDocument[],
  surroundings: GraphSurroundings,
): ConfigIssue[] {
  return [
    ...graphs.flatMap((graph) => [
      ...checkGraphShape(graph),
      ...checkTransforms(graph),
      ...checkReferences(graph, surroundings),
    ]),
    ...checkSubscribers(graphs.filter(isEnabled), surroundings),
  ];
}

function checkTransforms(graph: ConfigDocument): ConfigIssue[] {
  return nodesOf(graph).flatMap(({ value, path }) => {
    const artifact = textAt(value, ["graphSettings", "artifact"]);
    // One that is no artifact is a fault by itself.
    if (artifact === undefined || !/^[^:]+:[^:]+$/.test(artifact)) return [];
    const configuration = listAt(value, ["graphSettings", "configuration"]);
    if (!configuration.every(isEntry)) return [];
    const read = readTransform(artifact, configuration);
    if ("rules" in read) return [];
    return read.faults.map((fault) => graph.issue([...path, "graphSettings", ...fault.path], fault.message));
  });
}

function isEntry(value: unknown): value is ConfigurationEntry {
  return isRecord(value) && typeof value.key === "string" && typeof value.value === "string";
}

function checkReferences(
  graph: ConfigDocument,
  { gateway, endpoints, brokers }: GraphSurroundings,
): ConfigIssue[] {
  const receivers = namesIn(endpoints);
  const senders = namesIn(brokers);
  const sources = sourceNamesOf(gateway);
  const destinations = destinationNames(gateway, receivers);
  return nodesOf(graph).flatMap(({ value, path }) => {
    const source = textAt(value, sourceField);
    if (source !== undefined && ![...senders, ...sources].includes(source)) {
      const message = receivers.includes(source)
        ? `Wanted an Mqtt endpoint or a source, met the OpenTelemetry endpoint "${source}", which can only be a destination`
        : unknownName("the name of an Mqtt endpoint or of a source", source, [...senders, ...sources]);
      return [graph.issue([...path, ...sourceField], message)];
    }
    const destination = textAt(value, destinationField);
    if (destination === undefined || destinations.includes(destination)) return [];
    return [graph.issue([...path, ...destinationField], destinationFault(destination))];
  });

  function destinationFault(name: string): string {
    if (senders.includes(name)) {
      return `Wanted an OpenTelemetry endpoint, met the Mqtt endpoint "${name}": nothing is published here`;
    }
    if (receivers.includes(name))
      return `Wanted an endpoint that the Gateway's destinations name, met "${name}"`;
    return unknownName("the name of an OpenTelemetry endpoint", name, destinations);
  }
}

function destinationNames(
  gateway: ConfigDocument | undefined,
  receivers: readonly string[],
): readonly string[] {
  if (receivers.length === 0) return ["default"];
  const named = listAt(gateway?.value, destinationsPath).flatMap((one) => textAt(one, ["endpointRef"]) ?? []);
  return named.length === 0 ? receivers : named.filter((name) => receivers.includes(name));
}

function namesIn(documents: readonly ConfigDocument[]): string[] {
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

function checkSubscribers(
  graphs: readonly ConfigDocument[],
  { gateway, brokers }: GraphSurroundings,
): ConfigIssue[] {
  const subscribers = subscribersOf(graphs, namesIn(brokers));
  const bridges = listAt(gateway?.value, bridgesPath);
  const taken = gateway === undefined ? [...adapterNames] : namesOf(gateway);
  const issues: ConfigIssue[] = [];
  for (const endpointRef of new Set(subscribers.map((one) => one.endpointRef))) {
    const readers = bridges.filter((bridge) => textAt(bridge, ["endpointRef"]) === endpointRef);
    const ofEndpoint = subscribers.filter((one) => one.endpointRef === endpointRef);
    issues.push(...checkFilters(ofEndpoint, readers), ...checkShares(ofEndpoint, readers));
    const [first] = ofEndpoint;
    if (readers.length > 0 || first === undefined) continue;
    const { node, place } = first;
    if (taken.includes(node)) {
      const message = `Wanted a name that no source and no bridge has, for the bridge that reads for this node, met "${node}"`;
      issues.push(place.graph.issue([...place.path, "name"], message));
    }
    taken.push(node);
  }
  return issues;
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
      const message = `Wanted filters at one endpoint of which a topic matches one alone, met "${filter}" beside "${other}"`;
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
