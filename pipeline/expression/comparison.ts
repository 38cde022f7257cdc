import { isNumeric, mismatch, numeric, order } from "./numeric.ts";
import { empty, isTuple, type Value } from "./value.ts";

export type ComparisonOperator = "==" | "!=" | "<" | ">" | "<=" | ">=";

/**
 * Whether a comparison holds.
 *
 * Shape:  values of different types are unequal, but ints and floats are equal when they stand for the same number.
 * Errors: ExpressionError for `<` and its like on anything but two numbers, two strings or two booleans.
 */
export function holds(operator: ComparisonOperator, left: Value, right: Value): boolean {
  switch (operator) {
    case "==":
      return isEqual(left, right);
    case "!=":
      return !isEqual(left, right);
    case "<":
      return compare(operator, left, right) < 0;
    case ">":
      return compare(operator, left, right) > 0;
    case "<=":
      return compare(operator, left, right) <= 0;
    case ">=":
      return compare(operator, left, right) >= 0;
  }
}

/** Whether two values are the same; tuples are, element by element. */
export function isEqual(left: Value, right: Value): boolean {
  if (isNumeric(left) && isNumeric(right)) return order(left, right) === 0;
  if (!isTuple(left) || !isTuple(right)) return left === right;
  return left.length === right.length && left.every((element, at) => isEqual(element, right[at] ?? empty));
}

/** Less than 0, 0, more than 0, or NaN, which is none of them. */
function compare(operator: string, left: Value, right: Value): number {
  if (isNumeric(left)) return order(left, numeric(operator, right));
  if (typeof left !== "string" && typeof left !== "boolean") {
    return mismatch(operator, left, "a number, a string or a boolean");
  }
  if (typeof left !== typeof right) return mismatch(operator, right, `a ${typeof left}`);
  return left === right ? 0 : left < (right as typeof left) ? -1 : 1;
}
