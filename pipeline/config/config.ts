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
}

export interface DestinationConfig {
  name: string;
  /** Absolute: scheme, host and port. The scheme decides about TLS. */
  url: string;
  protocol: "grpc";
  batching: { latencyMs: number; maxMessages: number };
  signals: readonly Signal[];
  compression: "gzip" | "none";
  timeoutMs: number;
  headers: Readonly<Record<string, TextOrSecret>>;
  requestBytesMax: number;
  temporality: "cumulative";
  windowMs: number;
  histogramBounds: { default: readonly number[]; byMetricName: Readonly<Record<string, readonly number[]>> };
  seriesMax: number;
  resourceAttributes: Readonly<Record<string, string>>;
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
