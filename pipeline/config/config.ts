/** The configuration after it was read, checked and completed with defaults: plain values, nothing optional left. */
import type { GraphRules } from "../graph/rules.ts";
import type { MappingRules } from "../mapping/rules.ts";
import type { Signal } from "../message.ts";

/** Where a secret stands. Relative paths were resolved against the file that names them. */
export type SecretReference = { file: string } | { env: string };

/** A plain text or a secret. */
export type TextOrSecret = string | SecretReference;

/** How a sender shows who it is. Each secret may have several values that are valid at once. */
export type SourceAuthentication =
  | { method: "None" }
  | { method: "Bearer"; token: SecretReference }
  | { method: "Basic"; username: string; password: SecretReference }
  /** Over the body; with `timestamp`, over that header's text, a full stop, and the body. Hex in `header`. */
  | {
      method: "HmacSha256";
      key: SecretReference;
      header: string;
      timestamp: { header: string; toleranceMs: number } | undefined;
    }
  /** In `/webhooks/<name>/<secret>`, or in the query parameter. For senders that cannot send headers. */
  | { method: "UrlSecret"; secret: SecretReference; parameter: string }
  /** A certificate of `listen.tls.clientCaFile`; with names, of one whose Common Name, DNS name or URI is among them. */
  | { method: "ClientCertificate"; names: readonly string[] };

export type AdapterName =
  | "mqtt"
  | "raw"
  | "emqx"
  | "emqx4"
  | "cloudevents"
  | "aws-iot"
  | "vernemq"
  | "rmqtt"
  | "json";

/** Where an envelope has what, as JSON Pointers. Source: RFC 6901. */
export const envelopeFields = [
  "topic",
  "payload",
  "payloadBase64",
  "qos",
  "retain",
  "clientId",
  "messageId",
  "publishedAt",
  "messageExpiryInterval",
  "contentType",
  "userProperties",
] as const;
export type EnvelopeField = (typeof envelopeFields)[number];

/** What a message's origin, a source or a bridge, says of all its messages. */
export interface Origin {
  name: string;
  /** Topic Filters that a message's topic must match one of; empty: any. */
  topicFilters: readonly string[];
  lenient: boolean;
  /** What the value of a counter is: the increment since the last message, or a meter's reading. */
  counterValues: "increment" | "total";
  /** Attributes that every item gets which has none of that name: name to template. */
  attributes: Readonly<Record<string, string>>;
  /** Values of one templated attribute that are told apart. */
  attributeValuesMax: number;
  /** Keys of baggage that become attributes. */
  baggage: readonly string[];
}

export interface SourceConfig extends Origin {
  adapter: AdapterName;
  /** Undefined: the document is silent; allowed on loopback only. */
  authentication: SourceAuthentication | undefined;
  payloadEncoding: "plain" | "base64" | undefined;
  /** For `json` and `aws-iot`: instead of the adapter's own pointers. */
  fields: Readonly<Partial<Record<EnvelopeField, string>>>;
  /** Who may ask by handshake to post here; empty: anyone. */
  allowedOrigins: readonly string[];
  /** Hosts that a confirmation which a sender asks for may be fetched from, by https; empty: none is fetched. */
  confirmationHosts: readonly string[];
  retryStatus: 503 | 429;
}

/** How a bridge shows its broker who it is. */
export type BridgeAuthentication =
  | { method: "Anonymous" }
  | { method: "UsernamePassword"; username: string; password: SecretReference }
  /** MQTT 5 enhanced authentication, method `K8S-SAT`. */
  | { method: "ServiceAccountToken"; audience: string; tokenFile: string }
  | { method: "X509Certificate"; folder: string }
  | { method: "X509Certificate"; certificateFile: string; keyFile: string };

/** A subscription at a broker. Its `topicFilters` are what it subscribes to, at least one. */
export interface BridgeConfig extends Origin {
  /** Absolute: scheme (mqtt, mqtts, ws, wss), host, port, and for WebSockets the path. The scheme decides about TLS. */
  url: string;
  /** 4 is MQTT 3.1.1. */
  protocolVersion: 5 | 4;
  authentication: BridgeAuthentication;
  /** Authorities to trust in place of the system's: those of a ConfigMap, or of a single file; not both. */
  trustedCaFolder: string | undefined;
  trustedCaFile: string | undefined;
  /** Name of the share, for `$share/<name>/<filter>`. */
  sharedSubscription: string | undefined;
  qos: 0 | 1;
  /** Whether retained messages that the broker replays at subscription are taken. */
  retained: boolean;
  keepAliveSeconds: number;
  sessionExpirySeconds: number;
  /** Receive Maximum. */
  maxInflightMessages: number;
  /** The Client Identifier is this, the bridge's name and the store's instance id. */
  clientIdPrefix: string;
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
  listen: {
    host: string;
    port: number;
    /** Files in PEM, read again when they change. `clientCaFile`: authorities of certificates that senders show. */
    tls: { certificateFile: string; keyFile: string; clientCaFile: string | undefined } | undefined;
  };
  limits: { bodyBytesMax: number; payloadBytesMax: number; concurrentRequestsMax: number };
  /** When a sender gets its 2xx or PUBACK: the message is on disk, or settled by every lane that owes it. */
  acknowledge: "stored" | "delivered";
  /** For `delivered`: how long a request waits before it is turned away with its `retryStatus`. */
  acknowledgeTimeoutMs: number;
  /** `memory` has no path in use, and is allowed with `acknowledge: delivered` alone. */
  store: { type: "sqlite" | "memory"; path: string; bytesMax: number };
  deadLetters: { bytesMax: number };
  dedupe: { windowSeconds: number; entriesMax: number };
  drainMs: number;
  shutdownGraceMs: number;
  log: { level: LogLevel };
  administration: { token: SecretReference } | undefined;
  /** Sources and bridges have names of their own among each other: the ledger counts by them. */
  sources: readonly SourceConfig[];
  bridges: readonly BridgeConfig[];
  /** A name comes twice, with a signal each, when the environment has settings for one signal alone. */
  destinations: readonly DestinationConfig[];
  /** The first one that matches a message says how it is read; where none does, it is AIO JSON. */
  mappings: readonly MappingRules[];
  /** Those that run. A message that one of them takes goes its ways, and no mapping reads it. */
  graphs: readonly GraphRules[];
  /** What an operator should know and that is no error. */
  warnings: readonly string[];
}
