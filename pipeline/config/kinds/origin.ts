/** What a source and a bridge say of all their messages. */
import * as z from "zod";
import { parseTemplate } from "../../attribute-template.ts";
import { wanted } from "../messages.ts";
import { choice, text, token } from "../schema.ts";

const template = z.string().superRefine((written, context) => {
  const parsed = parseTemplate(written);
  if ("fault" in parsed) context.addIssue({ code: "custom", message: parsed.fault });
});

/** Source: W3C Baggage, "key". */
const baggageKey = z.string().regex(token, { error: wanted("a key of baggage, without spaces") });

export const originFields = {
  lenient: z
    .boolean()
    .default(false)
    .meta({ description: "Accept common deviations from the payload schema" }),
  counterValues: choice(["increment", "total"]).default("increment").meta({
    description: "What the value of a counter is: what came since the last message, or a meter's reading",
  }),
  attributes: z.record(text, template).default({}).meta({
    description: `Attributes of items that have none of that name, from what the message has: \`\${topic}\`, \`\${topic.N}\` from 1, \`\${clientId}\`, \`\${messageId}\`, \`\${userProperty.NAME}\`; an attribute that gets nothing is left out`,
  }),
  attributeValuesMax: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(1000)
    .meta({ description: "Values of one such attribute that are told apart; further ones share one" }),
  baggage: z
    .array(baggageKey)
    .default([])
    .meta({ description: "Keys of the baggage in a message that become attributes" }),
};
