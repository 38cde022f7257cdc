/** Data flow graphs as they are configured: plain values, with texts for paths and expressions. */
import type { FormulaRule } from "../mapping/rules.ts";
import type { MetricType } from "../payload/format.ts";

/** Where messages enter a graph. */
export interface GraphSource {
  node: string;
  /** Names of sources and bridges. */
  origins: readonly string[];
  /** Topic Filters that a message's topic must match one of. */
  topicFilters: readonly string[];
}

export interface GraphTransform {
  node: string;
  rules: TransformRules;
}

/** Where messages leave a graph. */
export interface GraphDestination {
  node: string;
  /** Name of the destination. */
  destination: string;
}

export interface GraphConnection {
  from: string;
  /** Of a branch: the messages that its expression says this of. */
  output: boolean | undefined;
  to: string;
}

/** One graph. Its connections form no circle. */
export interface GraphRules {
  name: string;
  sources: readonly GraphSource[];
  transforms: readonly GraphTransform[];
  destinations: readonly GraphDestination[];
  connections: readonly GraphConnection[];
}

export type TransformRules =
  | { kind: "map"; rules: readonly MapRule[] }
  /** A message of which one of them is true is dropped. */
  | { kind: "filter"; rules: readonly FormulaRule[] }
  | { kind: "branch"; rule: FormulaRule }
  | { kind: "concatenate" }
  /** The first one that matches a topic counts. */
  | { kind: "throttle"; rules: readonly ThrottleRule[] }
  | { kind: "otelTransform"; rules: OtelTransformRules };

export interface MapRule {
  inputs: readonly string[];
  /** A path; "": what the inputs name is left out. */
  output: string;
  /** Undefined: the first input is copied. */
  expression: string | undefined;
}

export interface ThrottleRule {
  topic: string;
  /** 0: none. */
  messagesPerSecondMax: number;
}

/** One metric of each message. */
export interface OtelTransformRules {
  name: string | { path: string };
  type: MetricType;
  valuePath: string;
  /** Leads to a text as RFC 3339 has it; undefined: the arrival counts. */
  timestampPath: string | undefined;
  unit: string | undefined;
}
