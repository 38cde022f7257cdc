import type * as z from "zod";
import { ConfigError, type ConfigIssue } from "../errors.ts";
import { namedByFile } from "./bare.ts";
import { checkBridges } from "./check-bridges.ts";
import { checkConnections } from "./check-connections.ts";
import { checkGraphs } from "./check-graphs.ts";
import { checkLanes } from "./check-lanes.ts";
import { checkMappings } from "./check-mappings.ts";
import { namesOf } from "./check-origins.ts";
import { madeBridgeNames } from "./check-subscribers.ts";
import { checkGateway, checkNames } from "./checks.ts";
import type { GatewayConfig } from "./config.ts";
import { type ConfigDocument, type ConfigFile, readDocuments } from "./documents.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { dataflowEndpoint } from "./kinds/dataflow-endpoint.ts";
import { dataflowGraph } from "./kinds/dataflow-graph.ts";
import { gateway } from "./kinds/gateway.ts";
import { mapping } from "./kinds/mapping.ts";
import { mqttEndpoint } from "./kinds/mqtt-endpoint.ts";
import { checkPlaceholders } from "./placeholders.ts";
import { type Checked, resolve } from "./resolve.ts";
import { readBySchema } from "./schema-faults.ts";
import { type Sorted, sortDocument } from "./sort.ts";

export interface LoadConfigInput {
  /** Any number of files, each with any number of YAML or JSON documents. */
  files: readonly ConfigFile[];
  environment: Environment;
  /** A path as `file` means it; `file` is undefined for the environment's paths and for defaults. */
  resolvePath(file: string | undefined, path: string): string;
  /** The platform lets others reach the gateway, wherever it listens: nothing is open that is not said to be. */
  isExposed?: boolean;
}

/**
 * Read, check and complete the configuration. Pure: the files' texts and the environment are handed in.
 *
 * Errors: ConfigError with every fault of all files and of the environment.
 */
export function loadConfig({
  files,
  environment,
  resolvePath,
  isExposed = false,
}: LoadConfigInput): GatewayConfig {
  const { settings, issues } = readEnvironment(environment);
  const sorted: Sorted = { gateways: [], endpoints: [], brokers: [], mappings: [], graphs: [], issues: [] };
  for (const file of files) {
    const read = readDocuments(file);
    issues.push(...read.issues);
    const isAlone = read.documents.length === 1;
    for (const document of read.documents) sortDocument(isAlone ? namedByFile(document) : document, sorted);
  }
  const { gateways, endpoints, brokers, mappings, graphs } = sorted;
  for (const second of gateways.splice(1)) {
    issues.push(second.issue(["kind"], "Wanted one Gateway document, met another one"));
  }

  // Where a value was never filled in, what else is wrong with it does not matter.
  const missing = [...sorted.issues, ...[...endpoints, ...brokers].flatMap(checkPlaceholders)];
  const found: ConfigIssue[] = [];
  const checkedEndpoints = endpoints.flatMap((document) => check(document, dataflowEndpoint, found));
  const checkedBrokers = brokers.flatMap((document) => check(document, mqttEndpoint, found));
  const checkedMappings = mappings.flatMap((document) => check(document, mapping, found));
  const checkedGraphs = graphs.flatMap((document) => check(document, dataflowGraph, found));
  const [checkedGateway] = gateways.flatMap((document) => check(document, gateway, found));
  // These look at what is written, so that a fault elsewhere in the document does not hide theirs.
  found.push(...checkNames([...endpoints, ...brokers], ["metadata", "name"]));
  found.push(...checkNames(mappings, ["metadata", "name"]));
  found.push(...checkNames(graphs, ["metadata", "name"]));
  const brokerage = { gateway: gateways[0], brokers };
  const origins = [...namesOf(gateways[0]), ...madeBridgeNames(graphs, brokerage)];
  found.push(...checkGateway(gateways[0], { endpoints, origins, settings, isExposed }));
  found.push(...checkLanes(gateways[0], endpoints));
  found.push(...checkConnections(endpoints, gateways[0], settings));
  found.push(...checkBridges(brokers, gateways[0]));
  found.push(...checkMappings(mappings, origins));
  found.push(...checkGraphs(graphs, { ...brokerage, endpoints }));
  const places = new Set(missing.map(placeOf));
  issues.push(...missing, ...found.filter((issue) => !places.has(placeOf(issue))));
  if (issues.length > 0) throw new ConfigError(inReadingOrder(issues, files));
  return resolve({
    gateway: checkedGateway,
    endpoints: checkedEndpoints,
    brokers: checkedBrokers,
    mappings: checkedMappings,
    graphs: checkedGraphs,
    settings,
    resolvePath,
  });
}

function placeOf({ file, line, path }: ConfigIssue): string {
  return JSON.stringify([file, line, path]);
}

/** By file and line, the environment first. */
function inReadingOrder(issues: readonly ConfigIssue[], files: readonly ConfigFile[]): ConfigIssue[] {
  const names = files.map(({ name }) => name);
  const position = ({ file }: ConfigIssue) => (file === undefined ? -1 : names.indexOf(file));
  return issues.toSorted((a, b) => position(a) - position(b) || (a.line ?? 0) - (b.line ?? 0));
}

function check<Schema extends z.ZodType>(
  document: ConfigDocument,
  schema: Schema,
  issues: ConfigIssue[],
): Checked<z.output<Schema>>[] {
  const read = readBySchema(schema, document.value);
  if ("value" in read) return [{ document, value: read.value }];
  issues.push(...read.faults.map(({ path, message }) => document.issue(path, message)));
  return [];
}
