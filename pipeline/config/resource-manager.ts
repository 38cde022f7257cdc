/**
 * Documents in the form of Azure Resource Manager: a resource as the portal, the CLI and the REST interface show it, a
 * list of them, or a template as `az bicep build` and an export make it.
 */
import type { ConfigIssue } from "../errors.ts";
import { at } from "./at.ts";
import { asKubernetes, bareKindOf } from "./bare.ts";
import { type ConfigDocument, type Path, within } from "./documents.ts";
import { laterKinds } from "./later-kinds.ts";
import { isRecord, show, wanted } from "./messages.ts";
import { evaluateTemplate, type Template } from "./template.ts";

const endpointType = "Microsoft.IoTOperations/instances/dataflowEndpoints";
const deploymentType = "Microsoft.Resources/deployments";

/** In a deployment. */
const templatePath = ["properties", "template"];
const argumentsPath = ["properties", "parameters"];

const graphType = "Microsoft.IoTOperations/instances/dataflowProfiles/dataflowGraphs";

/** Kinds of documents by their resource type, in lower case. */
const kindsByType: ReadonlyMap<string, string> = new Map([
  [endpointType.toLowerCase(), "DataflowEndpoint"],
  [graphType.toLowerCase(), "DataflowGraph"],
]);

/** Kinds that a gateway has no use for, by the last word of their resource type, in lower case. */
const laterKindsByType: Readonly<Record<string, string>> = { dataflows: "Dataflow" };

/** Source: Microsoft.IoTOperations/instances/dataflowEndpoints, `dataflowEndpointName`. */
const resourceName = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
const nameWanted = wanted(
  "3 to 63 lower-case letters, digits or '-', the first and the last a letter or digit",
);

export interface Unfolded {
  documents: ConfigDocument[];
  issues: ConfigIssue[];
}

const nothing: Unfolded = { documents: [], issues: [] };

/** Whether a document is in this form: it says what it is by other fields than `kind`. */
export function isResourceManagerForm(value: Record<string, unknown>): boolean {
  return value.kind === undefined && (isRecord(value.properties) || resourcesIn(value) !== undefined);
}

/** The endpoints and graphs in a resource or a template, as documents of Kubernetes. */
export function fromResourceManager(document: ConfigDocument): Unfolded {
  const { value } = document;
  const template: Template = {
    parameters: sectionOf(value, "parameters"),
    variables: sectionOf(value, "variables"),
  };
  if (at(value, ["properties"]) !== undefined) return fromResource(document, { template, parentType: "" });
  const unfolded = fromResources(document, { template, parentType: "" });
  if (unfolded.documents.length > 0 || unfolded.issues.length > 0) return unfolded;
  const message = `Wanted a resource of type ${endpointType} or ${graphType} in the template, met none`;
  return { documents: [], issues: [document.issue(["resources"], message)] };
}

interface Surroundings {
  template: Template;
  /** Of the resource around; "" at the top. */
  parentType: string;
}

/** A list, or a map by symbolic name. */
function resourcesIn(value: Record<string, unknown>): [PropertyKey, unknown][] | undefined {
  const { resources } = value;
  if (Array.isArray(resources)) return [...resources.entries()];
  return isRecord(resources) ? Object.entries(resources) : undefined;
}

function fromResources(document: ConfigDocument, surroundings: Surroundings): Unfolded {
  const list = isRecord(document.value) ? (resourcesIn(document.value) ?? []) : [];
  return merge(
    list.map(([key, resource]) => fromResource(within(document, ["resources", key], resource), surroundings)),
  );
}

function merge(all: readonly Unfolded[]): Unfolded {
  return {
    documents: all.flatMap(({ documents }) => documents),
    issues: all.flatMap(({ issues }) => issues),
  };
}

function fromResource(document: ConfigDocument, { template, parentType }: Surroundings): Unfolded {
  const resource = document.value;
  if (!isRecord(resource) || resource.existing === true) return nothing;
  const written = typeof resource.type === "string" ? resource.type : undefined;
  const type = written === undefined || parentType === "" ? written : `${parentType}/${written}`;
  if (type?.toLowerCase() === deploymentType.toLowerCase()) return fromDeployment(document, template);
  const children = fromResources(document, { template, parentType: type ?? "" });
  return merge([own(document, resource, type, template), children]);
}

/** A template within a template, which is what a module becomes. */
function fromDeployment(document: ConfigDocument, around: Template): Unfolded {
  const inner = within(document, templatePath, at(document.value, templatePath));
  const isInner = at(document.value, ["properties", "expressionEvaluationOptions", "scope"]) === "inner";
  const template = isInner ? templateOf(inner.value, at(document.value, argumentsPath), around) : around;
  return fromResources(inner, { template, parentType: "" });
}

/** The sections of a template, with the values that it is called with in place of the default ones. */
function templateOf(value: unknown, given: unknown, around: Template): Template {
  const parameters: Record<string, unknown> = { ...sectionOf(value, "parameters") };
  for (const [name, argument] of Object.entries(isRecord(given) ? given : {})) {
    let isKnown = true;
    const evaluated = evaluateTemplate(at(argument, ["value"]), around, () => {
      isKnown = false;
    });
    parameters[name] = isKnown ? { defaultValue: evaluated } : {};
  }
  return { parameters, variables: sectionOf(value, "variables") };
}

function sectionOf(value: unknown, name: string): Record<string, unknown> {
  const section = at(value, [name]);
  return isRecord(section) ? section : {};
}

/** A resource without those that stand in it. */
function own(
  document: ConfigDocument,
  resource: Record<string, unknown>,
  type: string | undefined,
  template: Template,
): Unfolded {
  const fault = (path: Path, message: string): Unfolded => ({
    documents: [],
    issues: [document.issue(path, message)],
  });
  const lastWord = type?.split("/").at(-1)?.toLowerCase() ?? "";
  const later = Object.hasOwn(laterKindsByType, lastWord) ? laterKindsByType[lastWord] : undefined;
  if (later !== undefined) return fault(["type"], laterKinds[later] ?? "");
  const kind =
    type === undefined
      ? (bareKindOf(resource.properties) ?? "DataflowEndpoint")
      : kindsByType.get(type.toLowerCase());
  if (kind === undefined) {
    // A template also makes what the endpoint needs in Azure: the instance, its custom location.
    if (document.isPart) return nothing;
    return fault(["type"], `Wanted ${endpointType} or ${graphType}, met ${show(type, ["type"])}`);
  }
  if (resource.copy !== undefined)
    return fault(["copy"], "Wanted each resource by itself, met a loop that only Azure can run");
  const issues: ConfigIssue[] = [];
  const evaluate = (value: unknown, path: Path) =>
    evaluateTemplate(value, template, (inner, message) =>
      issues.push(document.issue([...path, ...inner], message)),
    );
  if (evaluate(resource.condition, ["condition"]) === false) return nothing;
  const name = lastName(evaluate(resource.name, ["name"]));
  if (issues.length === 0 && typeof name === "string" && !resourceName.test(name) && !/[<{]/.test(name)) {
    issues.push(document.issue(["name"], nameWanted({ input: name })));
  }
  const properties = evaluate(resource.properties, ["properties"]);
  return { documents: [translated(document, asKubernetes(kind, name, properties))], issues };
}

/** The names of its parents may stand before a resource's own. */
function lastName(name: unknown): unknown {
  return typeof name === "string" ? name.split("/").at(-1) : name;
}

/** The version of the resource's interface does not matter. */
function translated(document: ConfigDocument, value: unknown): ConfigDocument {
  return {
    ...document,
    value,
    issue([first, ...path], message) {
      if (first === "spec") return document.issue(["properties", ...path], message);
      return document.issue(
        first === "metadata" ? path : first === undefined ? [] : [first, ...path],
        message,
      );
    },
  };
}
