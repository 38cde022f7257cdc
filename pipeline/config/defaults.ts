const mebibyte = 1024 * 1024;

/**
 * Defaults of fields for which the environment or another field is asked when the documents are silent. Of all
 * other defaults most stand in the schema itself.
 */
export const defaults = {
  listenHost: "127.0.0.1",
  listenPort: 8080,
  storePath: "./data/gateway.db",
  /** Memory is scarcer than disk, and keeps what its senders wait for alone. */
  storeBytesMax: { sqlite: 4096 * mebibyte, memory: 256 * mebibyte },
  deadLetterBytesMax: { sqlite: 256 * mebibyte, memory: 16 * mebibyte },
  logLevel: "info",
  endpoint: "http://localhost:4317",
  httpEndpoint: "http://localhost:4318",
  tlsMode: "Enabled",
  compression: "gzip",
  temporality: "cumulative",
  histogramAggregation: "explicit",
  timeoutSeconds: 10,
  serviceName: "mqtt-otlp-gateway",
  secretsPath: "/etc/gateway/secrets",
  configMapsPath: "/etc/gateway/config",
  serviceAccountTokenFile: "/var/run/secrets/gateway/token",
} as const;

/** Latency of the destination that exists without any document. */
export const undocumentedLatencySeconds = 5;

/** Source: OTLP/gRPC's registered port. */
export const grpcPort = 4317;

/** The port that by convention speaks OTLP/HTTP. */
export const httpPort = 4318;

/** Source: OpenTelemetry metrics SDK, "Explicit Bucket Histogram Aggregation", default boundaries. */
export const histogramBoundsDefault: readonly number[] = [
  0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000,
];
