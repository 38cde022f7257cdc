/**
 * The rules of the transforms of Azure IoT Operations, as they stand in JSON in a DataflowGraph.
 *
 * Source: Azure IoT Operations, "Transform data with map", "Filter and route data" and "Throttle data in data flow
 * graphs".
 */
import * as z from "zod";
import { parseExpression } from "../../expression/expression.ts";
import { type Path, parsePath } from "../../expression/path.ts";
import type { MapRule } from "../../graph/rules.ts";
import { atColumn, wanted } from "../messages.ts";
import { section, text, topicFilter } from "../schema.ts";

type Context = z.core.$RefinementCtx<unknown>;

function fault(context: Context, message: string, path: PropertyKey[] = []): void {
  context.addIssue({ code: "custom", message, path });
}

/** A path without faults; undefined, and its faults told, when it has some. */
function readPath(written: string, context: Context): Path | undefined {
  const parsed = parsePath(written);
  if (!("faults" in parsed)) return parsed;
  for (const one of parsed.faults) fault(context, atColumn(one));
  return undefined;
}

const input = z.string().superRefine((written, context) => void readPath(written, context));

const plainInput = z.string().superRefine((written, context) => {
  if (readPath(written, context)?.afterWildcard === undefined) return;
  fault(context, wanted("a path without an asterisk")({ input: written }));
});

const output = z.string().superRefine((written, context) => {
  if (written === "") return;
  const { fallback, remembered } = readPath(written, context) ?? {};
  if (fallback === undefined && remembered === undefined) return;
  fault(context, wanted("a path without a default and without ? $last")({ input: written }));
});

/** Azure's tools write null for what is not set. */
const description = z.string().nullish();
const optionalExpression = text.nullish().transform((written) => written ?? undefined);

function checkExpression(
  { inputs, expression }: { inputs: readonly string[]; expression?: string | undefined },
  context: Context,
): void {
  if (expression === undefined) return;
  const parsed = parseExpression(expression, { inputsMax: inputs.length });
  if (!("faults" in parsed)) return;
  for (const one of parsed.faults) fault(context, atColumn(one), ["expression"]);
}

const condition = section({ inputs: z.array(plainInput), expression: text, description })
  .superRefine(checkExpression)
  .transform(({ inputs, expression }) => ({ inputs, expression }));

/** Beside the rules of a transform. */
const beside = {
  version: z.unknown().optional(),
  datasets: z
    .array(z.unknown())
    .max(0, {
      error:
        "Datasets stand in a state store, and there is none here; wanted none: write what they hold into the rules, or into attributes of the source",
    })
    .nullish(),
};

function isWild(written: string): boolean {
  const parsed = parsePath(written);
  return !("faults" in parsed) && parsed.afterWildcard !== undefined;
}

function checkMapRule(rule: MapRule, context: Context): void {
  checkExpression(rule, context);
  const { inputs, expression } = rule;
  const hasWildInput = inputs.some(isWild);
  if (rule.output === "") {
    if (expression !== undefined)
      fault(context, "Wanted no expression beside an empty output", ["expression"]);
    if (inputs.length === 0) fault(context, "Wanted the paths to leave out, met none", ["inputs"]);
    if (hasWildInput) fault(context, "Wanted paths without an asterisk beside an empty output", ["inputs"]);
  } else if (inputs.length === 0 && expression === undefined) {
    fault(context, "Wanted an input or an expression, met neither");
  } else if (hasWildInput !== isWild(rule.output)) {
    fault(context, "Wanted an asterisk in both an input and the output, or in none", ["output"]);
  }
}

const mapRule = section({ inputs: z.array(input), output, expression: optionalExpression, description })
  .superRefine(checkMapRule)
  .transform(({ inputs, output, expression }) => ({ inputs, output, expression }));

export const mapRules = section({
  ...beside,
  map: z.array(mapRule).superRefine((rules, context) => {
    for (const [index, rule] of rules.entries()) {
      if (index === 0 || !rule.inputs.some(isWild)) continue;
      fault(context, "Wanted one rule with an asterisk, before all others", [index, "inputs"]);
    }
  }),
});

export const filterRules = section({
  ...beside,
  filter: z.array(condition).default([]),
  validateSchema: z
    .literal(false, {
      error: "Schemas are not checked here; wanted false: what does not fit a rule becomes a dead letter",
    })
    .nullish(),
});

export const branchRules = section({ ...beside, branch: condition });

export const throttleRules = section({
  perTopicThrottles: z
    .array(section({ topic: topicFilter, maxMessagesPerSecond: z.number().min(0) }))
    .superRefine((rules, context) => {
      for (const [index, { topic }] of rules.entries()) {
        if (rules.findIndex((rule) => rule.topic === topic) === index) continue;
        fault(context, `Wanted each topic once, met "${topic}" again`, [index, "topic"]);
      }
    }),
});
