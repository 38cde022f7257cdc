/** `kind: Gateway`: everything that Azure IoT Operations has no field for. */
import * as z from "zod";
import { adapterNames, laterAdapterNames } from "../adapters.ts";
import { defaults, histogramBoundsDefault } from "../defaults.ts";
import {
  choice,
  headerName,
  headerValue,
  ignoredFields,
  ignoredProperties,
  name,
  secretReference,
  section,
  text,
  topicFilter,
} from "../schema.ts";

const mebibyte = 1024 * 1024;
const bodyBytesMax = 256 * mebibyte;
const day = 86_400;

const listen = section({
  host: text
    .optional()
    .meta({ default: defaults.listenHost, description: "Address to listen on; `GATEWAY_HOST` overrides it" }),
  port: z
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .meta({ default: defaults.listenPort, description: "0: any free one; `PORT` overrides it" }),
});

const limits = section({
  bodyBytes: z
    .int()
    .min(1)
    .max(bodyBytesMax)
    .default(4 * mebibyte)
    .meta({ description: "Largest request body" }),
  payloadBytes: z
    .int()
    .min(1)
    .max(bodyBytesMax)
    .default(mebibyte)
    .meta({ description: "Largest payload of one message" }),
  concurrentRequests: z
    .int()
    .min(1)
    .max(65_535)
    .default(512)
    .meta({ description: "Requests that are served at the same time" }),
});

const store = section({
  path: text
    .optional()
    .meta({ default: defaults.storePath, description: "Database file; `GATEWAY_STORE_PATH` overrides it" }),
  bytesMax: z
    .int()
    .min(2_000_000)
    .default(4096 * mebibyte)
    .meta({ description: "Database, write-ahead log and reserve together" }),
});

const deadLetters = section({
  bytesMax: z
    .int()
    .min(0)
    .default(256 * mebibyte)
    .meta({ description: "Quota of dead letters; the oldest are discarded" }),
});

const dedupe = section({
  seconds: z
    .int()
    .min(0)
    .max(30 * day)
    .default(3600)
    .meta({ description: "How long a repeated message is recognised; 0: never" }),
  entriesMax: z
    .int()
    .min(0)
    .max(100_000_000)
    .default(1_000_000)
    .meta({ description: "Messages that are remembered at most" }),
});

const source = section(
  {
    name: name
      .optional()
      .meta({ description: "Served at `POST /webhooks/<name>`; default: the adapter's name" }),
    adapter: choice(adapterNames, laterAdapterNames)
      .optional()
      .meta({ description: "How the sender speaks; default: the adapter that `name` names, else `mqtt`" }),
    authentication: z
      .discriminatedUnion("method", [
        section({ method: z.literal("None") }),
        section({ method: z.literal("Bearer"), token: secretReference }),
      ])
      .optional()
      .meta({ description: "Required beyond loopback; `None` says that it is meant" }),
    topicFilters: z
      .array(topicFilter)
      .default([])
      .meta({ description: "A topic must match one of them; none: any topic" }),
    lenient: z
      .boolean()
      .default(false)
      .meta({ description: "Accept common deviations from the payload schema" }),
    payloadEncoding: choice(["plain", "base64"])
      .optional()
      .meta({ description: "How the sender wraps the payload, for adapter `emqx`; default: `plain`" }),
    retryStatus: z
      .literal([503, 429])
      .default(503)
      .meta({ description: "Answer that makes the sender repeat" }),
  },
  ["allowedOrigins"],
);

const bounds = z.array(z.number()).max(1000).refine(isStrictlyIncreasing, {
  error: "Wanted strictly increasing numbers, met one that is not above its neighbour",
});

function isStrictlyIncreasing(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || value > (values[index - 1] ?? Number.NaN));
}

function hasRepeated(texts: readonly string[]): boolean {
  return new Set(texts).size < texts.length;
}

export const destination = section(
  {
    endpointRef: name.meta({ description: "Name of a DataflowEndpoint of type OpenTelemetry" }),
    signals: z
      .array(choice(["metrics", "logs"], ["traces"]))
      .min(1)
      .refine((list) => !hasRepeated(list), {
        error: "Wanted each signal once, met one again",
      })
      .default(["metrics", "logs"])
      .meta({ description: "What is sent there" }),
    protocol: choice(["grpc"], ["http/protobuf", "http/json"])
      .optional()
      .meta({ default: defaults.protocol, description: "Else `OTEL_EXPORTER_OTLP_PROTOCOL`" }),
    compression: choice(["gzip", "none"])
      .optional()
      .meta({ default: defaults.compression, description: "Else `OTEL_EXPORTER_OTLP_COMPRESSION`" }),
    timeoutSeconds: z.number().min(0.001).max(3600).optional().meta({
      default: defaults.timeoutSeconds,
      description: "For one attempt; else `OTEL_EXPORTER_OTLP_TIMEOUT` (milliseconds)",
    }),
    headers: z
      .record(headerName, headerValue)
      .refine((headers) => !hasRepeated(Object.keys(headers).map((header) => header.toLowerCase())), {
        error: "Wanted each header once, whatever its case, met one again",
      })
      .optional()
      .meta({ description: "Sent with each request; else `OTEL_EXPORTER_OTLP_HEADERS`" }),
    requestBytesMax: z
      .int()
      .min(256)
      .max(64 * mebibyte)
      .default(4_000_000)
      .meta({ description: "Uncompressed size of one OTLP request" }),
    temporality: choice(["cumulative"], ["delta"])
      .default("cumulative")
      .meta({ description: "Of counters and histograms" }),
    windowSeconds: z.number().min(1).max(65_535).optional().meta({
      description:
        "Message time that one point of a sum or histogram covers; default: `latencySeconds`, at least 1",
    }),
    histogramAggregation: choice(["explicit"], ["exponential"])
      .default("explicit")
      .meta({ description: "Kind of histogram" }),
    histogramBounds: z
      .record(text, bounds)
      .default({})
      .meta({
        description: `By metric name; \`default\` for all others: ${histogramBoundsDefault.join(", ")}`,
      }),
    seriesMax: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(100_000)
      .meta({ description: "Series of sums and histograms; what comes after shares one" }),
    resourceAttributes: z
      .record(text, z.string())
      .default({})
      .meta({ description: "Beside those of `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`; they win" }),
  },
  ["sources", "topicFilters", "startAt", "serviceAccountTokenFile"],
);

const seconds = z.number().min(0).max(3600);

const spec = section(
  {
    listen: listen.prefault({}),
    limits: limits.prefault({}),
    acknowledge: choice(["stored"], ["delivered"])
      .default("stored")
      .meta({ description: "When a sender gets its 2xx" }),
    store: store.prefault({}),
    deadLetters: deadLetters.prefault({}),
    dedupe: dedupe.prefault({}),
    drainSeconds: seconds.default(0).meta({ description: "Requests are served for so long after SIGTERM" }),
    shutdownGraceSeconds: seconds
      .default(10)
      .meta({ description: "Due batches are sent for at most so long while stopping" }),
    log: section({
      level: choice(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
        .optional()
        .meta({ default: defaults.logLevel, description: "Else `OTEL_LOG_LEVEL`" }),
    }).prefault({}),
    administration: section({
      token: secretReference.meta({ description: "Bearer token of the operator's routes" }),
    }).optional(),
    sources: z
      .array(source)
      .optional()
      .meta({ description: "Who sends; left out: every adapter under its own name" }),
    destinations: z
      .array(destination)
      .min(1)
      .optional()
      .meta({ description: "Where to send; left out: every OpenTelemetry endpoint" }),
    ...ignoredProperties,
  },
  ["acknowledgeTimeoutSeconds", "bridges", "secretsPath", "configMapsPath", "serviceAccountTokenFile"],
);

export const gateway = section({
  apiVersion: choice(["mqtt-otlp-gateway/v1"]),
  kind: z.literal("Gateway"),
  metadata: z.looseObject({ name: name.default("gateway") }).prefault({}),
  spec: spec.prefault({}),
  ...ignoredFields,
});

export type Gateway = z.output<typeof gateway>;
export type Source = z.output<typeof source>;
export type Destination = z.output<typeof destination>;
