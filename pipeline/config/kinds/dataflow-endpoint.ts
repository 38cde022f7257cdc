/** `kind: DataflowEndpoint` as Azure IoT Operations has it, as far as it sends OTLP. */
import * as z from "zod";
import { defaults } from "../defaults.ts";
import { choice, ignoredFields, ignoredProperties, name, objectName, section, text } from "../schema.ts";

const authentication = section({
  method: choice(["Anonymous", "ServiceAccountToken", "X509Certificate"])
    .optional()
    .meta({ default: "Anonymous", description: "How the gateway identifies itself to the receiver" }),
  anonymousSettings: section({}).optional().meta({ description: "Has no fields" }),
  serviceAccountTokenSettings: section({
    audience: text.meta({ description: "Audience that the receiver expects the token to have" }),
  }).optional(),
  x509CertificateSettings: section({
    secretRef: objectName.meta({
      description: "Secret with the client certificate: a folder in `secretsPath`",
    }),
  }).optional(),
});

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

const tls = section({
  mode: choice(["Enabled", "Disabled"]).optional().meta({
    default: defaults.tlsMode,
    description: "Decides when `host` has no scheme, and must not contradict one",
  }),
  trustedCaCertificateConfigMapRef: objectName.optional().meta({
    description:
      "ConfigMap with the authorities to trust in place of the system's: a folder in `configMapsPath`",
  }),
});

export const openTelemetrySettings = section({
  host: text.optional().meta({
    default: defaults.endpoint,
    description:
      "`host:port`, or a URL whose scheme decides about TLS; the port is 4317 when left out, for OTLP/HTTP 4318; else `OTEL_EXPORTER_OTLP_ENDPOINT`",
  }),
  batching: batching.prefault({}),
  authentication: authentication.prefault({}),
  tls: tls.prefault({}),
});

const spec = section(
  {
    endpointType: choice(["OpenTelemetry"]).meta({
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
  (name) => `Wanted openTelemetrySettings alone for endpoint type OpenTelemetry, met ${name}`,
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

export type Connection = z.output<typeof openTelemetrySettings>;
export type DataflowEndpoint = z.output<typeof dataflowEndpoint>;
