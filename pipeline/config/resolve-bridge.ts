/** One bridge: its endpoint, and what the Gateway document says of it. */
import { brokerHost, resolveBrokerAddress } from "./broker-address.ts";
import type { BridgeAuthentication, BridgeConfig, SecretReference } from "./config.ts";
import { isLoopback } from "./host.ts";
import type { Bridge } from "./kinds/bridge.ts";
import type { BrokerConnection } from "./kinds/mqtt-endpoint.ts";
import {
  type CredentialsInput,
  leftoverWarnings,
  resolveAuthentication,
  resolveTrust,
} from "./resolve-credentials.ts";
import { resolveOrigin } from "./resolve-source.ts";

export interface BridgeInput extends CredentialsInput {
  written: Bridge;
  connection: BrokerConnection;
  locateSecret(reference: SecretReference): SecretReference;
}

export interface ResolvedBridge {
  config: BridgeConfig;
  warnings: string[];
}

/** Errors: when there is no address; checks say so before. */
export function resolveBridge(input: BridgeInput): ResolvedBridge {
  const { written, connection } = input;
  const address = resolveBrokerAddress(connection.host ?? brokerHost, {
    tlsMode: connection.tls.mode,
    protocol: connection.protocol,
    doesSchemeDecide: written.allowPlaintext,
  });
  if ("fault" in address) throw new Error(address.fault);
  const config: BridgeConfig = {
    ...resolveOrigin(written),
    url: address.url,
    protocolVersion: written.protocolVersion === 5 ? 5 : 4,
    authentication: authenticationOf(input),
    ...resolveTrust(input),
    sharedSubscription: written.sharedSubscription,
    qos: connection.qos,
    retained: written.retained,
    keepAliveSeconds: connection.keepAliveSeconds,
    sessionExpirySeconds: connection.sessionExpirySeconds,
    maxInflightMessages: connection.maxInflightMessages,
    clientIdPrefix: connection.clientIdPrefix,
  };
  const warnings = [
    ...(address.isContradicted ? [contradictionWarning(config, connection)] : []),
    ...plaintextWarnings(config),
    ...subscriptionWarnings(config),
    ...leftoverWarnings(written.endpointRef, connection),
  ];
  return { config, warnings };
}

function authenticationOf(input: BridgeInput): BridgeAuthentication {
  const { username, password } = input.written;
  if (username === undefined || password === undefined) {
    return resolveAuthentication(input) ?? { method: "Anonymous" };
  }
  return { method: "UsernamePassword", username, password: input.locateSecret(password) };
}

function contradictionWarning({ name, url }: BridgeConfig, { tls }: BrokerConnection): string {
  const [scheme = ""] = url.split(":");
  const means = isSecure(url) ? "TLS is on" : "data comes without TLS";
  return `Bridge ${name}: ${scheme}:// contradicts tls.mode ${tls.mode}; with allowPlaintext the scheme decides, and ${means}`;
}

function plaintextWarnings({ name, url, authentication, ...trust }: BridgeConfig): string[] {
  if (isSecure(url)) return [];
  const warnings: string[] = [];
  if (authentication.method === "UsernamePassword" && !isLoopback(hostOf(url))) {
    warnings.push(`Bridge ${name} sends its user name and password without TLS`);
  }
  if (authentication.method === "ServiceAccountToken") {
    warnings.push(`Bridge ${name} sends its service account token without TLS`);
  }
  if (trust.trustedCaFolder !== undefined || trust.trustedCaFile !== undefined) {
    warnings.push(`Bridge ${name} connects without TLS; its trusted authorities have no effect`);
  }
  return warnings;
}

function subscriptionWarnings(config: BridgeConfig): string[] {
  const { name, sharedSubscription, protocolVersion, retained, qos, sessionExpirySeconds } = config;
  const warnings: string[] = [];
  if (sharedSubscription !== undefined && protocolVersion === 4) {
    warnings.push(
      `Bridge ${name} has a shared subscription with MQTT 3.1.1, which knows none; some brokers offer it all the same`,
    );
  }
  // Source: MQTT 5.0, 4.8.2.
  if (sharedSubscription !== undefined && retained) {
    warnings.push(
      `Bridge ${name}: retained has no effect with a shared subscription, which gets no retained messages`,
    );
  }
  if (qos === 1 && sessionExpirySeconds === 0) {
    warnings.push(
      `Bridge ${name}: sessionExpirySeconds 0 ends the session with the connection; what is published until the next one is missed`,
    );
  }
  return warnings;
}

function isSecure(url: string): boolean {
  return /^(mqtts|wss):/.test(url);
}

function hostOf(url: string): string {
  return new URL(url).hostname;
}
