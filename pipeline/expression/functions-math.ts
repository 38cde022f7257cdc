import { absolute, calculate } from "./arithmetic.ts";
import { ExpressionError } from "./fault.ts";
import type { NamedFunction } from "./functions.ts";
import { float, mismatch, numeric } from "./numeric.ts";
import type { Value } from "./value.ts";

/** Rounding keeps an int as it is, and gives a float for a float; `math::` gives floats but where noted. */
export const mathFunctions: Readonly<Record<string, NamedFunction>> = {
  floor: rounding("floor()", Math.floor),
  ceil: rounding("ceil()", Math.ceil),
  round: rounding("round()", roundHalfAway),
  round_n: { argsMin: 2, argsMax: 2, apply: ([value = null, decimals = null]) => roundTo(value, decimals) },
  scale: { argsMin: 5, argsMax: 5, apply: scale },
  // Of an int: an int.
  "math::abs": { argsMin: 1, argsMax: 1, apply: ([value = null]) => absolute(value) },
  // As the operator ^.
  "math::pow": {
    argsMin: 2,
    argsMax: 2,
    apply: ([base = null, exponent = null]) => calculate("^", base, exponent),
  },
  ...unary("math::sqrt", Math.sqrt),
  ...unary("math::cbrt", Math.cbrt),
  ...unary("math::ln", Math.log),
  ...unary("math::log2", Math.log2),
  ...unary("math::log10", Math.log10),
  ...unary("math::exp", Math.exp),
  ...unary("math::exp2", (value) => 2 ** value),
  ...unary("math::cos", Math.cos),
  ...unary("math::sin", Math.sin),
  ...unary("math::tan", Math.tan),
  ...unary("math::acos", Math.acos),
  ...unary("math::asin", Math.asin),
  ...unary("math::atan", Math.atan),
  ...binary("math::log", (value, base) => Math.log(value) / Math.log(base)),
  ...binary("math::atan2", Math.atan2),
  ...binary("math::hypot", Math.hypot),
};

function unary(name: string, calculation: (value: number) => number): Record<string, NamedFunction> {
  const where = `${name}()`;
  return { [name]: { argsMin: 1, argsMax: 1, apply: ([value = null]) => calculation(float(where, value)) } };
}

function binary(name: string, calculation: (a: number, b: number) => number): Record<string, NamedFunction> {
  const where = `${name}()`;
  return {
    [name]: {
      argsMin: 2,
      argsMax: 2,
      apply: ([a = null, b = null]) => calculation(float(where, a), float(where, b)),
    },
  };
}

function rounding(where: string, round: (value: number) => number): NamedFunction {
  return {
    argsMin: 1,
    argsMax: 1,
    apply: ([value = null]) => {
      const number = numeric(where, value);
      return typeof number === "bigint" ? number : round(number);
    },
  };
}

/** Math.round goes up from a half, also below zero. */
function roundHalfAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value));
}

/** `toFixed` rounds what the float is exactly; from 1e21 on there are no decimals. */
function roundTo(value: Value, decimals: Value): Value {
  const number = numeric("round_n()", value);
  if (typeof decimals !== "bigint" || decimals < 0n || decimals > 15n) {
    return mismatch("round_n()", decimals, "an int from 0 to 15 as the number of decimals");
  }
  return typeof number === "bigint" ? number : Number(number.toFixed(Number(decimals)));
}

/** From one range to another, linearly. */
function scale(args: readonly Value[]): number {
  const [value = 0, fromLow = 0, fromHigh = 0, toLow = 0, toHigh = 0] = args.map((arg) =>
    float("scale()", arg),
  );
  if (fromLow === fromHigh) {
    throw new ExpressionError(
      `Cannot calculate scale(): met a source range from ${fromLow} to ${fromHigh}, wanted two different ends`,
    );
  }
  return toLow + ((value - fromLow) * (toHigh - toLow)) / (fromHigh - fromLow);
}
