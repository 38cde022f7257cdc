/** One of the Gateway's `sources`. */
import * as z from "zod";
import { isJsonPointer } from "../../source/json-pointer.ts";
import { adapterNames } from "../adapters.ts";
import { envelopeFields } from "../config.ts";
import { wanted } from "../messages.ts";
import { choice, hostName, name, section, text, topicFilter } from "../schema.ts";
import { authentication } from "./authentication.ts";
import { originFields } from "./origin.ts";

const pointer = z.string().refine(isJsonPointer, { error: wanted("a JSON Pointer such as /device/topic") });

export const source = section({
  name: name
    .optional()
    .meta({ description: "Served at `POST /webhooks/<name>`; default: the adapter's name" }),
  adapter: choice(adapterNames)
    .optional()
    .meta({ description: "How the sender speaks; default: the adapter that `name` names, else `mqtt`" }),
  authentication: authentication
    .optional()
    .meta({ description: "Required beyond loopback; `None` says that it is meant" }),
  topicFilters: z
    .array(topicFilter)
    .default([])
    .meta({ description: "A topic must match one of them; none: any topic" }),
  payloadEncoding: choice(["plain", "base64"]).optional().meta({
    description:
      "How the sender wraps the payload; default: `base64` for adapter `vernemq`, `plain` for the others that have a choice (`emqx`, `emqx4`, `aws-iot`, `json`)",
  }),
  fields: z
    .partialRecord(choice(envelopeFields), pointer)
    .default({})
    .meta({
      description: `For adapters \`aws-iot\` and \`json\`: JSON Pointers to ${envelopeFields.map((field) => `\`${field}\``).join(", ")}, in place of the adapter's own`,
    }),
  allowedOrigins: z
    .array(text)
    .default([])
    .meta({ description: "For adapter `cloudevents`: who may ask to post here; none: anyone" }),
  confirmationHosts: z.array(hostName).default([]).meta({
    description:
      "For adapter `aws-iot`: hosts that a confirmation may be fetched from, such as `iot.eu-central-1.amazonaws.com`; none: it is left to the operator",
  }),
  retryStatus: z
    .literal([503, 429])
    .default(503)
    .meta({ description: "Answer that makes the sender repeat" }),
  ...originFields,
});

export type Source = z.output<typeof source>;
