/** One mapping, completed to plain values. */
import type { LogRule, MappingRules, MetricRule, TimeRule } from "../mapping/rules.ts";
import type { Mapping } from "./kinds/mapping.ts";

export function resolveMapping({ metadata, spec }: Mapping): MappingRules {
  const { match, filter, timestamp, attributes, onMissing, metrics, logs } = spec;
  return {
    name: metadata.name,
    sources: match.sources,
    topicFilters: match.topicFilters,
    filter,
    timestamp: timestamp && resolveTime(timestamp),
    attributes,
    onMissing,
    metrics: metrics.map(
      (rule): MetricRule => ({
        name: rule.name,
        type: rule.type,
        unit: rule.unit,
        description: rule.description,
        ...resolveRule(rule),
      }),
    ),
    logs: logs.map((rule): LogRule => ({ level: rule.level, ...resolveRule(rule) })),
  };
}

type WrittenRule = Mapping["spec"]["logs"][number];

function resolveRule({
  each,
  value,
  inputs,
  expression = "",
  when,
  timestamp,
  attributes,
}: Omit<WrittenRule, "level">) {
  return {
    each,
    value: value === undefined ? { inputs, expression } : { path: value },
    when,
    timestamp: timestamp && resolveTime(timestamp),
    attributes,
  };
}

function resolveTime({ path, unit }: NonNullable<WrittenRule["timestamp"]>): TimeRule {
  return { path, unit };
}
