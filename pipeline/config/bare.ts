/**
 * The properties of a graph or of an endpoint by themselves, as the Azure CLI takes them for `--config-file`. They say
 * neither what they are nor their name: their fields show the one, the name of their file is the other.
 */
import type { ConfigDocument } from "./documents.ts";
import { isRecord } from "./messages.ts";

const fieldsByKind = {
  DataflowGraph: ["nodes", "nodeConnections"],
  DataflowEndpoint: ["endpointType", "openTelemetrySettings", "mqttSettings"],
};

export type BareKind = keyof typeof fieldsByKind;

/** The kind whose properties these are; undefined: of none, or they say what they are. */
export function bareKindOf(value: unknown): BareKind | undefined {
  if (!isRecord(value) || value.kind !== undefined) return undefined;
  const kinds = Object.keys(fieldsByKind) as BareKind[];
  return kinds.find((kind) => fieldsByKind[kind].some((field) => value[field] !== undefined));
}

/** The only document of a file, named like the file where it is nothing but properties. */
export function namedByFile(document: ConfigDocument): ConfigDocument {
  const kind = bareKindOf(document.value);
  if (kind === undefined) return document;
  const name = document.file.replace(/^.*[\\/]/, "").replace(/\.[^.]*$/, "");
  return {
    ...document,
    value: asKubernetes(kind, name, document.value),
    issue([first, ...path], message) {
      if (first === "metadata") return document.issue([], `${message}: it has the name of its file`);
      return document.issue(first === "spec" ? path : [], message);
    },
  };
}

/** What Azure has as a resource's properties, Kubernetes has as `spec`. */
export function asKubernetes(kind: string, name: unknown, properties: unknown): Record<string, unknown> {
  return {
    apiVersion: "connectivity.iotoperations.azure.com/v1",
    kind,
    metadata: { name },
    spec: withoutNulls(properties),
  };
}

/** Azure's tools write null for what is not set. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(entries.map(([key, inner]) => [key, withoutNulls(inner)]));
}
