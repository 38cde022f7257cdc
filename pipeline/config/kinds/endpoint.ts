/** What endpoints of each type have alike, as Azure IoT Operations has it. */
import * as z from "zod";
import { defaults } from "../defaults.ts";
import { choiceMessage, show } from "../messages.ts";
import {
  choice,
  filePath,
  ignoredFields,
  ignoredProperties,
  name,
  objectName,
  section,
  text,
} from "../schema.ts";

/** Endpoint types with a use here: where to send, and where to read. */
export const endpointTypes = ["OpenTelemetry", "Mqtt"] as const;

/** `later`: methods that there are for this type of endpoint elsewhere. */
export function authenticationSection(later: { methods: readonly string[]; settings: readonly string[] }) {
  return section(
    {
      method: choice(["Anonymous", "ServiceAccountToken", "X509Certificate"], later.methods)
        .optional()
        .meta({ default: "Anonymous", description: "How the gateway identifies itself there" }),
      anonymousSettings: section({}).optional().meta({ description: "Has no fields" }),
      serviceAccountTokenSettings: section({
        audience: text.meta({ description: "Audience that the token is expected to have there" }),
      }).optional(),
      x509CertificateSettings: section({
        secretRef: objectName.meta({
          description: "Secret with the client certificate: a folder in `secretsPath`",
        }),
      }).optional(),
    },
    later.settings,
  );
}

export type EndpointAuthentication = z.output<ReturnType<typeof authenticationSection>>;

export const tls = section({
  mode: choice(["Enabled", "Disabled"]).optional().meta({
    default: defaults.tlsMode,
    description: "Decides when `host` has no scheme, and must not contradict one",
  }),
  trustedCaCertificateConfigMapRef: objectName.optional().meta({
    description:
      "ConfigMap with the authorities to trust in place of the system's: a folder in `configMapsPath`",
  }),
});

export type EndpointTls = z.output<typeof tls>;

/** How a bridge or destination uses the endpoint that it refers to. */
export const endpointUse = {
  allowPlaintext: z.boolean().default(false).meta({
    description: "Let the scheme of `host` decide where it contradicts `tls.mode`",
  }),
  serviceAccountTokenFile: filePath
    .optional()
    .meta({ description: "Projected service account token; default: that of the Gateway" }),
};

const settingsNames = [
  "dataExplorerSettings",
  "dataLakeStorageSettings",
  "fabricOneLakeSettings",
  "kafkaSettings",
  "localStorageSettings",
  "mqttSettings",
  "openTelemetrySettings",
];

/** The document of an endpoint whose `spec` has these settings beside its type. */
export function endpointDocument<Type extends (typeof endpointTypes)[number], Settings extends z.ZodRawShape>(
  type: Type,
  settings: Settings,
) {
  const own = Object.keys(settings).join();
  const spec = section(
    {
      endpointType: z
        .enum([type], { error: ({ input }) => choiceMessage(endpointTypes, input, show(input, [])) })
        .meta({ description: "What the endpoint speaks" }),
      hostType: z.unknown().optional().meta({ description: "Ignored" }),
      ...settings,
      ...ignoredProperties,
    },
    settingsNames.filter((name) => name !== own),
    (name) => `Wanted ${own} alone for endpoint type ${type}, met ${name}`,
  );
  return section({
    apiVersion: choice([
      "connectivity.iotoperations.azure.com/v1",
      "connectivity.iotoperations.azure.com/v1beta1",
    ]),
    kind: z.literal("DataflowEndpoint"),
    metadata: z.looseObject({ name, namespace: text.optional() }),
    spec,
    ...ignoredFields,
  });
}
