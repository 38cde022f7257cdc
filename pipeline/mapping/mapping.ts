import { parseTypedJson } from "../expression/json.ts";
import type { MqttMessage } from "../message.ts";
import { readDocument } from "../payload/document.ts";
import type { Filtered, Parsed, ParseOptions } from "../payload/format.ts";
import { parseJson } from "../payload/json.ts";
import { odditiesOf, startReading } from "../payload/reading.ts";
import { Refused } from "../payload/refused.ts";
import { compilePath, unfaulty } from "./compile.ts";
import { compileEach } from "./each.ts";
import { compileCondition } from "./formula.ts";
import { compileLog, compileMetric, type ReadItem } from "./item.ts";
import { bounded, byRule, refuseMissing } from "./refusal.ts";
import { compileMeeting } from "./remembered.ts";
import { parseRulePath } from "./rule-path.ts";
import type { LogRule, MappingRules, MetricRule } from "./rules.ts";
import { Missing, type Scope } from "./scope.ts";
import { TextAllowance } from "./text-allowance.ts";
import { compileTime } from "./time-rule.ts";

/** What a message becomes. Pure but for `recall`: the same message and options always give the same result. */
export type MapMessage = (message: MqttMessage, options: ParseOptions) => Parsed | Filtered;

/**
 * The rules of one mapping as a function.
 *
 * Errors: Error when a path, an expression or a template cannot be read.
 */
export function createMapping(mapping: MappingRules): MapMessage {
  const { name, timestamp, onMissing } = mapping;
  const skips = onMissing === "skip";
  const filter = mapping.filter && compileCondition(mapping.filter, "whole");
  const readTime = timestamp && compileTime(compilePath(timestamp.path, "whole"), timestamp.unit);
  const metrics = mapping.metrics.map((rule, index) => {
    const place = `metrics[${index}] of Mapping ${name}`;
    return compileRule(rule, compileMetric(rule, mapping, place), { place, skips });
  });
  const logs = mapping.logs.map((rule, index) =>
    compileRule(rule, compileLog(rule, mapping), { place: `logs[${index}] of Mapping ${name}`, skips }),
  );
  const rule = `Mapping ${name}`;
  const filterPlace = `filter of ${rule}`;
  const meet = compileMeeting(mapping);
  // What is remembered may be calculated with by the rules of another day.
  const parse = hasExpressions(mapping) || meet !== undefined ? parseTypedJson : parseJson;

  function isFiltered(scope: Scope): boolean {
    if (filter === undefined) return false;
    return byRule(filterPlace, () => {
      scope.reading.watch?.rule(filterPlace);
      const isDropped = filter(scope);
      if (!(isDropped instanceof Missing)) return isDropped;
      return skips ? false : refuseMissing(isDropped);
    });
  }

  return (message, options) => {
    const reading = startReading(options);
    reading.watch?.reader(rule);
    try {
      const { value: payload, path, traceparent } = readDocument(message, reading, parse);
      const whole = { payload, message };
      const scope: Scope = {
        rule,
        message,
        reading,
        texts: new TextAllowance(),
        time: once(() => readTime?.(scope)),
        whole,
        base: path,
        here: whole,
        at: path,
        key: undefined,
        each: undefined,
        captured: [],
      };
      if (reading.recall) meet?.(scope, reading.recall);
      if (isFiltered(scope)) return { kind: "filtered", reason: "filter", by: filterPlace };
      const items = {
        metrics: metrics.flatMap((read) => read(scope)),
        logs: logs.flatMap((read) => read(scope)),
      };
      return {
        kind: "items",
        items: traceparent === undefined ? items : { ...items, traceparent },
        oddities: odditiesOf(reading),
      };
    } catch (error) {
      if (error instanceof Refused) return { kind: "refused", refusal: bounded(error.refusal) };
      throw error;
    }
  };
}

/** Only they tell `72.0` from `72`, which takes time. */
function hasExpressions({ filter, metrics, logs }: MappingRules): boolean {
  return (
    filter !== undefined || [...metrics, ...logs].some(({ value, when }) => when || "expression" in value)
  );
}

/** All items of a rule. */
function compileRule<Item>(
  { each }: MetricRule | LogRule,
  readItem: ReadItem<Item>,
  { place, skips }: { place: string; skips: boolean },
): (scope: Scope) => Item[] {
  const membersOf = each === undefined ? undefined : compileEach(unfaulty(parseRulePath(each), each));
  return (scope) =>
    byRule(place, () => {
      scope.reading.watch?.rule(place);
      const members = membersOf === undefined ? [scope] : membersOf(scope);
      if (members instanceof Missing) return skips ? [] : refuseMissing(members);
      const items: Item[] = [];
      for (const member of members) {
        const item = readItem(member);
        if (item instanceof Missing) {
          if (!skips) refuseMissing(item);
        } else if (item !== undefined) items.push(item);
      }
      return items;
    });
}

function once<Result>(read: () => Result): () => Result {
  let found: { result: Result } | undefined;
  return () => {
    found ??= { result: read() };
    return found.result;
  };
}
