/** How a source's senders show who they are. */
import * as z from "zod";
import { wanted } from "../messages.ts";
import { day, secretReference, section, text, token } from "../schema.ts";

const header = z.string().regex(token, { error: wanted("the name of a header") });

/** Source: RFC 7617, 2 (a user-id has no colon). */
const username = z
  .string()
  .refine((name) => /^[^:\p{Cc}]+$/u.test(name), { error: wanted("a user name without a colon") })
  .meta({ description: "For `Basic`" });

/** What stands in a URL as it is. Source: RFC 3986, 2.3. */
const parameter = z
  .string()
  .regex(/^[A-Za-z0-9._~-]+$/, {
    error: wanted("the name of a query parameter, of letters, digits, '.', '_', '~' and '-'"),
  })
  .refine((name) => name !== "topic", {
    error: "Wanted a query parameter other than topic, which says the topic",
  });

export const authentication = z.discriminatedUnion("method", [
  section({ method: z.literal("None") }),
  section({
    method: z.literal("Bearer"),
    token: secretReference.meta({ description: "For `Bearer`: in `authorization: Bearer …`" }),
  }),
  section({
    method: z.literal("Basic"),
    username,
    password: secretReference.meta({ description: "For `Basic`" }),
  }),
  section({
    method: z.literal("HmacSha256"),
    key: secretReference.meta({ description: "For `HmacSha256`, which signs the body" }),
    header: header
      .default("X-Signature-256")
      .meta({ description: "For `HmacSha256`: where the signature stands, in hex" }),
    timestamp: section({
      header: header.meta({
        description: "For `HmacSha256`: its text and a full stop are signed before the body",
      }),
      toleranceSeconds: z
        .int()
        .min(1)
        .max(day)
        .default(300)
        .meta({ description: "How far the sender's clock may be off" }),
    }).optional(),
  }),
  section({
    method: z.literal("UrlSecret"),
    secret: secretReference.meta({
      description: "For `UrlSecret`: in `/webhooks/<name>/<secret>`, or in the query",
    }),
    parameter: parameter.default("secret").meta({ description: "For `UrlSecret`: where it is in the query" }),
  }),
  section({
    method: z.literal("ClientCertificate"),
    names: z.array(text).default([]).meta({
      description:
        "For `ClientCertificate`: Common Names, DNS names or URIs, of which the certificate has one; none: any certificate of `listen.tls.clientCaFile`",
    }),
  }),
]);
