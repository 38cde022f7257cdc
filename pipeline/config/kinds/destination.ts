/** One of the Gateway's `destinations`: what an endpoint of Azure IoT Operations has no field for. */
import * as z from "zod";
import { defaults, histogramBoundsDefault } from "../defaults.ts";
import {
  choice,
  day,
  filePath,
  headerName,
  headerValue,
  mebibyte,
  name,
  section,
  text,
  topicFilter,
} from "../schema.ts";
import { endpointUse } from "./endpoint.ts";

const bounds = z.array(z.number()).max(1000).refine(isStrictlyIncreasing, {
  error: "Wanted strictly increasing numbers, met one that is not above its neighbour",
});

function isStrictlyIncreasing(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || value > (values[index - 1] ?? Number.NaN));
}

function hasRepeated(texts: readonly string[]): boolean {
  return new Set(texts).size < texts.length;
}

export const destination = section({
  endpointRef: name.meta({ description: "Name of a DataflowEndpoint of type OpenTelemetry" }),
  signals: z
    .array(choice(["metrics", "logs"], ["traces"]))
    .min(1)
    .refine((list) => !hasRepeated(list), {
      error: "Wanted each signal once, met one again",
    })
    .default(["metrics", "logs"])
    .meta({ description: "What is sent there" }),
  protocol: choice(["grpc", "http/protobuf"], ["http/json"]).optional().meta({
    description:
      "Else `OTEL_EXPORTER_OTLP_PROTOCOL`; default: `http/protobuf` for port 4318 and for an address with a path, else `grpc`",
  }),
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
  temporality: choice(["cumulative", "delta"]).optional().meta({
    default: defaults.temporality,
    description: "Of counters and histograms; else `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`",
  }),
  windowSeconds: z.number().min(1).max(65_535).optional().meta({
    description:
      "Message time that one point of a sum or histogram covers; default: `latencySeconds`, at least 1",
  }),
  histogramAggregation: choice(["explicit", "exponential"]).optional().meta({
    default: defaults.histogramAggregation,
    description: "Kind of histogram; else `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`",
  }),
  histogramBounds: z
    .record(text, bounds)
    .default({})
    .meta({
      description: `By metric name; \`default\` for all others: ${histogramBoundsDefault.join(", ")}`,
    }),
  seriesMax: z.int().min(1).max(10_000_000).default(100_000).meta({
    description: "Series of sums, histograms and gauges of rules; what comes after shares one a metric",
  }),
  seriesIdleSeconds: z
    .int()
    .min(0)
    .max(30 * day)
    .default(3600)
    .meta({ description: "A cumulative series that has not changed for so long is stated no more" }),
  restateSeconds: z
    .int()
    .min(0)
    .max(day)
    .default(60)
    .meta({ description: "How often a cumulative series is stated again that has not changed; 0: never" }),
  resourceAttributes: z
    .record(text, z.string())
    .default({})
    .meta({ description: "Beside those of `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`; they win" }),
  sources: z
    .array(name)
    .default([])
    .meta({ description: "Names of the sources whose messages go there; none: all sources" }),
  topicFilters: z
    .array(topicFilter)
    .default([])
    .meta({ description: "Messages go there whose topic matches one of them; none: any topic" }),
  startAt: choice(["now", "oldest"])
    .default("now")
    .meta({ description: "What a new destination gets of the messages that are still stored" }),
  deliverWithinSeconds: z
    .number()
    .min(1)
    .max(365 * day)
    .optional()
    .meta({ description: "Messages that have waited longer become dead letters; default: never" }),
  ...endpointUse,
  certificates: section({
    trustedCaFile: filePath.optional().meta({
      description: "Authorities to trust in place of the ConfigMap; else `OTEL_EXPORTER_OTLP_CERTIFICATE`",
    }),
    clientCertificateFile: filePath.optional().meta({
      description:
        "Certificate and intermediates, in place of the secret; else `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`",
    }),
    clientKeyFile: filePath
      .optional()
      .meta({ description: "Its private key; else `OTEL_EXPORTER_OTLP_CLIENT_KEY`" }),
  }).prefault({}),
});

export type Destination = z.output<typeof destination>;
