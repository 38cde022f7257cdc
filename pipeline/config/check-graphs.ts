/** Rules that go across fields of DataflowGraph documents. They read what is written, whether or not its schema accepts it. */
import type { ConfigIssue } from "../errors.ts";
import { listAt, textAt } from "./at.ts";
import { checkGraphShape } from "./check-graph-shape.ts";
import { sourceNamesOf } from "./check-origins.ts";
import { type Brokerage, checkSubscribers, namesIn } from "./check-subscribers.ts";
import type { ConfigDocument } from "./documents.ts";
import { nodesOf } from "./graph-shape.ts";
import { type ConfigurationEntry, readTransform } from "./kinds/transforms.ts";
import { isRecord, unknownName } from "./messages.ts";

const destinationsPath = ["spec", "destinations"];
const sourceField = ["sourceSettings", "endpointRef"];
const destinationField = ["destinationSettings", "endpointRef"];

export interface GraphSurroundings extends Brokerage {
  /** Of type OpenTelemetry. */
  endpoints: readonly ConfigDocument[];
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
    ...checkSubscribers(graphs, surroundings),
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
