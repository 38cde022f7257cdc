import { isEqual } from "./comparison.ts";
import { ExpressionError } from "./fault.ts";
import type { NamedFunction } from "./functions.ts";
import { mismatch, type Numeric, numeric, order } from "./numeric.ts";
import { isTuple, type Tuple, typeOf, type Value } from "./value.ts";

/** Functions of tuples, and of values of any type. */
export const collectionFunctions: Readonly<Record<string, NamedFunction>> = {
  min: { argsMin: 1, argsMax: Infinity, apply: (args) => extreme("min()", args, -1) },
  max: { argsMin: 1, argsMax: Infinity, apply: (args) => extreme("max()", args, 1) },
  contains: {
    argsMin: 2,
    argsMax: 2,
    apply: ([list = null, value = null]) =>
      tuple("contains()", list).some((element) => isEqual(element, value)),
  },
  contains_any: {
    argsMin: 2,
    argsMax: 2,
    apply: ([list = null, candidates = null]) => containsAny(list, candidates),
  },
  typeof: { argsMin: 1, argsMax: 1, apply: ([value = null]) => typeOf(value) },
};

/** The least or greatest of the arguments, or of the tuple that is the only one; NaN when it is among them. */
function extreme(where: string, args: readonly Value[], sign: -1 | 1): Numeric {
  const [first = null] = args;
  const numbers = args.length === 1 && isTuple(first) ? first : args;
  let best: Numeric | undefined;
  for (const element of numbers) {
    const number = numeric(where, element);
    if (Number.isNaN(number)) return number;
    if (best === undefined || order(number, best) === sign) best = number;
  }
  if (best !== undefined) return best;
  throw new ExpressionError(
    `Cannot calculate ${where}: met a tuple without elements, wanted one number at least`,
  );
}

/** By the keys of the candidates, so that it takes no longer for being given long tuples. */
function containsAny(list: Value, candidates: Value): boolean {
  const keys = new Set(tuple("contains_any()", candidates).map(keyOf));
  keys.delete(Number.NaN);
  return tuple("contains_any()", list).some((element) => keys.has(keyOf(element)));
}

/** Values are equal when their keys are; ints and floats of the same number have one. */
function keyOf(value: Value): Value {
  if (isTuple(value)) return mismatch("contains_any()", value, "tuples of primitive values");
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value))
    return BigInt(value);
  return value;
}

function tuple(where: string, value: Value): Tuple {
  return isTuple(value) ? value : mismatch(where, value, "a tuple");
}
