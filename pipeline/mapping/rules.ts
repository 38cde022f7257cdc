/** Mapping rules as they are configured: plain values, with texts for paths, expressions and templates. */
import type { Level, MetricType } from "../payload/format.ts";

/** An expression over inputs, which are paths: the first one is `$1`. */
export interface FormulaRule {
  inputs: readonly string[];
  expression: string;
}

/** Of a number that counts from the Unix epoch. */
export const timeUnits = ["s", "ms", "us", "ns"] as const;
export type TimeUnit = (typeof timeUnits)[number];

export interface TimeRule {
  path: string;
  /** Undefined: a text as RFC 3339 has it, or of a hybrid logical clock. */
  unit: TimeUnit | undefined;
}

interface ItemRule {
  /** A path that ends in `*`: one item for each member there, and the rule's paths start at it. */
  each: string | undefined;
  value: { path: string } | FormulaRule;
  /** True: there is an item. */
  when: FormulaRule | undefined;
  /** Undefined: as the mapping says. */
  timestamp: TimeRule | undefined;
  /** Name to template; these go before those of the mapping. */
  attributes: Readonly<Record<string, string>>;
}

export interface MetricRule extends ItemRule {
  /** A template. */
  name: string;
  type: MetricType;
  description: string | undefined;
  unit: string | undefined;
}

export interface LogRule extends ItemRule {
  level: Level;
}

/** How the payloads of some messages become items. */
export interface MappingRules {
  name: string;
  /** Names of sources and bridges; empty: all. */
  sources: readonly string[];
  /** Topic Filters that a message's topic must match one of; empty: any. */
  topicFilters: readonly string[];
  /** True: the message is dropped. */
  filter: FormulaRule | undefined;
  /** Undefined: items have the time of their arrival. */
  timestamp: TimeRule | undefined;
  attributes: Readonly<Record<string, string>>;
  /** What becomes of an item, or of the whole message, when a path leads nowhere. */
  onMissing: "skip" | "deadLetter";
  metrics: readonly MetricRule[];
  logs: readonly LogRule[];
}
