import type { Attribute } from "../payload/format.ts";
import { readText } from "../payload/text.ts";
import { compileTemplate } from "./compile.ts";
import { at } from "./refusal.ts";
import type { LogRule, MappingRules, MetricRule } from "./rules.ts";
import type { Scope } from "./scope.ts";
import type { ItemTemplate } from "./template.ts";

const none: readonly Attribute[] = [];

/** The attributes of the items of a rule. */
export interface RuleAttributes {
  /** Names of those whose values vary. */
  varying: readonly string[];
  /** What resolves to nothing is left out. Errors: Refused. */
  of(scope: Scope): readonly Attribute[];
}

/** Those of a rule go before those of its mapping. */
export function compileAttributes(
  { attributes }: MetricRule | LogRule,
  mapping: MappingRules,
): RuleAttributes {
  const templates = new Map<string, ItemTemplate>();
  for (const [key, text] of Object.entries(mapping.attributes)) {
    templates.set(key, compileTemplate(text, "whole"));
  }
  for (const [key, text] of Object.entries(attributes)) {
    templates.set(key, compileTemplate(text, "here"));
  }
  const list = [...templates];
  return {
    varying: list.filter(([, template]) => !template.isStatic).map(([key]) => key),
    of(scope) {
      if (list.length === 0) return none;
      const found: Attribute[] = [];
      for (const [key, template] of list) {
        const value = template.resolve(scope);
        if (value === undefined) continue;
        if (!template.isStatic) scope.texts.take(value);
        found.push({ key, value: at("", () => readText(key, value)) });
      }
      return found;
    },
  };
}
