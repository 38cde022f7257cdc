import type { DestinationConfig } from "./config.ts";
import { grpcPort, httpPort } from "./defaults.ts";
import { placeholderIn } from "./placeholders.ts";

export type TlsMode = "Enabled" | "Disabled";
export type Protocol = DestinationConfig["protocol"];

export interface AddressOptions {
  /** Decides when the address has no scheme. Undefined: TLS. */
  tlsMode: TlsMode | undefined;
  /** Undefined: port 4318 or a path mean `http/protobuf`, everything else `grpc`. */
  protocol: Protocol | undefined;
  /** Whether a scheme is right that contradicts `tlsMode`. */
  doesSchemeDecide: boolean;
  /** Where OTLP/HTTP goes that names no port: to its own (4318), or to that of the scheme (80, 443). */
  portDefault: "otlp" | "scheme";
}

export interface Address {
  protocol: Protocol;
  /** Scheme, host and port. */
  origin: string;
  /** As written; "" when there is none. */
  path: string;
  isContradicted: boolean;
}

export interface AddressFault {
  /** A sentence without any credential that stood in the address. */
  fault: string;
  isContradiction?: true;
}

/** Where a receiver is and how to speak to it, from `host:port` or a URL. A scheme decides about TLS. */
export function resolveAddress(text: string, options: AddressOptions): Address | AddressFault {
  const { tlsMode } = options;
  if (text.includes("@")) return { fault: "Wanted a host without user name and password, met one with them" };
  const placeholder = placeholderIn(text);
  if (placeholder !== undefined)
    return { fault: `Wanted the receiver's address, met the placeholder ${placeholder}` };
  if (/[?#]/.test(text)) return { fault: "Wanted a host without query and fragment, met one with them" };

  const [, scheme, rest = ""] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(text) ?? [];
  if (scheme !== undefined && !/^https?$/i.test(scheme))
    return { fault: `Wanted scheme http or https, met ${scheme}` };
  const isSecure = scheme === undefined ? tlsMode !== "Disabled" : scheme.toLowerCase() === "https";
  const isContradicted = tlsMode !== undefined && isSecure !== (tlsMode === "Enabled");
  if (isContradicted && !options.doesSchemeDecide) {
    const fault = `Wanted a scheme and a tls.mode that agree, met ${scheme}:// with tls.mode ${tlsMode}`;
    return { fault, isContradiction: true };
  }

  const authority = readAuthority(rest);
  if (authority === undefined) {
    const examples = `collector:${grpcPort} or https://collector:${grpcPort}`;
    return { fault: `Wanted a host such as ${examples}, met ${JSON.stringify(text)}` };
  }
  const { hostname, port: writtenPort } = authority;
  const path = authority.path === "/" ? "" : authority.path;
  const protocol = options.protocol ?? (writtenPort === httpPort || path !== "" ? "http/protobuf" : "grpc");
  if (protocol === "grpc" && path !== "") {
    return { fault: `Wanted a host without a path for protocol grpc, met ${JSON.stringify(path)}` };
  }
  const schemePort = isSecure ? 443 : 80;
  const otlpPort = protocol === "grpc" ? grpcPort : httpPort;
  const isSchemePort = protocol !== "grpc" && options.portDefault === "scheme";
  const port = writtenPort ?? (isSchemePort ? schemePort : otlpPort);
  const origin = `${isSecure ? "https" : "http"}://${hostname}:${port}`;
  return { protocol, origin, path, isContradicted };
}

export interface Authority {
  /** As a URL has it. */
  hostname: string;
  port: number | undefined;
  /** All that follows; "" when there is nothing. */
  path: string;
}

/** What stands behind the scheme of an address; undefined when that is no host. */
export function readAuthority(text: string): Authority | undefined {
  const [, authority = "", path = ""] = /^([^/]*)(.*)$/s.exec(text) ?? [];
  const parts = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/i.exec(authority);
  const hostname = parts?.[1] === undefined ? undefined : canonicalHostname(parts[1]);
  const port = parts?.[2] === undefined ? undefined : Number(parts[2]);
  if (hostname === undefined || port === 0 || (port ?? 0) > 65_535 || /\s/.test(path)) return undefined;
  return { hostname, port, path };
}

function canonicalHostname(hostname: string): string | undefined {
  if (/[\s\\%]/.test(hostname)) return undefined;
  const url = `http://${hostname}/`;
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}

/** What is written for `tls.mode`, as far as it means something. */
export function tlsModeOf(value: unknown): TlsMode | undefined {
  return value === "Enabled" || value === "Disabled" ? value : undefined;
}

/** Whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?(::1|::ffff:127(\.\d{1,3}){3})\]?)$/i.test(host);
}
