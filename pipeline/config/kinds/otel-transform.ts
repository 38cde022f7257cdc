/** The keys of otel-transform, a module of Microsoft's samples. */
import * as z from "zod";
import { parsePath } from "../../expression/path.ts";
import type { OtelTransformRules } from "../../graph/rules.ts";
import { metricTypes } from "../../payload/format.ts";
import { atColumn, wanted } from "../messages.ts";
import { choice, section, text } from "../schema.ts";

const path = z.string().superRefine((written, context) => {
  const fault = (message: string) => context.addIssue({ code: "custom", message });
  const parsed = parsePath(written);
  if ("faults" in parsed) for (const one of parsed.faults) fault(atColumn(one));
  else if (parsed.afterWildcard !== undefined)
    fault(wanted("a path without an asterisk")({ input: written }));
});

export const otelTransformKeys = section({
  metricName: text.optional(),
  metricNamePath: path.optional(),
  metricValuePath: path,
  metricType: choice(metricTypes),
  metricTimestampPath: path.optional(),
  metricUnits: text.optional(),
}).superRefine(({ metricName, metricNamePath }, context) => {
  if (metricName !== undefined || metricNamePath !== undefined) return;
  context.addIssue({ code: "custom", message: "Wanted metricName or metricNamePath, met neither" });
});

/** A name that is written goes before one that stands in the payload. */
export function otelTransformRules(keys: z.output<typeof otelTransformKeys>): OtelTransformRules {
  const {
    metricName,
    metricNamePath = "",
    metricType,
    metricValuePath,
    metricTimestampPath,
    metricUnits,
  } = keys;
  return {
    name: metricName ?? { path: metricNamePath },
    type: metricType,
    valuePath: metricValuePath,
    timestampPath: metricTimestampPath,
    unit: metricUnits,
  };
}
