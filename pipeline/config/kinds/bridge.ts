/** One of the Gateway's `bridges`: what it takes from a broker, and what an endpoint has no field for. */
import * as z from "zod";
import { wanted } from "../messages.ts";
import { filePath, name, secretReference, section, text, topicFilter } from "../schema.ts";
import { endpointUse } from "./endpoint.ts";
import { originFields } from "./origin.ts";

const subscriptionFilter = topicFilter.refine((filter) => !/^\$shared?\//.test(filter), {
  error: wanted("a Topic Filter without the name of a share, which stands in sharedSubscription"),
});

/** Source: MQTT 5.0, 4.8.2, "ShareName". */
const shareName = z
  .string()
  .regex(/^[^/+#\0]+$/, { error: wanted("the name of a share, without /, + and #") });

export const bridge = section({
  name: name.meta({ description: "Of the bridge, among the sources too" }),
  endpointRef: name.meta({ description: "Name of a DataflowEndpoint of type Mqtt" }),
  topicFilters: z
    .array(subscriptionFilter)
    .min(1)
    .meta({ description: "What is subscribed to; no topic may match two of them" }),
  sharedSubscription: shareName.optional().meta({
    description: "Name of the share by which several gateways divide the messages among them",
  }),
  retained: z.boolean().default(false).meta({
    description: "Take retained messages too that the broker sends when the subscription is made",
  }),
  protocolVersion: z.literal([5, "3.1.1"]).default(5).meta({ description: "Of MQTT" }),
  username: text.optional().meta({ description: "With `password`, in place of another method" }),
  password: secretReference.optional(),
  ...endpointUse,
  certificates: section({
    trustedCaFile: filePath
      .optional()
      .meta({ description: "Authorities to trust in place of the ConfigMap" }),
    clientCertificateFile: filePath
      .optional()
      .meta({ description: "Certificate and intermediates, in place of the secret" }),
    clientKeyFile: filePath.optional().meta({ description: "Its private key" }),
  }).prefault({}),
  ...originFields,
});

export type Bridge = z.output<typeof bridge>;
