import { grpcPort, httpPort } from "./defaults.ts";

export type TlsMode = "Enabled" | "Disabled";

export type ResolvedHost = { url: string; port: number } | { fault: string };

/**
 * Scheme, host and port of a receiver, from `host:port` or a URL.
 *
 * Shape:  a scheme decides about TLS; without one `tlsMode` does, by default Enabled. A missing port is 4317.
 * Errors: a fault is a sentence without any credential that stood in `host`.
 */
export function resolveHost(host: string, tlsMode: TlsMode | undefined): ResolvedHost {
  if (host.includes("@")) return { fault: "Wanted a host without user name and password, met one with them" };
  if (/[?#]/.test(host)) return { fault: "Wanted a host without query and fragment, met one with them" };
  const placeholder = /<[^<>]*>/.exec(host)?.[0];
  if (placeholder !== undefined)
    return { fault: `Wanted a host, met the placeholder ${placeholder}; put the receiver's address there` };

  const [, scheme, rest = ""] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(host) ?? [];
  const secure = scheme === undefined ? tlsMode !== "Disabled" : scheme.toLowerCase() === "https";
  if (scheme !== undefined && !/^https?$/i.test(scheme))
    return { fault: `Wanted scheme http or https, met ${scheme}` };
  if (scheme !== undefined && tlsMode !== undefined && secure !== (tlsMode === "Enabled")) {
    return { fault: `Wanted a scheme and a tls.mode that agree, met ${scheme}:// with tls.mode ${tlsMode}` };
  }

  const [, authority = "", path = ""] = /^([^/]*)(.*)$/s.exec(rest) ?? [];
  if (path !== "" && path !== "/")
    return {
      fault: `Wanted a host without a path, met ${JSON.stringify(path)}; http/protobuf is not supported yet`,
    };
  const parts = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/i.exec(authority);
  const hostname = parts?.[1] === undefined ? undefined : canonicalHostname(parts[1]);
  const port = parts?.[2] === undefined ? grpcPort : Number(parts[2]);
  if (hostname === undefined || port < 1 || port > 65_535) {
    return {
      fault: `Wanted a host such as collector:${grpcPort} or https://collector:${grpcPort}, met ${JSON.stringify(host)}`,
    };
  }
  return { url: `${secure ? "https" : "http"}://${hostname}:${port}`, port };
}

/** Why an address that does not name its protocol cannot be used; undefined when it can. */
export function httpFault(port: number): string | undefined {
  if (port !== httpPort) return undefined;
  return `Port ${httpPort} means http/protobuf, which is not supported yet; wanted port ${grpcPort}, or protocol: grpc`;
}

function canonicalHostname(hostname: string): string | undefined {
  if (/[\s\\%]/.test(hostname)) return undefined;
  const url = `http://${hostname}/`;
  return URL.canParse(url) ? new URL(url).hostname : undefined;
}

/** Whether only this machine can reach `host`. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?(::1|::ffff:127(\.\d{1,3}){3})\]?)$/i.test(host);
}
