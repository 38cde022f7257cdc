/** `kind: DataflowEndpoint` as Azure IoT Operations has it, as far as it sends OTLP. */
import * as z from "zod";
import { defaults } from "../defaults.ts";
import { choice, ignoredFields, ignoredProperties, name, section, text } from "../schema.ts";

/** Endpoint types of Azure IoT Operations other than OpenTelemetry. */
export const laterEndpointTypes = [
  "DataExplorer",
  "DataLakeStorage",
  "FabricOneLake",
  "Kafka",
  "LocalStorage",
  "Mqtt",
];

const authentication = section(
  {
    method: choice(["Anonymous"], ["ServiceAccountToken", "X509Certificate"])
      .default("Anonymous")
      .meta({ description: "How the gateway identifies itself to the receiver" }),
    anonymousSettings: section({}).optional().meta({ description: "Has no fields" }),
  },
  ["serviceAccountTokenSettings", "x509CertificateSettings"],
);

/** Source: Azure IoT Operations, DataflowEndpoint, `openTelemetrySettings.batching`. */
const batching = section({
  latencySeconds: z
    .int()
    .min(0)
    .max(65_535)
    .default(60)
    .meta({ description: "Longest time that a message waits for its batch; 0: none" }),
  maxMessages: z
    .int()
    .min(0)
    .max(4_294_967_295)
    .default(100_000)
    .meta({ description: "Waiting messages that make a batch due; 0: only time does" }),
});

const tls = section(
  {
    mode: choice(["Enabled", "Disabled"]).optional().meta({
      default: defaults.tlsMode,
      description: "Decides when `host` has no scheme, and must not contradict one",
    }),
  },
  ["trustedCaCertificateConfigMapRef"],
);

export const openTelemetrySettings = section({
  host: text.optional().meta({
    default: defaults.endpoint,
    description:
      "`host:port`, or a URL whose scheme decides about TLS; port 4317 when left out; else `OTEL_EXPORTER_OTLP_ENDPOINT`",
  }),
  batching: batching.prefault({}),
  authentication: authentication.prefault({}),
  tls: tls.prefault({}),
});

const spec = section(
  {
    endpointType: choice(["OpenTelemetry"], laterEndpointTypes).meta({
      description: "What the endpoint speaks",
    }),
    hostType: z.unknown().optional().meta({ description: "Ignored" }),
    openTelemetrySettings: openTelemetrySettings.prefault({}),
    ...ignoredProperties,
  },
  [
    "dataExplorerSettings",
    "dataLakeStorageSettings",
    "fabricOneLakeSettings",
    "kafkaSettings",
    "localStorageSettings",
    "mqttSettings",
  ],
);

export const dataflowEndpoint = section({
  apiVersion: choice([
    "connectivity.iotoperations.azure.com/v1",
    "connectivity.iotoperations.azure.com/v1beta1",
  ]),
  kind: z.literal("DataflowEndpoint"),
  metadata: z.looseObject({ name, namespace: text.optional() }),
  spec,
  ...ignoredFields,
});

export type DataflowEndpoint = z.output<typeof dataflowEndpoint>;
