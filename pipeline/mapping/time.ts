import { instantMsMax, parseInstantUs } from "../source/instant.ts";
import type { TimeUnit } from "./rules.ts";

/** The OPC UA connector writes `2025-06-01 08:30:00.1234567 +00:00`. */
const spaceBeforeOffset = / (?=[+-]\d\d:\d\d$)/;

/**
 * A hybrid logical clock, as connectors of Azure IoT Operations write it into the User Property `__ts`: milliseconds
 * since 1970, which no time of day is as long as, a counter of events within one, and who counts.
 */
const hybridLogicalClock = /^(\d{13,15}):\d+:/;

/**
 * An RFC 3339 instant, exact to the nanosecond, with or without a space before its offset, or the instant of a hybrid
 * logical clock; undefined when the text is neither, or lies outside 1970 to 2254.
 */
export function parseUnixNano(text: string): bigint | undefined {
  const [, ms] = hybridLogicalClock.exec(text) ?? [];
  if (ms !== undefined) return Number(ms) <= instantMsMax ? BigInt(ms) * 1_000_000n : undefined;
  const us = parseInstantUs(text) ?? parseInstantUs(text.replace(spaceBeforeOffset, ""));
  return us === undefined ? undefined : BigInt(us) * 1000n + BigInt(nanosecondsIn(text));
}

/** What a valid instant has behind its microseconds, from 0 to 999. */
function nanosecondsIn(text: string): number {
  const first = text.indexOf(".") + 1;
  if (first === 0) return 0;
  let end = first;
  while (isDigit(text.charCodeAt(end))) end++;
  return Number(text.slice(first + 6, end).padEnd(3, "0"));
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Digits that follow a whole one of the unit, down to the nanosecond. */
const decimals: Readonly<Record<TimeUnit, number>> = { s: 9, ms: 6, us: 3, ns: 0 };

/** OTLP's fixed64. Source: opentelemetry.proto.metrics.v1, NumberDataPoint. */
const uint64Max = 2n ** 64n - 1n;

/**
 * A number of so many units since the Unix epoch, in nanoseconds; what is finer is cut off. Undefined when it is
 * negative, or beyond 64 bits.
 */
export function scaleUnixNano(value: number | bigint, unit: TimeUnit): bigint | undefined {
  const nanoseconds = typeof value === "bigint" ? value * 10n ** BigInt(decimals[unit]) : scale(value, unit);
  if (nanoseconds === undefined || nanoseconds < 0n || nanoseconds > uint64Max) return undefined;
  return nanoseconds;
}

/** By the digits of the shortest decimal that is this number, which is what its sender wrote. */
function scale(value: number, unit: TimeUnit): bigint | undefined {
  if (!(value >= 0 && value < 2 ** 64)) return undefined;
  const text = value < 1e-6 ? value.toFixed(9) : String(value);
  const [whole = "", fraction = ""] = text.split(".");
  return BigInt(whole + fraction.padEnd(decimals[unit], "0").slice(0, decimals[unit]));
}
