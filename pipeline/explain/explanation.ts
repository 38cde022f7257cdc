/** What the gateway would do with a message, as JSON: 64-bit integers are strings, as in OTLP/JSON. */

import type { Signal } from "../message.ts";
import type { NamedSeries, toOtlpJson } from "../otlp/otlp-json.ts";
import type { Level, MetricType } from "../payload/format.ts";

/** One thing that is looked at, in order; behind one that the message does not pass there is none. */
export interface Step {
  step: "source" | "topic" | "payloadSize" | "expiry" | "duplicate" | "payload";
  passes: boolean;
  detail: string;
}

/** What a rule met, in order. A value is JSON text, or `nothing`. */
export interface ExplainedRule {
  rule: string;
  values: { of: string; value: string }[];
  /** Values beyond those. */
  omitted: number;
}

type Scalar = string | number | boolean;

interface ExplainedItem {
  attributes: Readonly<Record<string, Scalar>>;
  /** RFC 3339 with nine digits; null: the arrival counts. */
  time: string | null;
}

export interface ExplainedMetric extends ExplainedItem {
  name: string;
  type: MetricType;
  value: string | number;
  unit: string | null;
  description: string | null;
}

export interface ExplainedLog extends ExplainedItem {
  level: Level;
  body: string;
}

export type LaneExplanation = {
  destination: string;
  signal: Signal;
} & (
  | {
      exports: true;
      url: string;
      /** Of metrics. */
      series: NamedSeries[];
      /** What would be sent to a receiver that got nothing before, in OTLP/JSON. */
      request: ReturnType<typeof toOtlpJson>;
    }
  /** `isOwed`: it wants the message, but would give it up. */
  | { exports: false; isOwed: boolean; reason: string }
);

export type ExplainedExport = Extract<LaneExplanation, { exports: true }>;

export interface Explanation {
  /** Some lane wants it, and none that does would give it up. */
  isDelivered: boolean;
  verdict: "accepted" | "expired" | "filtered" | "deadLettered";
  /** What the sender gets, and where the message is then. */
  answer: string;
  /** RFC 3339. It stands in for the times that the message lacks. */
  arrivedAt: string;
  steps: Step[];
  /** Of the mapping that the payload was read by, as far as they were looked at. */
  rules: ExplainedRule[];
  items: { metrics: ExplainedMetric[]; logs: ExplainedLog[] };
  lanes: LaneExplanation[];
  /** In what an export by a running gateway would differ from what is shown here. */
  remarks: string[];
}
