/** Variables that make other programs go through a proxy. The gateway does not, and says so where it matters. */
import type { DestinationConfig } from "./config.ts";
import { isLoopback } from "./host.ts";

/** Which variable names a proxy for what, and the hosts that none is for. Their values may hold credentials. */
export interface ProxySettings {
  grpc: string | undefined;
  https: string | undefined;
  http: string | undefined;
  /** As written: host names, domains, addresses, or `*`; each with or without a port. */
  exceptions: readonly string[];
}

export function readProxies(get: (variable: string) => string | undefined): ProxySettings {
  const firstSet = (...variables: string[]) => variables.find((variable) => get(variable) !== undefined);
  const https = firstSet("https_proxy", "HTTPS_PROXY");
  const http = firstSet("http_proxy", "HTTP_PROXY");
  const exceptions = get("no_proxy") ?? get("NO_PROXY") ?? "";
  return {
    grpc: firstSet("grpc_proxy", "GRPC_PROXY") ?? https ?? http,
    https,
    http,
    exceptions: exceptions.split(/[\s,]+/).filter((exception) => exception !== ""),
  };
}

/** One warning for each variable that an OTLP exporter of an SDK would heed for one of these destinations. */
export function proxyWarnings(destinations: readonly DestinationConfig[], proxies: ProxySettings): string[] {
  const names = new Map<string, Set<string>>();
  for (const destination of destinations) {
    const variable = proxyFor(destination, proxies);
    if (variable === undefined) continue;
    names.set(variable, (names.get(variable) ?? new Set()).add(destination.name));
  }
  return [...names].map(
    ([variable, reached]) =>
      `${variable} is set and not used: the gateway connects directly to ${[...reached].join(", ")}`,
  );
}

function proxyFor({ url, protocol }: DestinationConfig, proxies: ProxySettings): string | undefined {
  const { hostname, port, protocol: scheme } = new URL(url);
  if (isLoopback(hostname)) return undefined;
  if (proxies.exceptions.some((exception) => isExcepted(exception.toLowerCase(), hostname, port))) {
    return undefined;
  }
  if (protocol === "grpc") return proxies.grpc;
  // Deno's own fetch goes through them.
  if ("Deno" in globalThis) return undefined;
  return scheme === "https:" ? proxies.https : proxies.http;
}

/** A domain stands for every name below it too. Networks are not understood: the warning says more than it must then. */
function isExcepted(exception: string, hostname: string, port: string): boolean {
  if (exception === "*") return true;
  const [, name = "", onPort] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(exception) ?? [];
  if (onPort !== undefined && onPort !== port) return false;
  return hostname === name || hostname.endsWith(`.${name}`);
}
