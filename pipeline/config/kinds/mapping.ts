/** `kind: Mapping`: how the payloads of devices become metrics and logs. */
import * as z from "zod";
import { parseRulePath } from "../../mapping/rule-path.ts";
import { timeUnits } from "../../mapping/rules.ts";
import { parseItemTemplate } from "../../mapping/template.ts";
import { levels, metricTypes } from "../../payload/format.ts";
import { atColumn, wanted } from "../messages.ts";
import { choice, ignoredFields, ignoredProperties, name, section, text, topicFilter } from "../schema.ts";

/** `asterisk`: whether there may be one in the path, or must be. */
function path(asterisk: "none" | "allowed" | "wanted" = "none") {
  return z.string().superRefine((written, context) => {
    const fault = (message: string) => context.addIssue({ code: "custom", message });
    const parsed = parseRulePath(written);
    if ("faults" in parsed) {
      for (const one of parsed.faults) fault(atColumn(one));
    } else if (parsed.afterWildcard !== undefined && asterisk === "none") {
      fault(wanted("a path without an asterisk")({ input: written }));
    } else if (parsed.afterWildcard === undefined && asterisk === "wanted") {
      fault(wanted("a path with an asterisk, such as * or readings.*")({ input: written }));
    }
  });
}

const template = z
  .string()
  .min(1)
  .superRefine((written, context) => {
    const parsed = parseItemTemplate(written, "whole");
    if ("fault" in parsed) context.addIssue({ code: "custom", message: parsed.fault });
  });

const attributes = z.record(text, template).default({});

/** What the expression itself says is checked with its inputs, in check-mappings.ts. */
const formulaFields = {
  inputs: z
    .array(path("allowed"))
    .default([])
    .meta({ description: "Paths of what the expression calls `$1`, `$2` and so on" }),
  expression: text.meta({ description: "In the language of Azure IoT Operations' data flow graphs" }),
};

const timestamp = section({
  path: path().meta({ description: "Where the time stands" }),
  unit: choice(timeUnits).optional().meta({
    description: "Of a number since 1970; left out: a text as RFC 3339 has it, or of a hybrid logical clock",
  }),
});

const ruleFields = {
  each: path("wanted").optional().meta({
    description: "One item for each member that the asterisk stands for; the paths of the rule start there",
  }),
  value: path().optional().meta({ description: "Path of the value; `.` is where paths start" }),
  inputs: formulaFields.inputs,
  expression: formulaFields.expression
    .optional()
    .meta({ description: "In place of `value`, an expression over the inputs" }),
  when: section(formulaFields).optional().meta({ description: "True: there is an item" }),
  timestamp: timestamp.optional().meta({ description: "In place of the mapping's" }),
  attributes: attributes.meta({ description: "Templates; they go before the mapping's" }),
};

const metric = section({
  name: template.meta({ description: "A template" }),
  type: choice(metricTypes).meta({ description: "As in the payloads of Azure IoT Operations" }),
  unit: text.optional().meta({ description: "As UCUM has it, such as `Cel`" }),
  description: text.optional().meta({ description: "Of the metric" }),
  ...ruleFields,
});

const log = section({
  level: choice(levels).meta({ description: "Its severity" }),
  ...ruleFields,
});

const spec = section({
  match: section({
    sources: z.array(name).default([]).meta({ description: "Sources and bridges; none: all of them" }),
    topicFilters: z
      .array(topicFilter)
      .default([])
      .meta({ description: "A topic must match one of them; none: any topic" }),
  }).prefault({}),
  filter: section(formulaFields).optional().meta({ description: "True: the message is dropped" }),
  timestamp: timestamp.optional().meta({ description: "Left out: items have the time of their arrival" }),
  attributes: attributes.meta({
    description:
      "Templates: `${topic}`, `${topic.N}` from 1, `${key}`, `${clientId}`, `${messageId}`, `${userProperty.NAME}`, `${payload.PATH}`; an attribute that gets nothing is left out",
  }),
  onMissing: choice(["deadLetter", "skip"]).default("deadLetter").meta({
    description: "What becomes of the message when a path leads nowhere; `skip` leaves out the item alone",
  }),
  metrics: z.array(metric).default([]).meta({ description: "One rule each" }),
  logs: z.array(log).default([]).meta({ description: "One rule each" }),
  ...ignoredProperties,
});

export const mapping = section({
  apiVersion: choice(["mqtt-otlp-gateway/v1"]),
  kind: z.literal("Mapping"),
  metadata: z.looseObject({ name }),
  spec,
  ...ignoredFields,
});

export type Mapping = z.output<typeof mapping>;
