/** Where each bridge leads, and what several of its fields decide together. */
import type { ConfigIssue } from "../errors.ts";
import { isTopicFilter, topicFiltersOverlap } from "../source/topic.ts";
import { listAt, textAt } from "./at.ts";
import { brokerHost, resolveBrokerAddress } from "./broker-address.ts";
import {
  checkAuthentication,
  checkPlaintext,
  contradictionRemedy,
  methodPath,
  type Peer,
  type Place,
  peersOf,
  settingOf,
  withoutRepeats,
  writtenOf,
} from "./check-authentication.ts";
import type { ConfigDocument } from "./documents.ts";
import { tlsModeOf } from "./host.ts";
import { unknownName } from "./messages.ts";

const settingsPath = ["spec", "mqttSettings"];
const list = ["spec", "bridges"];

/** `brokers`: the endpoints of type Mqtt. */
export function checkBridges(
  brokers: readonly ConfigDocument[],
  gateway: ConfigDocument | undefined,
): ConfigIssue[] {
  const peers = peersOf(brokers, gateway, { list, settingsPath });
  const issues = peers.flatMap((peer) => [
    ...checkAuthentication(peer),
    ...checkAddress(peer),
    ...checkUser(peer),
    ...checkVersion(peer),
  ]);
  return [...withoutRepeats(issues), ...checkReferences(brokers, gateway), ...checkFilters(gateway)];
}

function checkReferences(
  brokers: readonly ConfigDocument[],
  gateway: ConfigDocument | undefined,
): ConfigIssue[] {
  if (gateway === undefined) return [];
  const known = brokers.flatMap(({ value }) => textAt(value, ["metadata", "name"]) ?? []);
  return listAt(gateway.value, list).flatMap((bridge, index) => {
    const reference = textAt(bridge, ["endpointRef"]);
    if (reference === undefined || known.includes(reference)) return [];
    const message = unknownName("the name of an Mqtt endpoint", reference, known);
    return [gateway.issue([...list, index, "endpointRef"], message)];
  });
}

function checkAddress(peer: Peer): ConfigIssue[] {
  const { endpoint } = peer;
  const host = settingOf(peer, ["host"]) ?? brokerHost;
  // An empty one, and one that is no text, are faults by themselves.
  if (endpoint === undefined || typeof host !== "string" || host === "") return [];
  const protocol = settingOf(peer, ["protocol"]);
  const address = resolveBrokerAddress(host, {
    tlsMode: tlsModeOf(settingOf(peer, ["tls", "mode"])),
    protocol: protocol === "Mqtt" || protocol === "WebSockets" ? protocol : undefined,
    doesSchemeDecide: writtenOf(peer, ["allowPlaintext"]) === true,
  });
  if ("fault" in address) {
    const remedy = address.isContradiction ? remedyFor(peer, host) : "";
    return [endpoint.issue([...settingsPath, "host"], address.fault + remedy)];
  }
  const [scheme] = address.url.split(":");
  if (scheme === "mqtts" || scheme === "wss") return [];
  return checkPlaintext(peer, address.url, `${scheme}s`);
}

function remedyFor(peer: Peer, host: string): string {
  const isSecure = /^(mqtts|wss):/i.test(host);
  const otherHost = isSecure ? host.replace(/s:/i, ":") : host.replace(":", "s:");
  return contradictionRemedy(peer, { otherHost, isSecure, what: "bridge" });
}

/** A user name and a password come together, and alone. */
function checkUser(peer: Peer): ConfigIssue[] {
  const { place } = peer;
  if (place === undefined) return [];
  const pair = ["username", "password"] as const;
  const [met, more] = pair.filter((field) => writtenOf(peer, [field]) !== undefined);
  if (met === undefined) return [];
  const issue = (message: string) => [place.gateway.issue([...place.path, met], message)];
  if (more === undefined) return issue(`Wanted ${pair.find((field) => field !== met)} beside it, met none`);
  const method = settingOf(peer, methodPath);
  if (method === "ServiceAccountToken" || method === "X509Certificate") {
    return issue(`Wanted method Anonymous in the endpoint for a user name and a password, met ${method}`);
  }
  if (writtenOf(peer, ["certificates", "clientCertificateFile"]) === undefined) return [];
  return issue("Wanted either a user name and a password or a client certificate, met both");
}

function checkVersion(peer: Peer): ConfigIssue[] {
  const { place } = peer;
  if (place === undefined || writtenOf(peer, ["protocolVersion"]) !== "3.1.1") return [];
  if (settingOf(peer, methodPath) !== "ServiceAccountToken") return [];
  const message = "Wanted protocolVersion 5 for method ServiceAccountToken, met 3.1.1";
  return [place.gateway.issue([...place.path, "protocolVersion"], message)];
}

/** A broker may send a message once for each filter that it matches, and nothing tells that it is the same one. */
function checkFilters(gateway: ConfigDocument | undefined): ConfigIssue[] {
  if (gateway === undefined) return [];
  return [...listAt(gateway.value, list).keys()].flatMap((index) =>
    overlaps({ gateway, path: [...list, index, "topicFilters"] }),
  );
}

function overlaps({ gateway, path }: Place): ConfigIssue[] {
  const before: string[] = [];
  return listAt(gateway.value, path).flatMap((filter, index) => {
    if (typeof filter !== "string" || !isTopicFilter(filter)) return [];
    const other = before.find((one) => topicFiltersOverlap(one, filter));
    before.push(filter);
    if (other === undefined) return [];
    const message = `Wanted filters that no topic matches two of, met "${filter}" beside "${other}"`;
    return [gateway.issue([...path, index], message)];
  });
}
