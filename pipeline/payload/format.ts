import type { MqttMessage, RememberedInput } from "../message.ts";

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
  /** How its values are made. Those of another rule are other values, and use up nothing of this one's. */
  rule?: string | undefined;
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
  /** The rule that made it of a raw payload, and its attributes that vary. Undefined: none do, or there is no rule. */
  madeBy?: { rule: string; attributes: readonly string[] } | undefined;
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
  /** What each destination gets of them, by its name, and no other gets any. Undefined: each gets all. */
  routes?: ReadonlyMap<string, Pick<Items, "metrics" | "logs">> | undefined;
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

/** A message that is dropped because its operator wants it so. */
export interface Filtered {
  kind: "filtered";
  /** As a label: few values. */
  reason: FilterReason;
  /** What dropped it, such as "filter of Mapping thermostat". */
  by: string;
}

export type FilterReason = "filter" | "throttled";

/** One message passes in such a time, of all that are held to the limit of this name. */
export interface RateLimit {
  name: string;
  /** Infinite: none passes. */
  intervalMs: number;
}

export interface ParseOptions {
  /** Tolerates what the AIO schema forbids but devices send. */
  lenient: boolean;
  /** Looks for oddities too that take time to find. Default false. */
  audit?: boolean | undefined;
  /** Somebody who looks on while rules read a payload. */
  watch?: RuleWatch | undefined;
  /** Whether a message passes a rate limit. Left out: it does, since a message is held to limits but once. */
  admits?: ((limit: RateLimit, message: MqttMessage) => boolean) | undefined;
  /** What earlier messages had. Left out: the message brings the last values that it needs, and sets none. */
  recall?: Recall | undefined;
}

/** What an input had in an earlier message. */
export interface KnownValue {
  /** JSON text. */
  value: string;
  metAtUs: number;
}

/** The last values of inputs, for one message of a source and topic. */
export interface Recall {
  /** The last one before this message; undefined: none is known. */
  last(input: RememberedInput): KnownValue | undefined;
  /** The message itself has this value there, as `parseTypedJson` gives it. */
  meet(input: RememberedInput, value: unknown): void;
}

/** Told what rules do, in order. */
export interface RuleWatch {
  /** The payload is read by these rules, such as "Mapping thermostat". */
  reader(name: string): void;
  /** A rule begins, such as "metrics[0] of Mapping thermostat". */
  rule(name: string): void;
  /** It meets a value, as parsed JSON has it: that of a path in the payload, or of an expression. Not all are read. */
  value(of: string, read: () => unknown): void;
  /** It looks for the last value of an input; undefined: none is known. */
  lastValue(input: string, known: KnownValue | undefined): void;
}

/** A way to read payloads. Pure but for `admits` and `recall`: the same message and options always give the same result. */
export interface PayloadFormat {
  parse(message: MqttMessage, options: ParseOptions): Parsed | Filtered;
}
