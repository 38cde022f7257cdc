/** Where a bridge's broker is and how to speak to it. */
import { type AddressFault, readAuthority, type TlsMode } from "./host.ts";
import { placeholderIn } from "./placeholders.ts";

/** The broker of Azure IoT Operations itself, which is meant where an endpoint names none. */
export const brokerHost = "aio-broker:18883";

/** Below which WebSocket brokers commonly serve MQTT. */
const webSocketPath = "/mqtt";

/** Source: MQTT's registered ports; RFC 6455, 3. */
const schemes = {
  mqtt: { protocol: "Mqtt", isSecure: false, port: 1883 },
  mqtts: { protocol: "Mqtt", isSecure: true, port: 8883 },
  ws: { protocol: "WebSockets", isSecure: false, port: 80 },
  wss: { protocol: "WebSockets", isSecure: true, port: 443 },
} as const;

type Scheme = keyof typeof schemes;

export interface BrokerAddressOptions {
  /** Of the endpoint; undefined where it is silent. They decide when the address has no scheme. */
  tlsMode: TlsMode | undefined;
  protocol: "Mqtt" | "WebSockets" | undefined;
  /** Whether a scheme is right that contradicts `tlsMode`. */
  doesSchemeDecide: boolean;
}

export interface BrokerAddress {
  /** Scheme, host, port, and for WebSockets the path. */
  url: string;
  isContradicted: boolean;
}

/** Where a broker is, from `host:port` or a URL. A scheme decides about TLS and about WebSockets. */
export function resolveBrokerAddress(
  text: string,
  { tlsMode, protocol, doesSchemeDecide }: BrokerAddressOptions,
): BrokerAddress | AddressFault {
  if (text.includes("@")) {
    return {
      fault: "Wanted a host without user name and password, which stand in the bridge, met one with them",
    };
  }
  const placeholder = placeholderIn(text);
  if (placeholder !== undefined)
    return { fault: `Wanted the broker's address, met the placeholder ${placeholder}` };
  if (/[?#]/.test(text)) return { fault: "Wanted a host without query and fragment, met one with them" };

  const [, written, rest = ""] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(text) ?? [];
  const scheme =
    written === undefined ? schemeOf(protocol ?? "Mqtt", tlsMode !== "Disabled") : written.toLowerCase();
  if (!isScheme(scheme)) return { fault: `Wanted scheme mqtt, mqtts, ws or wss, met ${written}` };
  const means = schemes[scheme];
  if (protocol !== undefined && protocol !== means.protocol) {
    return {
      fault: `Wanted a scheme and a protocol that agree, met ${written}:// with protocol ${protocol}`,
    };
  }
  const isContradicted = tlsMode !== undefined && means.isSecure !== (tlsMode === "Enabled");
  if (isContradicted && !doesSchemeDecide) {
    const fault = `Wanted a scheme and a tls.mode that agree, met ${written}:// with tls.mode ${tlsMode}`;
    return { fault, isContradiction: true };
  }

  const authority = readAuthority(rest);
  if (authority === undefined) {
    return { fault: `Wanted a host such as broker:8883 or mqtts://broker:8883, met ${JSON.stringify(text)}` };
  }
  const { hostname, port = means.port, path } = authority;
  const origin = `${scheme}://${hostname}:${port}`;
  if (means.protocol === "WebSockets") return { url: origin + (path || webSocketPath), isContradicted };
  if (path === "" || path === "/") return { url: origin, isContradicted };
  return { fault: `Wanted a host without a path for protocol Mqtt, met ${JSON.stringify(path)}` };
}

function schemeOf(protocol: "Mqtt" | "WebSockets", isSecure: boolean): Scheme {
  if (protocol === "Mqtt") return isSecure ? "mqtts" : "mqtt";
  return isSecure ? "wss" : "ws";
}

function isScheme(text: string): text is Scheme {
  return Object.hasOwn(schemes, text);
}
