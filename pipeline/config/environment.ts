/** Settings from environment variables. Source: OpenTelemetry, "Environment Variable Specification" and "OTLP Exporter". */
import type { ConfigIssue } from "../errors.ts";
import type { Signal } from "../message.ts";
import type { DestinationConfig, LogLevel } from "./config.ts";
import { choiceMessage, show } from "./messages.ts";
import { type ProxySettings, readProxies } from "./proxies.ts";
import { fileContentMet, headerName, headerText, isFileContent, token } from "./schema.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where and how to send one signal; undefined where the environment is silent. */
export interface ExporterSettings {
  endpoint: string | undefined;
  endpointTlsMode: "Enabled" | "Disabled" | undefined;
  protocol: "grpc" | "http/protobuf" | "http/json" | undefined;
  compression: DestinationConfig["compression"] | undefined;
  timeoutMs: number | undefined;
  headers: Record<string, string> | undefined;
  /** Files in PEM: authorities to trust, and the client's own certificate and key, which come together. */
  trustedCaFile: string | undefined;
  clientCertificateFile: string | undefined;
  clientKeyFile: string | undefined;
  /** Whether the endpoint is this signal's own, taken as it is, or one for all, below which each has its path. */
  isEndpointOfSignal: boolean;
  /** Which variables said so, for messages. */
  endpointVariable: string;
  protocolVariable: string;
}

/** What the environment says; undefined where it is silent. An empty variable is silent. */
export interface EnvironmentSettings {
  /** One and the same for both signals, unless one has variables of its own. */
  exporters: Readonly<Record<Signal, ExporterSettings>>;
  resourceAttributes: Record<string, string>;
  logLevel: LogLevel | undefined;
  listenHost: string | undefined;
  listenPort: number | undefined;
  storePath: string | undefined;
  temporality: DestinationConfig["temporality"] | undefined;
  histogramAggregation: DestinationConfig["histogramAggregation"] | undefined;
  proxies: ProxySettings;
}

const prefix = "OTEL_EXPORTER_OTLP_";
const signalPrefixes: Readonly<Record<Signal, string>> = {
  metrics: `${prefix}METRICS_`,
  logs: `${prefix}LOGS_`,
};

/** Variables that there are for both signals, and again for each of them. */
const exporterVariables = [
  "ENDPOINT",
  "INSECURE",
  "PROTOCOL",
  "COMPRESSION",
  "TIMEOUT",
  "HEADERS",
  "CERTIFICATE",
  "CLIENT_CERTIFICATE",
  "CLIENT_KEY",
];

/** Log levels by the words of OpenTelemetry's SDKs. */
const logLevels: Record<string, LogLevel> = {
  all: "trace",
  verbose: "trace",
  trace: "trace",
  debug: "debug",
  info: "info",
  warn: "warn",
  error: "error",
  fatal: "fatal",
  none: "silent",
  silent: "silent",
};

export function readEnvironment(environment: Environment): {
  settings: EnvironmentSettings;
  issues: ConfigIssue[];
} {
  const issues: ConfigIssue[] = [];
  /** Once, though both signals may ask for the variable. */
  const fail = (variable: string, message: string): undefined => {
    if (issues.some((known) => known.path === variable && known.message === message)) return;
    issues.push({ path: variable, message });
  };
  const get = (variable: string) => environment[variable]?.trim() || undefined;

  function file(variable: string): string | undefined {
    const path = get(variable);
    return path !== undefined && isFileContent(path) ? fail(variable, fileContentMet) : path;
  }

  /** The meaning of a word, in any case. */
  function word<Meaning>(variable: string, meanings: Record<string, Meaning>) {
    const value = get(variable);
    if (value === undefined) return undefined;
    const key = value.toLowerCase();
    if (Object.hasOwn(meanings, key)) return meanings[key];
    return fail(variable, choiceMessage(Object.keys(meanings), key, show(value, [])));
  }

  function integer(variable: string, minimum: number, maximum: number) {
    const value = get(variable);
    if (value === undefined) return undefined;
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= minimum && number <= maximum) return number;
    return fail(variable, `Wanted a whole number from ${minimum} to ${maximum}, met ${show(value, [])}`);
  }

  /** Percent-encoded `name=value` pairs, separated by commas. Source: W3C Baggage, without properties. */
  function pairs(variable: string): Record<string, string> | undefined {
    const value = get(variable);
    if (value === undefined) return undefined;
    try {
      return Object.fromEntries(
        value
          .split(",")
          .filter((pair) => pair.trim() !== "")
          .map((pair) => {
            const [name, ...rest] = pair.split("=");
            if (name === undefined || name.trim() === "" || rest.length === 0) throw new URIError(pair);
            return [decodeURIComponent(name.trim()), decodeURIComponent(rest.join("=").trim())];
          }),
      );
    } catch {
      return fail(
        variable,
        "Wanted percent-encoded name=value pairs separated by commas, met something else (not shown)",
      );
    }
  }

  function headers(variable: string): Record<string, string> | undefined {
    const read = pairs(variable);
    for (const [name, value] of Object.entries(read ?? {})) {
      const fault = headerName.safeParse(name).error?.issues[0];
      // What is no name at all may be a credential.
      const met = token.test(name) ? JSON.stringify(name) : "something else (not shown)";
      if (fault !== undefined) fail(variable, `${fault.message}, met ${met}`);
      else if (!headerText.test(value))
        fail(variable, `Wanted visible ASCII characters and spaces, met others in header ${name}`);
    }
    return read;
  }

  /** A variable of the signal wins over the one for both. */
  function exporter(signalPrefix: string): ExporterSettings {
    const named = (variable: string) =>
      get(signalPrefix + variable) === undefined ? prefix + variable : signalPrefix + variable;
    const endpoint = get(named("ENDPOINT"));
    const insecure = word(named("INSECURE"), { true: true, false: false });
    const clientCertificateFile = file(named("CLIENT_CERTIFICATE"));
    const clientKeyFile = file(named("CLIENT_KEY"));
    const hasCertificate = get(named("CLIENT_CERTIFICATE")) !== undefined;
    const hasKey = get(named("CLIENT_KEY")) !== undefined;
    if (hasCertificate !== hasKey) {
      const [met, missing] = hasCertificate
        ? ["CLIENT_CERTIFICATE", "CLIENT_KEY"]
        : ["CLIENT_KEY", "CLIENT_CERTIFICATE"];
      fail(named(met), `Wanted ${prefix}${missing} beside it, met none`);
    }
    return {
      endpoint,
      endpointTlsMode:
        endpoint?.includes("://") || insecure === undefined ? undefined : insecure ? "Disabled" : "Enabled",
      protocol: word(named("PROTOCOL"), {
        grpc: "grpc",
        "http/protobuf": "http/protobuf",
        "http/json": "http/json",
      } as const),
      compression: word(named("COMPRESSION"), { gzip: "gzip", none: "none" } as const),
      timeoutMs: integer(named("TIMEOUT"), 1, 3_600_000),
      headers: headers(named("HEADERS")),
      trustedCaFile: file(named("CERTIFICATE")),
      clientCertificateFile,
      clientKeyFile,
      isEndpointOfSignal: endpoint !== undefined && named("ENDPOINT").startsWith(signalPrefix),
      endpointVariable: named("ENDPOINT"),
      protocolVariable: named("PROTOCOL"),
    };
  }

  const metrics = exporter(signalPrefixes.metrics);
  const areSignalsAlike = Object.values(signalPrefixes).every((start) =>
    exporterVariables.every((variable) => get(start + variable) === undefined),
  );
  const serviceName = get("OTEL_SERVICE_NAME");
  const settings: EnvironmentSettings = {
    exporters: { metrics, logs: areSignalsAlike ? metrics : exporter(signalPrefixes.logs) },
    resourceAttributes: {
      ...pairs("OTEL_RESOURCE_ATTRIBUTES"),
      ...(serviceName === undefined ? {} : { "service.name": serviceName }),
    },
    logLevel: word("OTEL_LOG_LEVEL", logLevels),
    listenHost: get("GATEWAY_HOST"),
    listenPort: integer("PORT", 0, 65_535),
    storePath: get("GATEWAY_STORE_PATH"),
    // Every instrument of a message is synchronous, for which `lowmemory` means delta.
    temporality: word(`${signalPrefixes.metrics}TEMPORALITY_PREFERENCE`, {
      cumulative: "cumulative",
      delta: "delta",
      lowmemory: "delta",
    } as const),
    histogramAggregation: word(`${signalPrefixes.metrics}DEFAULT_HISTOGRAM_AGGREGATION`, {
      explicit_bucket_histogram: "explicit",
      base2_exponential_bucket_histogram: "exponential",
    } as const),
    proxies: readProxies(get),
  };
  return { settings, issues };
}
