/** `kind: Gateway`: everything that Azure IoT Operations has no field for. */
import * as z from "zod";
import { defaults } from "../defaults.ts";
import {
  choice,
  day,
  filePath,
  ignoredFields,
  ignoredProperties,
  mebibyte,
  name,
  secretReference,
  section,
  text,
} from "../schema.ts";
import { bridge } from "./bridge.ts";
import { destination } from "./destination.ts";
import { source } from "./source.ts";

const bodyBytesMax = 256 * mebibyte;

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
  tls: section({
    certificateFile: filePath.meta({
      description: "Certificate and intermediates, in PEM; https alone is served",
    }),
    keyFile: filePath.meta({ description: "Its private key, in PEM" }),
    clientCaFile: filePath
      .optional()
      .meta({ description: "Authorities of the certificates that senders show, in PEM" }),
  }).optional(),
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
  type: choice(["sqlite", "memory"])
    .default("sqlite")
    .meta({ description: "`memory` for hosts without a disk, with `acknowledge: delivered` alone" }),
  path: text
    .optional()
    .meta({ default: defaults.storePath, description: "Database file; `GATEWAY_STORE_PATH` overrides it" }),
  bytesMax: z
    .int()
    .min(2_000_000)
    .optional()
    .meta({
      default: defaults.storeBytesMax.sqlite,
      description: `Database, write-ahead log and reserve together; in memory ${defaults.storeBytesMax.memory}`,
    }),
});

const deadLetters = section({
  bytesMax: z
    .int()
    .min(0)
    .optional()
    .meta({
      default: defaults.deadLetterBytesMax.sqlite,
      description: `Quota of dead letters; the oldest are discarded; in memory ${defaults.deadLetterBytesMax.memory}`,
    }),
});

const dedupe = section({
  seconds: z
    .int()
    .min(0)
    .max(30 * day)
    .default(3600)
    .meta({
      description:
        "How long a repeated message is recognised; 0: never. With `acknowledge: delivered` also for as long as it is not delivered",
    }),
  entriesMax: z
    .int()
    .min(0)
    .max(100_000_000)
    .default(1_000_000)
    .meta({ description: "Messages that are remembered at most" }),
});

const seconds = z.number().min(0).max(3600);

const spec = section({
  listen: listen.prefault({}),
  limits: limits.prefault({}),
  acknowledge: choice(["stored", "delivered"]).default("stored").meta({
    description:
      "When a sender gets its 2xx, a broker its PUBACK: the message is on disk, or settled at every destination",
  }),
  acknowledgeTimeoutSeconds: z
    .number()
    .min(0.001)
    .max(3600)
    .default(20)
    .meta({ description: "For `delivered`: a request that waits longer is turned away" }),
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
  bridges: z
    .array(bridge)
    .default([])
    .meta({ description: "Brokers to subscribe at, each by an endpoint of type Mqtt" }),
  secretsPath: text
    .default(defaults.secretsPath)
    .meta({ description: "Folder of mounted secrets, each a folder by its name" }),
  configMapsPath: text
    .default(defaults.configMapsPath)
    .meta({ description: "Folder of mounted ConfigMaps, each a folder by its name" }),
  serviceAccountTokenFile: filePath
    .default(defaults.serviceAccountTokenFile)
    .meta({ description: "Projected service account token, for destinations and bridges that name none" }),
  destinations: z
    .array(destination)
    .min(1)
    .optional()
    .meta({ description: "Where to send; left out: every OpenTelemetry endpoint" }),
  ...ignoredProperties,
});

export const gateway = section({
  apiVersion: choice(["mqtt-otlp-gateway/v1"]),
  kind: z.literal("Gateway"),
  metadata: z.looseObject({ name: name.default("gateway") }).prefault({}),
  spec: spec.prefault({}),
  ...ignoredFields,
});

export type Gateway = z.output<typeof gateway>;
