import type { IClientOptions } from "mqtt";
import type { BridgeConfig } from "../../pipeline/config/config.ts";
import type { BridgeIdentity } from "./credentials.ts";

/** Longest wait for the broker's answer to a connection. */
const connectTimeoutMs = 30_000;

/** How MQTT.js is to connect once: when to connect again, and with what, is the bridge's own business. */
export function clientOptions(
  config: BridgeConfig,
  identity: BridgeIdentity & { clientId: string },
): IClientOptions {
  const { protocol, hostname, port, pathname, search } = new URL(config.url);
  const isWebSocket = protocol.startsWith("ws");
  const { ca, cert, key } = identity.tls;
  const isSecure = protocol === "mqtts:" || protocol === "wss:";
  return {
    protocol: protocol.slice(0, -1) as IClientOptions["protocol"] & {},
    // Only a URL has an address of IPv6 in brackets.
    hostname: isWebSocket ? hostname : hostname.replace(/^\[(.*)\]$/, "$1"),
    ...(port === "" ? {} : { port: Number(port) }),
    ...(isWebSocket ? { path: `${pathname}${search}` } : {}),
    ...(isSecure && ca ? { ca } : {}),
    ...(isSecure && cert !== undefined && key !== undefined ? { cert, key } : {}),
    rejectUnauthorized: true,
    clientId: identity.clientId,
    ...identity.user,
    clean: false,
    keepalive: config.keepAliveSeconds,
    protocolVersion: config.protocolVersion,
    ...(config.protocolVersion === 5
      ? {
          properties: {
            sessionExpiryInterval: config.sessionExpirySeconds,
            receiveMaximum: config.maxInflightMessages,
            ...identity.authentication,
          },
        }
      : {}),
    connectTimeout: connectTimeoutMs,
    manualConnect: true,
    reconnectPeriod: 0,
    resubscribe: false,
    timerVariant: "native",
    // Its own, a dozen lines a packet, takes time even when nobody reads it.
    log: () => undefined,
  };
}
