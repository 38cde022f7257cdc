/** Which documents there are, whatever they were wrapped in. */
import type { ConfigIssue } from "../errors.ts";
import { bareKindOf } from "./bare.ts";
import { type ConfigDocument, within } from "./documents.ts";
import { laterEndpointTypes, laterKinds } from "./later-kinds.ts";
import { choiceMessage, isRecord, show } from "./messages.ts";
import { fromResourceManager, isResourceManagerForm } from "./resource-manager.ts";

export interface Sorted {
  gateways: ConfigDocument[];
  /** Those of type OpenTelemetry, and those whose type is none at all. */
  endpoints: ConfigDocument[];
  /** Endpoints of type Mqtt. */
  brokers: ConfigDocument[];
  mappings: ConfigDocument[];
  graphs: ConfigDocument[];
  issues: ConfigIssue[];
}

const kinds = ["Gateway", "DataflowEndpoint", "DataflowGraph", "Mapping"];

/** Sort what is in a document by kind. `kubectl get` and Azure's REST interface wrap several in a list. */
export function sortDocument(document: ConfigDocument, sorted: Sorted): void {
  const { value } = document;
  if (!isRecord(value)) {
    sorted.issues.push(document.issue([], `Wanted a document with a kind, met ${show(value, ["token"])}`));
    return;
  }
  const { kind } = value;
  const listField = typeof kind === "string" && kind.endsWith("List") ? "items" : "value";
  const list = value[listField];
  if (Array.isArray(list) && (kind === undefined || listField === "items")) {
    for (const [index, inner] of list.entries()) {
      sortDocument(within(document, [listField, index], itemOf(value, inner)), sorted);
    }
  } else if (isResourceManagerForm(value)) {
    const { documents, issues } = fromResourceManager(document);
    sorted.issues.push(...issues);
    for (const inner of documents) sortDocument(inner, sorted);
  } else if (kind === "Gateway") sorted.gateways.push(document);
  else if (kind === "DataflowEndpoint") sortEndpoint(document, sorted);
  else if (kind === "DataflowGraph") sorted.graphs.push(document);
  else if (kind === "Mapping") sorted.mappings.push(document);
  else sorted.issues.push(document.issue(["kind"], kindMessage(value)));
}

/** In a list of one kind its items may not say what they are. */
function itemOf({ kind, apiVersion }: Record<string, unknown>, item: unknown): unknown {
  if (typeof kind !== "string" || kind === "List" || !isRecord(item) || item.kind !== undefined) return item;
  return { apiVersion, ...item, kind: kind.replace(/List$/, "") };
}

function kindMessage(value: Record<string, unknown>): string {
  const { kind } = value;
  const bare = bareKindOf(value);
  if (bare !== undefined) {
    return `Missing, wanted kind: ${bare} with metadata.name and spec, or these properties in a file of their own, which names them`;
  }
  if (typeof kind === "string" && Object.hasOwn(laterKinds, kind)) return laterKinds[kind] ?? "";
  return choiceMessage(kinds, kind, show(kind, []), Object.keys(laterKinds));
}

function sortEndpoint(document: ConfigDocument, { endpoints, brokers, issues }: Sorted): void {
  const spec = isRecord(document.value) ? document.value.spec : undefined;
  const type = isRecord(spec) ? String(spec.endpointType) : "";
  const fault = Object.hasOwn(laterEndpointTypes, type) ? laterEndpointTypes[type] : undefined;
  if (fault !== undefined) issues.push(document.issue(["spec", "endpointType"], fault));
  else if (type === "Mqtt") brokers.push(document);
  else endpoints.push(document);
}
