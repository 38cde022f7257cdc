/** One of the Gateway's `sources`. */
import * as z from "zod";
import { adapterNames, laterAdapterNames } from "../adapters.ts";
import { choice, name, secretReference, section, topicFilter } from "../schema.ts";

export const source = section(
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
    counterValues: choice(["increment", "total"]).default("increment").meta({
      description: "What the value of a counter is: what came since the last message, or a meter's reading",
    }),
  },
  ["allowedOrigins"],
);

export type Source = z.output<typeof source>;
