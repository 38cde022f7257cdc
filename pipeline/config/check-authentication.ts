/** How the gateway identifies itself at an endpoint, as far as several fields and documents decide it. */
import type { ConfigIssue } from "../errors.ts";
import { at, listAt, textAt } from "./at.ts";
import type { ConfigDocument, Path } from "./documents.ts";

/** A destination or a bridge as it is written: its endpoint, and what the Gateway document says of it. */
export interface Peer {
  endpoint: ConfigDocument | undefined;
  /** Of the endpoint, where `host`, `authentication` and `tls` stand. */
  settingsPath: Path;
  /** Undefined: there is only the endpoint. */
  place: Place | undefined;
}

export interface Place {
  gateway: ConfigDocument;
  path: Path;
}

/** The element of a list in the Gateway document; undefined when there is none. */
export function placeOf(gateway: ConfigDocument | undefined, list: Path, index: number): Place | undefined {
  const path = [...list, index];
  return gateway === undefined || at(gateway.value, path) === undefined ? undefined : { gateway, path };
}

/** Each endpoint with what names it, once for each; one that nothing names comes too. */
export function peersOf(
  endpoints: readonly ConfigDocument[],
  gateway: ConfigDocument | undefined,
  { list, settingsPath }: { list: Path; settingsPath: Path },
): Peer[] {
  const references = listAt(gateway?.value, list).map((one) => at(one, ["endpointRef"]));
  return endpoints.flatMap((endpoint): Peer[] => {
    const name = textAt(endpoint.value, ["metadata", "name"]);
    const indices = [...references.keys()].filter(
      (index) => name !== undefined && references[index] === name,
    );
    if (indices.length === 0) return [{ endpoint, settingsPath, place: undefined }];
    return indices.map((index) => ({ endpoint, settingsPath, place: placeOf(gateway, list, index) }));
  });
}

/** What the Gateway document says of it in a field. */
export function writtenOf({ place }: Pick<Peer, "place">, field: Path): unknown {
  return place === undefined ? undefined : at(place.gateway.value, [...place.path, ...field]);
}

/** What its endpoint says in a field of the settings. */
export function settingOf({ endpoint, settingsPath }: Omit<Peer, "place">, field: Path): unknown {
  return at(endpoint?.value, [...settingsPath, ...field]);
}

export const methodPath = ["authentication", "method"];

/** The settings of each method, and what stands in them. */
const methodSettings = {
  ServiceAccountToken: { block: "serviceAccountTokenSettings", wanted: "{ audience: … }" },
  X509Certificate: { block: "x509CertificateSettings", wanted: "{ secretRef: … }" },
} as const;

const pair = ["clientCertificateFile", "clientKeyFile"] as const;

/** The settings that the method needs, and the files of a certificate. */
export function checkAuthentication(peer: Peer): ConfigIssue[] {
  const { endpoint, settingsPath } = peer;
  const issue = (field: Path, message: string) =>
    endpoint?.issue([...settingsPath, ...field], message) ?? { path: "", message };
  const method = settingOf(peer, methodPath);
  const hasFiles = pair.some((field) => writtenOf(peer, ["certificates", field]) !== undefined);
  const issues: ConfigIssue[] = [];
  for (const [name, { block, wanted }] of Object.entries(methodSettings)) {
    const path = ["authentication", block];
    const isWritten = settingOf(peer, path) !== undefined;
    if (method === undefined && isWritten) {
      issues.push(issue(methodPath, `Missing, wanted ${name} for ${block}`));
    } else if (method === name && !isWritten) {
      if (name === "X509Certificate" && hasFiles) continue;
      issues.push(issue(path, `Missing, wanted ${wanted} for method ${name}`));
    }
  }
  return [...issues, ...checkCertificates(peer, method)];
}

function checkCertificates(peer: Peer, method: unknown): ConfigIssue[] {
  const { place } = peer;
  const [met, more] = pair.filter((field) => writtenOf(peer, ["certificates", field]) !== undefined);
  if (place === undefined || met === undefined) return [];
  const path = [...place.path, "certificates", met];
  if (more === undefined) {
    const missing = pair.find((field) => field !== met);
    return [place.gateway.issue(path, `Wanted ${missing} beside it, met none`)];
  }
  if (method !== "Anonymous" && method !== "ServiceAccountToken") return [];
  const message = `Wanted method X509Certificate in the endpoint for a client certificate, met ${method}`;
  return [place.gateway.issue(path, message)];
}

/** A certificate can be shown only within TLS. A token can be sent without, which is a warning elsewhere. */
export function checkPlaintext(peer: Peer, url: string, secureScheme: string): ConfigIssue[] {
  const { endpoint, settingsPath, place } = peer;
  const message = `Wanted TLS for a client certificate, met ${url}; write ${secureScheme}:// in host, or another method`;
  if (endpoint !== undefined && settingOf(peer, methodPath) === "X509Certificate") {
    return [endpoint.issue([...settingsPath, ...methodPath], message)];
  }
  const path = ["certificates", "clientCertificateFile"];
  if (place === undefined || writtenOf(peer, path) === undefined) return [];
  return [place.gateway.issue([...place.path, ...path], message)];
}

/** How a contradiction between an endpoint's scheme and its `tls.mode` is mended. */
export function contradictionRemedy(
  { endpoint, settingsPath }: Peer,
  { otherHost, isSecure, what }: { otherHost: string; isSecure: boolean; what: "destination" | "bridge" },
): string {
  const { line } = endpoint?.issue([...settingsPath, "tls", "mode"], "") ?? {};
  const otherMode = `mode: ${isSecure ? "Enabled" : "Disabled"} in line ${line}`;
  return `; write ${otherHost} here or ${otherMode}, or set allowPlaintext: true on this ${what} in the Gateway document, and the scheme decides`;
}

/** What several of them share is said once. */
export function withoutRepeats(issues: readonly ConfigIssue[]): ConfigIssue[] {
  const seen = new Set<string>();
  return issues.filter((issue) => {
    const key = JSON.stringify([issue.file, issue.line, issue.path, issue.message]);
    return !seen.has(key) && seen.add(key);
  });
}
