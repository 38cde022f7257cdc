import { Work } from "../payload/work.ts";
import { type ArithmeticOperator, calculate, negate } from "./arithmetic.ts";
import { holds } from "./comparison.ts";
import { ExpressionError } from "./fault.ts";
import { conditional, functionNamed } from "./functions.ts";
import { mismatch } from "./numeric.ts";
import type { Expression } from "./syntax.ts";
import { bounded } from "./text.ts";
import { describe, empty, isTuple, typeOf, type Value } from "./value.ts";

/**
 * The value of an expression with these inputs, `$1` being the first. It takes a time that the text of the
 * expression and `work` bound, and reaches nothing else. `work` is that of the message; left out: nothing else is
 * calculated for it.
 *
 * Errors: ExpressionError, for types that do not fit, ints beyond 64 bits or divided by zero, strings longer than
 *         `resultCharsMax`; its `isMissing` tells that an input was not there. Refused when there is no work left.
 */
export function evaluate(expression: Expression, inputs: readonly Value[], work = new Work()): Value {
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "input":
      return input(expression.index, inputs, work);
    case "tuple":
      return expression.elements.length === 0
        ? empty
        : expression.elements.map((element) => evaluate(element, inputs, work));
    case "unary":
      return unary(expression, inputs, work);
    case "binary":
      return binary(expression, inputs, work);
    case "call":
      return call(expression, inputs, work);
  }
}

function input(index: number, inputs: readonly Value[], work: Work): Value {
  const value = inputs[index] ?? empty;
  if (typeof value === "string" || isTuple(value)) work.spend(value.length);
  if (typeOf(value) !== "json") return value;
  throw new ExpressionError(
    `Cannot calculate with $${index + 1}: met ${describe(value)}, wanted a primitive value or an array of them`,
  );
}

function unary(
  { operator, operand }: Expression & { kind: "unary" },
  inputs: readonly Value[],
  work: Work,
): Value {
  const value = evaluate(operand, inputs, work);
  return operator === "-" ? negate(value) : !boolean("!", value);
}

/** What stands behind `&&` and `||` is looked at only when it decides. */
function binary(
  { operator, left, right }: Expression & { kind: "binary" },
  inputs: readonly Value[],
  work: Work,
): Value {
  const first = evaluate(left, inputs, work);
  switch (operator) {
    case "&&":
      return boolean(operator, first) && boolean(operator, evaluate(right, inputs, work));
    case "||":
      return boolean(operator, first) || boolean(operator, evaluate(right, inputs, work));
    case "==":
    case "!=":
    case "<":
    case ">":
    case "<=":
    case ">=":
      return holds(operator, first, evaluate(right, inputs, work));
    default:
      return arithmetic(operator, first, evaluate(right, inputs, work), work);
  }
}

function arithmetic(operator: ArithmeticOperator, left: Value, right: Value, work: Work): Value {
  return made(operator, calculate(operator, left, right), work);
}

function call({ name, args }: Expression & { kind: "call" }, inputs: readonly Value[], work: Work): Value {
  if (name === conditional) return choose(args, inputs, work);
  const values = args.map((arg) => evaluate(arg, inputs, work));
  return made(`${name}()`, functionNamed(name).apply(values, work), work);
}

function choose(
  [condition, then, otherwise]: readonly Expression[],
  inputs: readonly Value[],
  work: Work,
): Value {
  const isTrue = condition !== undefined && boolean("if()", evaluate(condition, inputs, work));
  const chosen = isTrue ? then : otherwise;
  return chosen === undefined ? empty : evaluate(chosen, inputs, work);
}

function made(where: string, value: Value, work: Work): Value {
  if (typeof value !== "string") return value;
  work.spend(value.length);
  return bounded(where, value);
}

function boolean(where: string, value: Value): boolean {
  return typeof value === "boolean" ? value : mismatch(where, value, "a boolean");
}
