/** Rules that go across fields and documents. They read what is written, whether or not its schema accepts it. */
import type { ConfigIssue } from "../errors.ts";
import { adapterNames, encodedAdapterNames, laterAdapterNames, sourceIdentity } from "./adapters.ts";
import { defaults } from "./defaults.ts";
import type { ConfigDocument, Path } from "./documents.ts";
import type { EnvironmentSettings, ExporterSettings } from "./environment.ts";
import { httpFault, isLoopback, resolveHost, type TlsMode } from "./host.ts";
import { isRecord, notSupportedYet } from "./messages.ts";
import { suggestion } from "./suggestion.ts";

const settingsPath = ["spec", "openTelemetrySettings"];
const destinationsPath = ["spec", "destinations"];

/** What is written at `path`; undefined when there is nothing. */
function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}

function textAt(value: unknown, path: Path): string | undefined {
  const found = at(value, path);
  return typeof found === "string" ? found : undefined;
}

function listAt(value: unknown, path: Path): unknown[] {
  const found = at(value, path);
  return Array.isArray(found) ? found : [];
}

/** Every name that an earlier document has already. */
export function checkNames(documents: readonly ConfigDocument[], path: Path): ConfigIssue[] {
  const names = documents.map(({ value }) => textAt(value, path));
  return documents.flatMap((document, index) => {
    const name = names[index];
    if (name === undefined || names.indexOf(name) === index) return [];
    return [document.issue(path, `Wanted a name of its own, met "${name}" again`)];
  });
}

/** An endpoint's address: by itself, against `tls.mode`, and against the protocol of its `destination`. */
export function checkEndpoint(
  { value, issue }: ConfigDocument,
  gateway: ConfigDocument | undefined,
  settings: EnvironmentSettings,
): ConfigIssue[] {
  const path = [...settingsPath, "host"];
  const host = textAt(value, path);
  if (host === undefined || host === "") return [];
  const resolved = resolveHost(host, tlsModeOf(textAt(value, [...settingsPath, "tls", "mode"])));
  if ("fault" in resolved) return [issue(path, resolved.fault)];
  const destination = listAt(gateway?.value, destinationsPath).find(
    (one) => at(one, ["endpointRef"]) === at(value, ["metadata", "name"]),
  );
  const isProtocolKnown =
    at(destination, ["protocol"]) !== undefined ||
    Object.values(settings.exporters).every(({ protocol }) => protocol !== undefined);
  const fault = isProtocolKnown ? undefined : httpFault(resolved.port);
  return fault === undefined ? [] : [issue(path, fault)];
}

function tlsModeOf(text: string | undefined): TlsMode | undefined {
  return text === "Enabled" || text === "Disabled" ? text : undefined;
}

/** The environment's say in where and how to send, where the documents leave it one. */
export function checkEnvironment(
  settings: EnvironmentSettings,
  gateway: ConfigDocument | undefined,
  endpoints: readonly ConfigDocument[],
): ConfigIssue[] {
  const destinations = listAt(gateway?.value, destinationsPath);
  const asked = {
    protocol: destinations.length === 0 || destinations.some((one) => at(one, ["protocol"]) === undefined),
    endpoint: isEndpointAsked(endpoints),
  };
  // What both signals share is said once.
  const messages = new Map<string, string>();
  for (const exporter of Object.values(settings.exporters)) {
    const faults = exporterFaults(exporter, asked);
    if (faults.protocol !== undefined) messages.set(exporter.protocolVariable, faults.protocol);
    if (faults.endpoint !== undefined) messages.set(exporter.endpointVariable, faults.endpoint);
  }
  if (asked.endpoint) {
    for (const variable of settings.unheeded) messages.set(variable, notSupportedYet("This variable"));
  }
  return [...messages].map(([path, message]) => ({ path, message }));
}

/** What is wrong with those of its settings that some destination asks for. */
function exporterFaults(
  { endpoint, endpointTlsMode, protocol }: ExporterSettings,
  asked: { protocol: boolean; endpoint: boolean },
): { protocol?: string | undefined; endpoint?: string | undefined } {
  const faults = {
    protocol:
      asked.protocol && protocol !== undefined && protocol !== "grpc" ? notSupportedYet(protocol) : undefined,
  };
  if (!asked.endpoint || endpoint === undefined) return faults;
  const resolved = resolveHost(endpoint, endpointTlsMode);
  if ("fault" in resolved) return { ...faults, endpoint: resolved.fault };
  const isProtocolKnown = protocol !== undefined || !asked.protocol;
  return isProtocolKnown ? faults : { ...faults, endpoint: httpFault(resolved.port) };
}

/** Whether some destination goes where the environment says. */
function isEndpointAsked(endpoints: readonly ConfigDocument[]): boolean {
  return (
    endpoints.length === 0 ||
    endpoints.some(({ value }) => at(value, [...settingsPath, "host"]) === undefined)
  );
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
    ...checkExposure(gateway, settings),
  ];
}

function checkSources(gateway: ConfigDocument | undefined): ConfigIssue[] {
  if (gateway === undefined) return [];
  const path = ["spec", "sources"];
  const sources = listAt(gateway.value, path);
  const identities = sources.map((source) =>
    sourceIdentity({ name: textAt(source, ["name"]), adapter: textAt(source, ["adapter"]) }),
  );
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
    const list = known.length === 0 ? "and there is none" : `and there is ${known.join(", ")}`;
    const close = suggestion(reference, known);
    const hint = close === undefined ? "" : `; did you mean ${close}?`;
    return [
      gateway.issue(path, `Wanted the name of an OpenTelemetry endpoint, met "${reference}", ${list}${hint}`),
    ];
  });
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
