import type { MetricType } from "./format.ts";
import type { Reading } from "./reading.ts";
import { met, refuse } from "./refused.ts";

/** The largest integer that OTLP's signed `as_int` takes. Source: opentelemetry.proto.metrics.v1, NumberDataPoint. */
const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);
const uint64Max = 2n ** 64n - 1n;

type ValueRule = { integer: boolean; negative: boolean };

/** What each metric type takes. Counters only rise; a distribution of floats may hold negative ones. */
const valueRules: Readonly<Record<MetricType, ValueRule>> = {
  u64_counter: { integer: true, negative: false },
  f64_counter: { integer: false, negative: false },
  i64_up_down_counter: { integer: true, negative: true },
  f64_up_down_counter: { integer: false, negative: true },
  u64_gauge: { integer: true, negative: false },
  i64_gauge: { integer: true, negative: true },
  f64_gauge: { integer: false, negative: true },
  u64_histogram: { integer: true, negative: false },
  f64_histogram: { integer: false, negative: true },
};

/** The value of a metric of this type, from a losslessly parsed `value`. */
export function readValue(type: MetricType, value: unknown): number | bigint {
  const rule = valueRules[type];
  const number = rule.integer ? integer(value) : finite(value);
  if (number !== undefined && (rule.negative || number >= 0)) return number;
  return refuse(type, { path: "value", met: met(value), wanted: wanted(rule) });
}

function wanted({ integer, negative }: ValueRule): string {
  if (integer) return `an integer from ${negative ? int64Min : 0} to ${int64Max}`;
  return negative ? "a finite number" : "a finite number that is not negative";
}

/** An integer of 64 bits with sign. Adding 0 turns −0 into 0. */
function integer(value: unknown): number | bigint | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value + 0 : undefined;
  return typeof value === "bigint" && value >= int64Min && value <= int64Max ? value : undefined;
}

function finite(value: unknown): number | undefined {
  const number = typeof value === "bigint" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number + 0 : undefined;
}

/**
 * A `timestamp` in nanoseconds since the Unix epoch. Zero is what transforms write for a time that they could not
 * read, and no time of a data point, so it counts as absent.
 */
export function readTimestamp(value: unknown, { lenient, oddities }: Reading): bigint | undefined {
  if (value === undefined || (lenient && value === null)) return undefined;
  const time = nanoseconds(lenient && typeof value === "string" ? fromDecimal(value) : value);
  if (time === undefined) {
    const number = `an integer from 0 to ${uint64Max}`;
    refuse("timestamp", {
      path: "timestamp",
      met: met(value),
      wanted: lenient ? `${number}, as a number or a string of digits` : number,
    });
  }
  if (time !== 0n) return time;
  oddities.zeroTimestamps++;
  return undefined;
}

function nanoseconds(value: unknown): bigint | undefined {
  const time = Number.isSafeInteger(value) ? BigInt(value as number) : value;
  return typeof time === "bigint" && time >= 0n && time <= uint64Max ? time : undefined;
}

function fromDecimal(text: string): bigint | undefined {
  return /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
}

/** A number as an attribute's value: one that fits OTLP's int_value or double_value without a doubt. */
export function isAttributeNumber(value: unknown): value is number | bigint {
  if (typeof value === "bigint") return value >= int64Min && value <= int64Max;
  return typeof value === "number" && Math.abs(value) < 2 ** 63;
}
