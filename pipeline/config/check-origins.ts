/** Sources and bridges: their names, and what a source says that only some of them can. */
import type { ConfigIssue } from "../errors.ts";
import { adapterNames, adaptersByField, sourceIdentity } from "./adapters.ts";
import { at, listAt, textAt } from "./at.ts";
import type { ConfigDocument, Path } from "./documents.ts";
import { isRecord } from "./messages.ts";

const sourcesPath = ["spec", "sources"];
const bridgesPath = ["spec", "bridges"];
const clientCaPath = ["spec", "listen", "tls", "clientCaFile"];

export function checkOrigins(gateway: ConfigDocument | undefined): ConfigIssue[] {
  if (gateway === undefined) return [];
  const sources = [...listAt(gateway.value, sourcesPath).entries()];
  return [
    ...checkOriginNames(gateway),
    ...sources.flatMap(([index, source]) => [
      ...checkAdapter(gateway, source, [...sourcesPath, index]),
      ...checkClientCertificate(gateway, source, [...sourcesPath, index]),
    ]),
  ];
}

/** The sources and bridges that a Gateway document has; without one, there are the built-in sources. */
export function namesOf(gateway: ConfigDocument | undefined): string[] {
  return gateway === undefined ? [...adapterNames] : originsOf(gateway).map(({ name }) => name);
}

/** Those that messages are posted to. */
export function sourceNamesOf(gateway: ConfigDocument | undefined): string[] {
  const sources = at(gateway?.value, sourcesPath);
  return Array.isArray(sources) ? sources.map((source) => identityOf(source).name) : [...adapterNames];
}

interface OriginName {
  name: string;
  /** Undefined: it is there because no source is written. */
  path: Path | undefined;
}

/** The ledger counts by these names. */
function originsOf(gateway: ConfigDocument): OriginName[] {
  const isSilent = at(gateway.value, sourcesPath) === undefined;
  const sources = listAt(gateway.value, sourcesPath).map((source, index): OriginName => {
    const isNamed = at(source, ["name"]) !== undefined;
    return {
      name: identityOf(source).name,
      path: [...sourcesPath, index, ...(isNamed ? ["name"] : [])],
    };
  });
  const bridges = listAt(gateway.value, bridgesPath).flatMap((bridge, index): OriginName[] => {
    const name = textAt(bridge, ["name"]);
    return name === undefined ? [] : [{ name, path: [...bridgesPath, index, "name"] }];
  });
  const unwritten = isSilent ? adapterNames.map((name): OriginName => ({ name, path: undefined })) : [];
  return [...unwritten, ...sources, ...bridges];
}

function checkOriginNames(gateway: ConfigDocument): ConfigIssue[] {
  const origins = originsOf(gateway);
  return origins.flatMap(({ name, path }, index) => {
    const first = origins.findIndex((one) => one.name === name);
    if (first === index || path === undefined) return [];
    const why =
      origins[first]?.path === undefined
        ? ", the name of a source that is there unless sources are written"
        : " again";
    return [gateway.issue(path, `Wanted a name of its own, met "${name}"${why}`)];
  });
}

function checkAdapter(gateway: ConfigDocument, source: unknown, path: Path): ConfigIssue[] {
  const { adapter } = identityOf(source);
  if (!isRecord(source) || !adapterNames.some((known) => known === adapter)) return [];
  return Object.entries(adaptersByField).flatMap(([field, adapters]) => {
    if (source[field] === undefined || adapters.some((known) => known === adapter)) return [];
    return [
      gateway.issue(
        [...path, field],
        `Wanted adapter ${alternatives(adapters)} for ${field}, met ${adapter}`,
      ),
    ];
  });
}

function alternatives(names: readonly string[]): string {
  return names.join(", ").replace(/, (?=[^,]*$)/, " or ");
}

function checkClientCertificate(gateway: ConfigDocument, source: unknown, path: Path): ConfigIssue[] {
  const methodPath = ["authentication", "method"];
  if (at(source, methodPath) !== "ClientCertificate" || at(gateway.value, clientCaPath) !== undefined)
    return [];
  const message = "Wanted listen.tls.clientCaFile for method ClientCertificate, met none";
  return [gateway.issue([...path, ...methodPath], message)];
}

function identityOf(source: unknown): { name: string; adapter: string } {
  return sourceIdentity({ name: textAt(source, ["name"]), adapter: textAt(source, ["adapter"]) });
}
