/** The configuration after it was read, checked and completed with defaults: plain values, nothing optional left. */
import type { Signal } from "../message.ts";

/** Where a secret stands. Relative paths were resolved against the file that names them. */
export type SecretReference = { file: string } | { env: string };

/** A plain text or a secret. */
export type TextOrSecret = string | SecretReference;

export type SourceAuthentication = { method: "None" } | { method: "Bearer"; token: SecretReference };

export type AdapterName = "mqtt" | "raw" | "emqx";

export interface SourceConfig {
  name: string;
  adapter: AdapterName;
  /** Undefined: the document is silent; allowed on loopback only. */
  authentication: SourceAuthentication | undefined;
  /** Topic Filters that a message's topic must match one of; empty: any. */
  topicFilters: readonly string[];
  lenient: boolean;
  payloadEncoding: "plain" | "base64" | undefined;
  retryStatus: 503 | 429;
  /** What the value of a counter is: the increment since the last message, or a meter's reading. */
  counterValues: "increment" | "total";
}

/** How the gateway identifies itself. A folder is that of a Kubernetes secret; a file is one alone. */
export type DestinationAuthentication =
  | { method: "Anonymous" }
  | { method: "ServiceAccountToken"; audience: string; tokenFile: string }
  | { method: "X509Certificate"; folder: string }
  | { method: "X509Certificate"; certificateFile: string; keyFile: string };

export interface DestinationConfig {
  name: string;
  /** Absolute: scheme, host and port. The scheme decides about TLS. */
  url: string;
  protocol: "grpc" | "http/protobuf";
  /** For http/protobuf: where each signal goes, absolute, with its path. For grpc: `url`. */
  signalUrls: Readonly<Record<Signal, string>>;
  authentication: DestinationAuthentication;
  /** Authorities to trust in place of the system's: those of a ConfigMap, or of a single file; not both. */
  trustedCaFolder: string | undefined;
  trustedCaFile: string | undefined;
  batching: { latencyMs: number; maxMessages: number };
  signals: readonly Signal[];
  compression: "gzip" | "none";
  timeoutMs: number;
  headers: Readonly<Record<string, TextOrSecret>>;
  requestBytesMax: number;
  /** Of counters and histograms. */
  temporality: "cumulative" | "delta";
  windowMs: number;
  histogramAggregation: "explicit" | "exponential";
  histogramBounds: { default: readonly number[]; byMetricName: Readonly<Record<string, readonly number[]>> };
  seriesMax: number;
  /** A cumulative series that has not changed for so long is stated no more. */
  seriesIdleMs: number;
  /** How often the others are stated again; 0: never. */
  restateMs: number;
  resourceAttributes: Readonly<Record<string, string>>;
  /** What it gets, when it is new, of what is stored already: nothing, or all. */
  startAt: "now" | "oldest";
  /** Names of the sources whose messages it gets; empty: all. */
  sources: readonly string[];
  /** Topic Filters that a message's topic must match one of; empty: any. */
  topicFilters: readonly string[];
  /** Older messages become dead letters; undefined: never. */
  deliverWithinMs: number | undefined;
}

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface GatewayConfig {
  name: string;
  listen: { host: string; port: number };
  limits: { bodyBytesMax: number; payloadBytesMax: number; concurrentRequestsMax: number };
  store: { path: string; bytesMax: number };
  deadLetters: { bytesMax: number };
  dedupe: { windowSeconds: number; entriesMax: number };
  drainMs: number;
  shutdownGraceMs: number;
  log: { level: LogLevel };
  administration: { token: SecretReference } | undefined;
  sources: readonly SourceConfig[];
  /** A name comes twice, with a signal each, when the environment has settings for one signal alone. */
  destinations: readonly DestinationConfig[];
  /** What an operator should know and that is no error. */
  warnings: readonly string[];
}
