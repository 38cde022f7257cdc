/**
 * Why a broker does not want the bridge, or a connection ended, in an operator's words.
 *
 * Source: MQTT 5.0, 2.4; MQTT 3.1.1, 3.2.2.3 and 3.9.3.
 */
import { errorCode } from "../../pipeline/errors.ts";
import { describeCause, innermostMessage } from "../../pipeline/export/failure-cause.ts";
import { readable } from "../../pipeline/export/readable.ts";

const badVersion = "The broker does not speak this version of MQTT: set the bridge's protocolVersion";
const badClientId = "The broker does not take the Client Identifier: set clientIdPrefix to one that it takes";
const badPassword = "The broker does not know this user name and password: check the bridge's credentials";
const unauthorized =
  "The broker does not authorize the bridge: check its credentials, and what the broker lets it do";
const unavailable = "The broker is not available: check the broker";
const noTls = "The port does not speak TLS: set tls.mode to Disabled, or switch TLS on at the broker";

/** Without a word of the broker's. */
export const silentEnd = "The broker closed the connection: look into its log";

/** 1 to 5 are those of MQTT 3.1.1. */
const sentences: Readonly<Record<number, string>> = {
  0: silentEnd,
  1: badVersion,
  2: badClientId,
  3: unavailable,
  4: badPassword,
  5: unauthorized,
  128: "The broker gave no reason: look into its log",
  129: "The broker could not read what the bridge sent: check that it speaks this version of MQTT",
  130: "The broker saw a breach of the protocol: look into its log",
  131: "The broker refuses it for a reason of its own: look into its log",
  132: badVersion,
  133: badClientId,
  134: badPassword,
  135: unauthorized,
  136: unavailable,
  137: "The broker is busy: check its load",
  138: "The broker has banned the bridge: ask its administrator",
  139: "The broker is shutting down",
  140: "The broker does not know this method of authentication: check the bridge's authentication",
  141: "The broker heard nothing for too long: check the network and the gateway's load",
  142: "Another client has connected with the same Client Identifier: give each gateway a store of its own, or another clientIdPrefix",
  143: "The broker does not take the Topic Filter: check topicFilters",
  147: "The broker counted more messages in flight than it may send: look into its log",
  149: "A packet was larger than the broker takes: check its limits",
  150: "The broker's limit of messages a time is passed: check its limits",
  151: "The broker's quota is used up: check its limits",
  152: "The broker's administrator closed the connection",
  156: "The broker names another server to use: check its address",
  157: "The broker has moved: check its address",
  158: "The broker has no shared subscriptions: leave sharedSubscription out",
  159: "The broker's limit of connections a time is passed: check its limits",
  160: "The broker's longest connection time is over",
  161: "The broker has no Subscription Identifiers",
  162: "The broker has no subscriptions with wildcards: check topicFilters",
};

/** What it sent that MQTT does not allow. */
export function describeBreach(what: string): string {
  return `The broker sent ${what}: check that it speaks this version of MQTT`;
}

/** A Reason Code as a sentence, with what the broker added, which is no text when it was cut off. */
export function describeReasonCode(code: number, reasonString?: unknown): string {
  const sentence = sentences[code] ?? "The broker refuses it: look into its log";
  const said = typeof reasonString === "string" ? `, ${JSON.stringify(readable(reasonString))}` : "";
  return `${sentence} (reason code 0x${code.toString(16).padStart(2, "0")}${said})`;
}

/** What the journal of Packet Identifiers met. */
export function describeOwnFailure(error: Error): string {
  const code = errorCode(error);
  if (code === undefined) return `The bridge failed unexpectedly (${readable(error.message)})`;
  return `The bridge's journal beside the store cannot be written (${code}): check the disk and its permissions`;
}

/** What the runtime or MQTT.js say of a connection. */
export function describeFailure(error: Error): string {
  const { message } = error;
  if (/connack timeout/i.test(message)) {
    return "The broker did not answer in time: check host and port, and that the port speaks MQTT";
  }
  if (/keepalive timeout/i.test(message)) {
    return "The broker answered no more: check the network and the broker's load";
  }
  const code = "code" in error ? String(error.code) : "";
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(code)) return noTls;
  return (
    describeCause(error)?.replaceAll("receiver", "broker") ??
    `The connection failed (${readable(innermostMessage(error))}): check host and port`
  );
}
