/** Settings from environment variables. Source: OpenTelemetry, "Environment Variable Specification" and "OTLP Exporter". */
import type { ConfigIssue } from "../errors.ts";
import type { DestinationConfig, LogLevel } from "./config.ts";
import { choiceMessage, show } from "./messages.ts";
import { headerName } from "./schema.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says; undefined where it is silent. An empty variable is silent. */
export interface EnvironmentSettings {
  endpoint: string | undefined;
  endpointTlsMode: "Enabled" | "Disabled" | undefined;
  protocol: "grpc" | "http/protobuf" | "http/json" | undefined;
  compression: DestinationConfig["compression"] | undefined;
  timeoutMs: number | undefined;
  headers: Record<string, string> | undefined;
  resourceAttributes: Record<string, string>;
  logLevel: LogLevel | undefined;
  listenHost: string | undefined;
  listenPort: number | undefined;
  storePath: string | undefined;
  /** Names of variables that are set and that nothing heeds yet. */
  unheeded: readonly string[];
}

const otlp = "OTEL_EXPORTER_OTLP_";

export const endpointVariable = `${otlp}ENDPOINT`;
export const protocolVariable = `${otlp}PROTOCOL`;

/** Variables that would change what is sent or how, and cannot be heeded. */
const laterVariables = [
  "CERTIFICATE",
  "CLIENT_CERTIFICATE",
  "CLIENT_KEY",
  ...["METRICS", "LOGS"].flatMap((signal) =>
    [
      "ENDPOINT",
      "INSECURE",
      "PROTOCOL",
      "COMPRESSION",
      "TIMEOUT",
      "HEADERS",
      "CERTIFICATE",
      "CLIENT_CERTIFICATE",
      "CLIENT_KEY",
    ].map((variable) => `${signal}_${variable}`),
  ),
].map((variable) => otlp + variable);

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
  const fail = (variable: string, message: string): undefined => {
    issues.push({ path: variable, message });
  };
  const get = (variable: string) => environment[variable]?.trim() || undefined;

  /** The meaning of a word, in any case; `notYet`: words that mean something that is not supported yet. */
  function word<Meaning>(
    variable: string,
    meanings: Record<string, Meaning>,
    notYet: readonly string[] = [],
  ) {
    const value = get(variable);
    if (value === undefined) return undefined;
    const key = value.toLowerCase();
    if (Object.hasOwn(meanings, key)) return meanings[key];
    return fail(variable, choiceMessage(Object.keys(meanings), key, show(value, []), notYet));
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
    for (const name of Object.keys(read ?? {})) {
      const fault = headerName.safeParse(name).error?.issues[0];
      if (fault !== undefined) fail(variable, `${fault.message}, met ${JSON.stringify(name)}`);
    }
    return read;
  }

  word(`${otlp}METRICS_TEMPORALITY_PREFERENCE`, { cumulative: true }, ["delta", "lowmemory"]);
  word(`${otlp}METRICS_DEFAULT_HISTOGRAM_AGGREGATION`, { explicit_bucket_histogram: true }, [
    "base2_exponential_bucket_histogram",
  ]);

  const endpoint = get(endpointVariable);
  const insecure = word(`${otlp}INSECURE`, { true: true, false: false });
  const endpointTlsMode =
    endpoint?.includes("://") || insecure === undefined ? undefined : insecure ? "Disabled" : "Enabled";
  const serviceName = get("OTEL_SERVICE_NAME");
  const settings: EnvironmentSettings = {
    endpoint,
    endpointTlsMode,
    protocol: word(protocolVariable, {
      grpc: "grpc",
      "http/protobuf": "http/protobuf",
      "http/json": "http/json",
    } as const),
    compression: word(`${otlp}COMPRESSION`, { gzip: "gzip" as const, none: "none" as const }),
    timeoutMs: integer(`${otlp}TIMEOUT`, 1, 3_600_000),
    headers: headers(`${otlp}HEADERS`),
    resourceAttributes: {
      ...pairs("OTEL_RESOURCE_ATTRIBUTES"),
      ...(serviceName === undefined ? {} : { "service.name": serviceName }),
    },
    logLevel: word("OTEL_LOG_LEVEL", logLevels),
    listenHost: get("GATEWAY_HOST"),
    listenPort: integer("PORT", 0, 65_535),
    storePath: get("GATEWAY_STORE_PATH"),
    unheeded: laterVariables.filter((variable) => get(variable) !== undefined),
  };
  return { settings, issues };
}
