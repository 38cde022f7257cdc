/** Rules that go across fields of the Gateway document. They read what is written, whether or not its schema accepts it. */
import type { ConfigIssue } from "../errors.ts";
import { at, listAt, textAt } from "./at.ts";
import { checkOrigins } from "./check-origins.ts";
import { defaults } from "./defaults.ts";
import type { ConfigDocument, Path } from "./documents.ts";
import type { EnvironmentSettings } from "./environment.ts";
import { isLoopback } from "./host.ts";
import { isRecord, unknownName } from "./messages.ts";

const sourcesPath = ["spec", "sources"];
const destinationsPath = ["spec", "destinations"];

/** Every name that an earlier document has already. */
export function checkNames(documents: readonly ConfigDocument[], path: Path): ConfigIssue[] {
  const taken = new Set<string>();
  return documents.flatMap((document) => {
    const name = textAt(document.value, path);
    if (name === undefined) return [];
    if (!taken.has(name)) {
      taken.add(name);
      return [];
    }
    return [document.issue(path, `Wanted a name of its own, met "${name}" again`)];
  });
}

export interface GatewaySurroundings {
  /** Those to send to. */
  endpoints: readonly ConfigDocument[];
  /** The names of sources and bridges, those too that graphs make. */
  origins: readonly string[];
  settings: EnvironmentSettings;
  /** Whether the platform lets others reach the gateway, wherever it listens. */
  isExposed: boolean;
}

/** Names and references within the Gateway document, and who can reach it. */
export function checkGateway(
  gateway: ConfigDocument | undefined,
  { endpoints, origins, settings, isExposed }: GatewaySurroundings,
): ConfigIssue[] {
  return [
    ...checkOrigins(gateway),
    ...checkDestinations(gateway, endpoints),
    ...checkDestinationSources(gateway, origins),
    ...checkStore(gateway),
    ...checkExposure(gateway, { settings, isExposed }),
  ];
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

/** The sources and bridges that a destination limits itself to. */
function checkDestinationSources(
  gateway: ConfigDocument | undefined,
  known: readonly string[],
): ConfigIssue[] {
  if (gateway === undefined) return [];
  return listAt(gateway.value, destinationsPath).flatMap((destination, index) =>
    listAt(destination, ["sources"]).flatMap((name, position) => {
      if (typeof name !== "string" || known.includes(name)) return [];
      const path = [...destinationsPath, index, "sources", position];
      return [gateway.issue(path, unknownName("the name of a source or bridge", name, known))];
    }),
  );
}

/** What is only in memory must not be acknowledged before it is delivered. */
function checkStore(gateway: ConfigDocument | undefined): ConfigIssue[] {
  if (gateway === undefined) return [];
  const path = ["spec", "store", "type"];
  const acknowledge = at(gateway.value, ["spec", "acknowledge"]) ?? "stored";
  if (at(gateway.value, path) !== "memory" || acknowledge !== "stored") return [];
  return [gateway.issue(path, "Wanted acknowledge: delivered for a store in memory, met stored")];
}

/** Beyond loopback everything that is open must be meant to be. */
function checkExposure(
  gateway: ConfigDocument | undefined,
  { settings, isExposed }: Pick<GatewaySurroundings, "settings" | "isExposed">,
): ConfigIssue[] {
  const host =
    settings.listenHost ?? textAt(gateway?.value, ["spec", "listen", "host"]) ?? defaults.listenHost;
  if (!isExposed && (host === "" || isLoopback(host))) return [];
  const variable = isExposed ? "GATEWAY_CONFIG" : "GATEWAY_HOST";
  const issue = (path: Path, message: string): ConfigIssue =>
    gateway?.issue(path, message) ?? { path: variable, message };
  const issues: ConfigIssue[] = [];
  const why = isExposed
    ? "because others can reach the gateway here"
    : `because the gateway listens on ${host}`;
  if (at(gateway?.value, ["spec", "administration", "token"]) === undefined) {
    issues.push(
      issue(["spec", "administration", "token"], `Wanted an administration token, ${why}, met none`),
    );
  }
  if (at(gateway?.value, sourcesPath) === undefined) {
    issues.push(issue(sourcesPath, `Wanted sources with authentication, ${why}, met none`));
  }
  for (const [index, source] of listAt(gateway?.value, sourcesPath).entries()) {
    if (!isRecord(source) || source.authentication !== undefined) continue;
    issues.push(
      issue(
        [...sourcesPath, index, "authentication"],
        `Wanted a method of authentication, None when that is meant, ${why}, met nothing`,
      ),
    );
  }
  return issues;
}
