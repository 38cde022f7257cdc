import type * as z from "zod";
import { ConfigError, type ConfigIssue } from "../errors.ts";
import { checkEndpoint, checkEnvironment, checkGateway, checkNames } from "./checks.ts";
import type { GatewayConfig } from "./config.ts";
import { type ConfigDocument, type ConfigFile, readDocuments } from "./documents.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { dataflowEndpoint, laterEndpointTypes } from "./kinds/dataflow-endpoint.ts";
import { gateway } from "./kinds/gateway.ts";
import { choiceMessage, isRecord, messageOf, notSupportedYet, show } from "./messages.ts";
import { type Checked, resolve } from "./resolve.ts";

/** Kinds of Azure IoT Operations, and of ours, that a document may be of one day. */
const laterKinds = [
  "Broker",
  "BrokerAuthentication",
  "BrokerAuthorization",
  "BrokerListener",
  "Dataflow",
  "DataflowGraph",
  "DataflowProfile",
  "Mapping",
  "RegistryEndpoint",
];

export interface LoadConfigInput {
  /** Any number of files, each with any number of YAML or JSON documents. */
  files: readonly ConfigFile[];
  environment: Environment;
  /** A path as `file` means it; `file` is undefined for the environment's paths and for defaults. */
  resolvePath(file: string | undefined, path: string): string;
}

/**
 * Read, check and complete the configuration. Pure: the files' texts and the environment are handed in.
 *
 * Errors: ConfigError with every fault of all files and of the environment.
 */
export function loadConfig({ files, environment, resolvePath }: LoadConfigInput): GatewayConfig {
  const { settings, issues } = readEnvironment(environment);
  const gateways: ConfigDocument[] = [];
  const endpoints: ConfigDocument[] = [];
  for (const file of files) {
    const read = readDocuments(file);
    issues.push(...read.issues);
    for (const document of read.documents) {
      const fault = sortByKind(document, gateways, endpoints);
      if (fault !== undefined) issues.push(fault);
    }
  }
  for (const second of gateways.splice(1)) {
    issues.push(second.issue(["kind"], "Wanted one Gateway document, met another one"));
  }

  const checkedEndpoints = endpoints.flatMap((document) => check(document, dataflowEndpoint, issues));
  const [checkedGateway] = gateways.flatMap((document) => check(document, gateway, issues));
  // These look at what is written, so that a fault elsewhere in the document does not hide theirs.
  issues.push(...checkNames(endpoints, ["metadata", "name"]));
  for (const document of endpoints) issues.push(...checkEndpoint(document, gateways[0], settings));
  issues.push(...checkGateway(gateways[0], endpoints, settings));
  issues.push(...checkEnvironment(settings, gateways[0], endpoints));
  if (issues.length > 0) throw new ConfigError(inReadingOrder(issues, files));
  return resolve({ gateway: checkedGateway, endpoints: checkedEndpoints, settings, resolvePath });
}

/** By file and line, the environment first. */
function inReadingOrder(issues: readonly ConfigIssue[], files: readonly ConfigFile[]): ConfigIssue[] {
  const names = files.map(({ name }) => name);
  const position = ({ file }: ConfigIssue) => (file === undefined ? -1 : names.indexOf(file));
  return issues.toSorted((a, b) => position(a) - position(b) || (a.line ?? 0) - (b.line ?? 0));
}

function sortByKind(
  document: ConfigDocument,
  gateways: ConfigDocument[],
  endpoints: ConfigDocument[],
): ConfigIssue | undefined {
  const { value } = document;
  if (!isRecord(value))
    return document.issue([], `Wanted a document with a kind, met ${show(value, ["token"])}`);
  if (value.kind === undefined && isRecord(value.properties)) {
    return sortByKind(fromResourceManager(document, value), gateways, endpoints);
  }
  const { kind } = value;
  if (kind === "Gateway") {
    gateways.push(document);
    return undefined;
  }
  if (kind !== "DataflowEndpoint") {
    return document.issue(
      ["kind"],
      choiceMessage(["Gateway", "DataflowEndpoint"], kind, show(kind, []), laterKinds),
    );
  }
  const type = isRecord(value.spec) ? value.spec.endpointType : undefined;
  if (laterEndpointTypes.includes(String(type))) {
    return document.issue(["spec", "endpointType"], notSupportedYet(String(type)));
  }
  endpoints.push(document);
  return undefined;
}

/** An endpoint as Azure Resource Manager writes it: `properties` is the spec, and a name may hold its parents'. */
function fromResourceManager(document: ConfigDocument, value: Record<string, unknown>): ConfigDocument {
  const { properties, apiVersion: _, name: fullName, ...rest } = value;
  const name = typeof fullName === "string" ? fullName.split("/").at(-1) : fullName;
  return {
    file: document.file,
    value: {
      ...rest,
      apiVersion: "connectivity.iotoperations.azure.com/v1",
      kind: "DataflowEndpoint",
      metadata: { name },
      spec: properties,
    },
    issue([first, ...path], message) {
      if (first === "spec") return document.issue(["properties", ...path], message);
      return document.issue(
        first === "metadata" ? path : first === undefined ? [] : [first, ...path],
        message,
      );
    },
  };
}

function check<Schema extends z.ZodType>(
  document: ConfigDocument,
  schema: Schema,
  issues: ConfigIssue[],
): Checked<z.output<Schema>>[] {
  const result = schema.safeParse(document.value, { error: messageOf, reportInput: true });
  if (result.success) return [{ document, value: result.data }];
  for (const issue of result.error.issues) {
    if (issue.code !== "unrecognized_keys") {
      issues.push(document.issue(issue.path, issue.message));
      continue;
    }
    const messages = issue.message.split("\n");
    for (const [index, key] of issue.keys.entries()) {
      issues.push(document.issue([...issue.path, key], messages[index] ?? "Unknown field"));
    }
  }
  return [];
}
