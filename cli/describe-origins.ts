/** Sources and bridges in an operator's words. */
import { placeOf } from "../handlers/runtime/missing.ts";
import type { BridgeConfig, Origin, SourceAuthentication, SourceConfig } from "../pipeline/config/config.ts";
import { describeCredentials, describeTrust } from "./describe-credentials.ts";

export function describeSource(source: SourceConfig): string {
  const { authentication, payloadEncoding, allowedOrigins, confirmationHosts } = source;
  const fields = Object.entries(source.fields).map(([field, pointer]) => `${field} at "${pointer}"`);
  const parts = [
    `adapter ${source.adapter}`,
    authentication === undefined ? "no authentication" : describeAuthentication(authentication),
    describeTopics(source),
    ...(payloadEncoding === undefined ? [] : [`payload ${payloadEncoding}`]),
    ...(fields.length === 0 ? [] : [`fields ${fields.join(", ")}`]),
    ...(allowedOrigins.length === 0 ? [] : [`asked for by ${allowedOrigins.join(", ")} alone`]),
    ...(confirmationHosts.length === 0 ? [] : [`confirms at ${confirmationHosts.join(", ")}`]),
    ...describeOrigin(source),
    `asks for a repeat with ${source.retryStatus}`,
  ];
  return `  POST /webhooks/${source.name}: ${parts.join("; ")}`;
}

export function describeBridge(bridge: BridgeConfig): string[] {
  const { protocolVersion, sharedSubscription, clientIdPrefix, keepAliveSeconds, sessionExpirySeconds } =
    bridge;
  const subscription = [
    describeTopics(bridge),
    `QoS ${bridge.qos}`,
    ...(sharedSubscription === undefined ? [] : [`shared as ${sharedSubscription}`]),
    bridge.retained ? "with retained messages" : "without retained messages",
    ...describeOrigin(bridge),
  ];
  const session = [
    `keep alive ${keepAliveSeconds === 0 ? "off" : `${keepAliveSeconds} s`}`,
    `kept for ${sessionExpirySeconds} s`,
    `at most ${bridge.maxInflightMessages} messages in flight`,
    ...(clientIdPrefix === "" ? [] : [`client identifier begins with ${clientIdPrefix}`]),
  ];
  return [
    `  ${bridge.name}: ${bridge.url}`,
    `    protocol: MQTT ${protocolVersion === 5 ? "5" : "3.1.1"}, ${describeTrust(bridge)}, authentication ${describeCredentials(bridge.authentication)}`,
    `    subscription: ${subscription.join("; ")}`,
    `    session: ${session.join("; ")}`,
  ];
}

export function describeTopics({ topicFilters }: Pick<Origin, "topicFilters">): string {
  return topicFilters.length === 0 ? "any topic" : `topics ${topicFilters.join(", ")}`;
}

function describeOrigin({
  lenient,
  counterValues,
  attributes,
  attributeValuesMax,
  baggage,
}: Origin): string[] {
  const list = Object.entries(attributes).map(([name, template]) => `${name}=${template}`);
  return [
    ...(lenient ? ["lenient"] : []),
    ...(counterValues === "total" ? ["counter values are totals"] : []),
    ...(list.length === 0
      ? []
      : [`attributes ${list.join(", ")}, at most ${attributeValuesMax} values of each`]),
    ...(baggage.length === 0 ? [] : [`baggage ${baggage.join(", ")}`]),
  ];
}

function describeAuthentication(authentication: SourceAuthentication): string {
  const { method } = authentication;
  switch (method) {
    case "None":
      return "no authentication";
    case "Bearer":
      return `Bearer token from ${placeOf(authentication.token)}`;
    case "Basic":
      return `Basic user name with password from ${placeOf(authentication.password)}`;
    case "HmacSha256": {
      const { key, header, timestamp } = authentication;
      const time =
        timestamp === undefined
          ? ""
          : ` with time in ${timestamp.header}, ${timestamp.toleranceMs / 1000} s off at most`;
      return `HmacSha256 in ${header}${time}, key from ${placeOf(key)}`;
    }
    case "UrlSecret":
      return `secret in the URL, or its parameter ${authentication.parameter}, from ${placeOf(authentication.secret)}`;
    case "ClientCertificate":
      return authentication.names.length === 0
        ? "client certificate"
        : `client certificate of ${authentication.names.join(", ")}`;
  }
}
