/** Mappings in an operator's words. */
import type { MappingRules } from "../pipeline/mapping/rules.ts";
import { describeTopics } from "./describe-origins.ts";

export function describeMapping(mapping: MappingRules): string[] {
  const { name, sources, filter, onMissing, metrics, logs } = mapping;
  const taken = [
    sources.length === 0 ? "any source" : `sources ${sources.join(", ")}`,
    describeTopics(mapping),
    ...(filter === undefined ? [] : [`dropped where ${filter.expression}, with ${filter.inputs.join(", ")}`]),
  ];
  const made = [
    ...metrics.map((rule) => `${rule.name} (${rule.type})`),
    ...logs.map(({ level }) => `a log record (${level})`),
  ];
  return [
    `  ${name}: ${taken.join("; ")}`,
    `    makes: ${made.join(", ")}`,
    `    what is missing: ${onMissing === "skip" ? "leaves its item out" : "makes the message a dead letter"}`,
  ];
}
