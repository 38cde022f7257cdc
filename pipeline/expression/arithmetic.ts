import { ExpressionError } from "./fault.ts";
import { float, int64, isNumeric, mismatch, type Numeric, numeric } from "./numeric.ts";
import { toText } from "./text.ts";
import type { Value } from "./value.ts";

/** Two ints give an int, anything else a float. */
type Calculation = { ints: (a: bigint, b: bigint) => Numeric; floats: (a: number, b: number) => number };

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%" | "^";

const calculations: Readonly<Record<ArithmeticOperator, Calculation>> = {
  "+": { ints: (a, b) => a + b, floats: (a, b) => a + b },
  "-": { ints: (a, b) => a - b, floats: (a, b) => a - b },
  "*": { ints: (a, b) => a * b, floats: (a, b) => a * b },
  "/": { ints: (a, b) => a / divisor("/", b), floats: (a, b) => a / b },
  "%": { ints: (a, b) => a % divisor("%", b), floats: (a, b) => a % b },
  "^": { ints: raise, floats: (a, b) => a ** b },
};

/**
 * The result of an operator on two numbers; `+` also joins a string with what stands beside it.
 *
 * Shape:  ints are divided towards zero, as in Azure IoT Operations; `/ 2.0` keeps the fraction.
 * Errors: ExpressionError for other types, a result beyond 64 bits, and an int divided by zero.
 */
export function calculate(operator: ArithmeticOperator, left: Value, right: Value): Value {
  const { ints, floats } = calculations[operator];
  if (typeof left === "bigint" && typeof right === "bigint") {
    const result = ints(left, right);
    return typeof result === "bigint" ? int64(operator, result) : result;
  }
  if (isNumeric(left) && isNumeric(right)) return floats(Number(left), Number(right));
  if (operator !== "+") return floats(float(operator, left), float(operator, right));
  if (typeof left === "string" || typeof right === "string") {
    return toText(operator, left) + toText(operator, right);
  }
  return mismatch(operator, isNumeric(left) ? right : left, "numbers, or a string and another value");
}

/** A number with the other sign. */
export function negate(value: Value): Numeric {
  const number = numeric("-", value);
  return typeof number === "bigint" ? int64("-", -number) : -number;
}

/** A number without its sign. */
export function absolute(value: Value): Numeric {
  const number = numeric("math::abs()", value);
  if (typeof number === "number") return Math.abs(number);
  return number < 0n ? int64("math::abs()", -number) : number;
}

function divisor(operator: string, value: bigint): bigint {
  if (value !== 0n) return value;
  throw new ExpressionError(`Cannot calculate ${operator}: met a divisor of 0, wanted another`);
}

/** Ints beyond these exponents exceed 64 bits, but those that are -1, 0 and 1 however often multiplied. */
function raise(base: bigint, exponent: bigint): Numeric {
  if (exponent < 0n) return Number(base) ** Number(exponent);
  const isUnit = base >= -1n && base <= 1n;
  if (isUnit) return exponent % 2n === 0n ? base ** (exponent === 0n ? 0n : 2n) : base;
  return base ** (exponent > 64n ? 64n : exponent);
}
