import type { Reading } from "../payload/reading.ts";
import { met, refuse } from "../payload/refused.ts";
import { isNumber, numberIn } from "./number.ts";
import type { RulePath } from "./rule-path.ts";
import type { TimeUnit } from "./rules.ts";
import { Missing, type Scope } from "./scope.ts";
import { parseUnixNano, scaleUnixNano } from "./time.ts";

/** The time of an item. Undefined: the arrival counts. */
export type ReadTime = (scope: Scope) => bigint | undefined | Missing;

/**
 * The time that stands at a path. Zero is what devices send before their clock is set, and counts as absent.
 *
 * Errors: Refused when it cannot be read.
 */
export function compileTime(path: RulePath, unit: TimeUnit | undefined): ReadTime {
  const wanted =
    unit === undefined
      ? "a time as RFC 3339 has it, or of a hybrid logical clock, from 1970 to 2254"
      : `a number of ${unit} since 1970`;
  return (scope) => {
    const value = path.read(scope);
    if (value instanceof Missing) return value;
    const time = unit === undefined ? readText(value) : readNumber(value, unit, scope.reading);
    if (time === undefined) {
      refuse("a time", { path: path.place(scope), met: met(value, { quote: true }), wanted });
    }
    if (time !== 0n) return time;
    scope.reading.oddities.zeroTimestamps++;
    return undefined;
  };
}

function readText(value: unknown): bigint | undefined {
  return typeof value === "string" ? parseUnixNano(value) : undefined;
}

function readNumber(value: unknown, unit: TimeUnit, reading: Reading): bigint | undefined {
  const number = numberIn(value, reading);
  return isNumber(number) ? scaleUnixNano(number, unit) : undefined;
}
