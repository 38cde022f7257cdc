import type { MqttMessage } from "../message.ts";

/** Metric types of the AIO schema. Source: Azure IoT Operations, "Configure OpenTelemetry data flow endpoints". */
export const metricTypes = [
  "u64_counter",
  "f64_counter",
  "i64_up_down_counter",
  "f64_up_down_counter",
  "u64_gauge",
  "i64_gauge",
  "f64_gauge",
  "u64_histogram",
  "f64_histogram",
] as const;
export type MetricType = (typeof metricTypes)[number];

/** Log levels of the AIO schema. */
export const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type Level = (typeof levels)[number];

export interface Attribute {
  key: string;
  value: string | number | bigint | boolean;
}

/** An attribute that a message's origin adds to each of its items which has none of that key. */
export interface AddedAttribute {
  key: string;
  value: string;
  /** So many values of it are told apart on metrics; undefined: it has but one. */
  valuesMax?: number | undefined;
}

export interface MetricItem {
  name: string;
  type: MetricType;
  /** Integer types: an integer, bigint when it is beyond 2^53−1. Float types: a finite number. */
  value: number | bigint;
  description?: string | undefined;
  unit?: string | undefined;
  /** Undefined: the arrival counts. */
  timeUnixNano?: bigint | undefined;
  /** Keys are unique and not empty. */
  attributes: readonly Attribute[];
}

export interface LogItem {
  level: Level;
  /** The level as the payload wrote it. */
  severityText: string;
  body: string;
  /** Undefined: unknown, the arrival is only the observed time. */
  timeUnixNano?: bigint | undefined;
  attributes: readonly Attribute[];
}

export interface Items {
  metrics: readonly MetricItem[];
  logs: readonly LogItem[];
  /** What the values of counters are. Default increments, which add up; totals are readings of a meter. */
  counterValues?: "increment" | "total" | undefined;
  /** Of the CloudEvent that the payload is. Source: CloudEvents, "Distributed Tracing" extension. */
  traceparent?: string | undefined;
  /** Keys are unique. Undefined: nothing is added. */
  added?: readonly AddedAttribute[] | undefined;
}

/** What was read otherwise than its sender may have meant it. */
export interface Oddities {
  /** Members that a later one of the same name replaced. Counted only for an `audit`. */
  repeatedMembers: number;
  /** Attributes that a later one of the same key replaced. */
  repeatedAttributes: number;
  /** Timestamps of zero, which count as absent. */
  zeroTimestamps: number;
}

/** Why a payload was not understood: the field, the value met and the value wanted. */
export interface Refusal {
  /** Path of the field, such as `metrics[0].value`; "" is the whole payload. */
  path: string;
  /** "Cannot read a u64_gauge: met -1, wanted an integer from 0 to 9223372036854775807". */
  message: string;
}

export type Parsed =
  /** `oddities`: left out when there are none. */
  { kind: "items"; items: Items; oddities?: Oddities | undefined } | { kind: "refused"; refusal: Refusal };

export interface ParseOptions {
  /** Tolerates what the AIO schema forbids but devices send. */
  lenient: boolean;
  /** Looks for oddities too that take time to find. Default false. */
  audit?: boolean | undefined;
}

/** A way to read payloads. Pure: the same message and options always give the same result. */
export interface PayloadFormat {
  parse(message: MqttMessage, options: ParseOptions): Parsed;
}
