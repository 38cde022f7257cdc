import { ExpressionError } from "./fault.ts";
import { describe, empty, type Value } from "./value.ts";

export const int64Max = 2n ** 63n - 1n;
export const int64Min = -(2n ** 63n);

export type Numeric = bigint | number;

export function isNumeric(value: Value | undefined): value is Numeric {
  return typeof value === "bigint" || typeof value === "number";
}

/** A value that an operator or a function named `where` takes for a number. */
export function numeric(where: string, value: Value): Numeric {
  return isNumeric(value) ? value : mismatch(where, value, "a number");
}

/** As a float; an int beyond 2^53 is rounded. */
export function float(where: string, value: Value): number {
  return Number(numeric(where, value));
}

/** The result of `where` on ints. */
export function int64(where: string, result: bigint): bigint {
  if (result >= int64Min && result <= int64Max) return result;
  throw new ExpressionError(
    `Cannot calculate ${where}: the result exceeds an int of 64 bits; a float such as 1.0 among the operands avoids that`,
  );
}

/** Less than 0 when `a` is less than `b`, 0 when they are equal; ints are compared with floats exactly. */
export function order(a: Numeric, b: Numeric): number {
  return a < b ? -1 : a > b ? 1 : Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : 0;
}

/** A value is not of the type that `where` takes. */
export function mismatch(where: string, met: Value, wanted: string): never {
  const message = `Cannot calculate ${where}: met ${describe(met)}, wanted ${wanted}`;
  throw new ExpressionError(message, { isMissing: met === empty });
}
