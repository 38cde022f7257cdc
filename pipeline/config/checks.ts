/** Rules that go across fields and documents. They read what is written, whether or not its schema accepts it. */
import type { ConfigIssue } from "../errors.ts";
import { adapterNames, encodedAdapterNames, laterAdapterNames, sourceIdentity } from "./adapters.ts";
import { at, listAt, textAt } from "./at.ts";
import { defaults } from "./defaults.ts";
import type { ConfigDocument, Path } from "./documents.ts";
import type { EnvironmentSettings } from "./environment.ts";
import { isLoopback } from "./host.ts";
import { isRecord, notSupportedYet } from "./messages.ts";
import { suggestion } from "./suggestion.ts";

const sourcesPath = ["spec", "sources"];
const destinationsPath = ["spec", "destinations"];

/** Every name that an earlier document has already. */
export function checkNames(documents: readonly ConfigDocument[], path: Path): ConfigIssue[] {
  const names = documents.map(({ value }) => textAt(value, path));
  return documents.flatMap((document, index) => {
    const name = names[index];
    if (name === undefined || names.indexOf(name) === index) return [];
    return [document.issue(path, `Wanted a name of its own, met "${name}" again`)];
  });
}

/** Names and references within the Gateway document, and who can reach it. */
export function checkGateway(
  gateway: ConfigDocument | undefined,
  endpoints: readonly ConfigDocument[],
  settings: EnvironmentSettings,
): ConfigIssue[] {
  return [
    ...checkSources(gateway),
    ...checkDestinations(gateway, endpoints),
    ...checkDestinationSources(gateway),
    ...checkExposure(gateway, settings),
  ];
}

function checkSources(gateway: ConfigDocument | undefined): ConfigIssue[] {
  if (gateway === undefined) return [];
  const path = sourcesPath;
  const sources = listAt(gateway.value, path);
  const identities = sources.map(identityOf);
  const names = identities.map(({ name }) => name);
  return sources.flatMap((source, index) => {
    if (!isRecord(source)) return [];
    const { name, adapter } = identities[index] ?? { name: "", adapter: "" };
    const field = source.name === undefined ? [...path, index] : [...path, index, "name"];
    if (names.indexOf(name) !== index) {
      return [gateway.issue(field, `Wanted a name of its own, met "${name}" again`)];
    }
    if (source.adapter === undefined && laterAdapterNames.includes(name)) {
      return [gateway.issue(field, `${notSupportedYet(`Adapter ${name}`)}; name another adapter`)];
    }
    const isEncodable = encodedAdapterNames.includes(adapter) || !adapterNames.some((one) => one === adapter);
    if (source.payloadEncoding === undefined || isEncodable) return [];
    const wanted = `Wanted adapter ${encodedAdapterNames.join(" or ")} with a payloadEncoding`;
    return [gateway.issue([...path, index, "payloadEncoding"], `${wanted}, met ${adapter}`)];
  });
}

function checkDestinations(
  gateway: ConfigDocument | undefined,
  endpoints: readonly ConfigDocument[],
): ConfigIssue[] {
  if (gateway === undefined) return [];
  const known = endpoints.flatMap(({ value }) => textAt(value, ["metadata", "name"]) ?? []);
  const references = listAt(gateway.value, destinationsPath).map((one) => textAt(one, ["endpointRef"]));
  return references.flatMap((reference, index) => {
    if (reference === undefined) return [];
    const path = [...destinationsPath, index, "endpointRef"];
    if (references.indexOf(reference) !== index) {
      return [gateway.issue(path, `Wanted each endpoint once, met "${reference}" again`)];
    }
    if (known.includes(reference)) return [];
    return [gateway.issue(path, unknownName("the name of an OpenTelemetry endpoint", reference, known))];
  });
}

/** The sources that a destination limits itself to. */
function checkDestinationSources(gateway: ConfigDocument | undefined): ConfigIssue[] {
  if (gateway === undefined) return [];
  const written = at(gateway.value, sourcesPath);
  const known =
    written === undefined
      ? adapterNames
      : listAt(gateway.value, sourcesPath).map((source) => identityOf(source).name);
  return listAt(gateway.value, destinationsPath).flatMap((destination, index) =>
    listAt(destination, ["sources"]).flatMap((name, position) => {
      if (typeof name !== "string" || known.some((one) => one === name)) return [];
      const path = [...destinationsPath, index, "sources", position];
      return [gateway.issue(path, unknownName("the name of a source", name, known))];
    }),
  );
}

function unknownName(what: string, met: string, known: readonly string[]): string {
  const list = known.length === 0 ? "and there is none" : `and there is ${known.join(", ")}`;
  const close = suggestion(met, known);
  return `Wanted ${what}, met "${met}", ${list}${close === undefined ? "" : `; did you mean ${close}?`}`;
}

function identityOf(source: unknown): { name: string; adapter: string } {
  return sourceIdentity({ name: textAt(source, ["name"]), adapter: textAt(source, ["adapter"]) });
}

/** Beyond loopback everything that is open must be meant to be. */
function checkExposure(gateway: ConfigDocument | undefined, settings: EnvironmentSettings): ConfigIssue[] {
  const host =
    settings.listenHost ?? textAt(gateway?.value, ["spec", "listen", "host"]) ?? defaults.listenHost;
  if (host === "" || isLoopback(host)) return [];
  const issue = (path: Path, message: string): ConfigIssue =>
    gateway?.issue(path, message) ?? { path: "GATEWAY_HOST", message };
  const issues: ConfigIssue[] = [];
  const why = `because the gateway listens on ${host}`;
  if (at(gateway?.value, ["spec", "administration", "token"]) === undefined) {
    issues.push(
      issue(["spec", "administration", "token"], `Wanted an administration token, ${why}, met none`),
    );
  }
  if (at(gateway?.value, ["spec", "sources"]) === undefined) {
    issues.push(issue(["spec", "sources"], `Wanted sources with authentication, ${why}, met none`));
  }
  for (const [index, source] of listAt(gateway?.value, ["spec", "sources"]).entries()) {
    if (!isRecord(source) || source.authentication !== undefined) continue;
    issues.push(
      issue(
        ["spec", "sources", index, "authentication"],
        `Wanted method Bearer, or None when that is meant, ${why}, met nothing`,
      ),
    );
  }
  return issues;
}
