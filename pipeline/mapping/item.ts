/** What a rule makes of the payload, or of one member of it. */
import type { Attribute, LogItem, MetricItem } from "../payload/format.ts";
import { readValue } from "../payload/numbers.ts";
import { refuse } from "../payload/refused.ts";
import { readName, readText } from "../payload/text.ts";
import { compileAttributes } from "./attributes.ts";
import { compilePath, compileTemplate } from "./compile.ts";
import { compileCondition, compileValue } from "./formula.ts";
import { numberIn } from "./number.ts";
import { at } from "./refusal.ts";
import type { LogRule, MappingRules, MetricRule } from "./rules.ts";
import { Missing, type Scope } from "./scope.ts";
import { compileTime } from "./time-rule.ts";

/** The item that a scope gives; undefined: the rule wants none of it. Errors: Refused. */
export type ReadItem<Item> = (scope: Scope) => Item | undefined | Missing;

/** `place`: of the rule, for those who read of its items. */
export function compileMetric(rule: MetricRule, mapping: MappingRules, place: string): ReadItem<MetricItem> {
  const { type, description, unit } = rule;
  const { readFrame, varying } = compileFrame(rule, mapping);
  const madeBy = varying.length === 0 ? undefined : { rule: place, attributes: varying };
  const name = compileTemplate(rule.name, "here");
  return (scope) => {
    const frame = readFrame(scope);
    if (frame === undefined || frame instanceof Missing) return frame;
    const text = name.resolve(scope);
    if (text === undefined) refuse("a name", { met: "nothing", wanted: `a value for ${rule.name}` });
    const { value, timeUnixNano, attributes } = frame;
    return {
      name: at("", () => readName("name", scope.texts.take(text))),
      type,
      value: at(frame.place, () => readValue(type, numberIn(value, scope.reading))),
      description,
      unit,
      timeUnixNano,
      attributes,
      madeBy,
    };
  };
}

export function compileLog(rule: LogRule, mapping: MappingRules): ReadItem<LogItem> {
  const { level } = rule;
  const { readFrame } = compileFrame(rule, mapping);
  return (scope) => {
    const frame = readFrame(scope);
    if (frame === undefined || frame instanceof Missing) return frame;
    const { value, place, timeUnixNano, attributes } = frame;
    const body = at(place, () => readText("log", value));
    return { level, severityText: level, body, timeUnixNano, attributes };
  };
}

interface Frame {
  value: unknown;
  /** Where the value stands, for refusals. */
  place: string;
  timeUnixNano: bigint | undefined;
  attributes: readonly Attribute[];
}

/** What metrics and logs have alike. */
function compileFrame(
  rule: MetricRule | LogRule,
  mapping: MappingRules,
): { readFrame(scope: Scope): Frame | undefined | Missing; varying: readonly string[] } {
  const { timestamp } = rule;
  const when = rule.when && compileCondition(rule.when, "here");
  const value = compileValue(rule.value);
  const readTime = timestamp && compileTime(compilePath(timestamp.path, "here"), timestamp.unit);
  const attributes = compileAttributes(rule, mapping);
  const readFrame = (scope: Scope) => {
    const isWanted = when === undefined || when(scope);
    if (isWanted instanceof Missing) return isWanted;
    if (!isWanted) return undefined;
    const found = value.read(scope);
    if (found instanceof Missing) return found;
    const timeUnixNano = readTime ? readTime(scope) : scope.time();
    if (timeUnixNano instanceof Missing) return timeUnixNano;
    return { value: found, place: value.place(scope), timeUnixNano, attributes: attributes.of(scope) };
  };
  return { readFrame, varying: attributes.varying };
}
