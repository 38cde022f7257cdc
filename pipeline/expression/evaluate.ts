import { type ArithmeticOperator, calculate, negate } from "./arithmetic.ts";
import { holds } from "./comparison.ts";
import { ExpressionError } from "./fault.ts";
import { conditional, functionNamed } from "./functions.ts";
import { mismatch } from "./numeric.ts";
import type { Expression } from "./syntax.ts";
import { bounded } from "./text.ts";
import { describe, empty, typeOf, type Value } from "./value.ts";

/**
 * The value of an expression with these inputs, `$1` being the first. It takes a time that the text of the
 * expression and the size of the inputs bound, and reaches nothing else.
 *
 * Errors: ExpressionError, for types that do not fit, ints beyond 64 bits or divided by zero, strings longer than
 *         `resultCharsMax`; its `isMissing` tells that an input was not there.
 */
export function evaluate(expression: Expression, inputs: readonly Value[]): Value {
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "input":
      return input(expression.index, inputs);
    case "tuple":
      return expression.elements.length === 0
        ? empty
        : expression.elements.map((element) => evaluate(element, inputs));
    case "unary":
      return unary(expression, inputs);
    case "binary":
      return binary(expression, inputs);
    case "call":
      return call(expression, inputs);
  }
}

function input(index: number, inputs: readonly Value[]): Value {
  const value = inputs[index] ?? empty;
  if (typeOf(value) !== "json") return value;
  throw new ExpressionError(
    `Cannot calculate with $${index + 1}: met ${describe(value)}, wanted a primitive value or an array of them`,
  );
}

function unary({ operator, operand }: Expression & { kind: "unary" }, inputs: readonly Value[]): Value {
  const value = evaluate(operand, inputs);
  return operator === "-" ? negate(value) : !boolean("!", value);
}

/** What stands behind `&&` and `||` is looked at only when it decides. */
function binary({ operator, left, right }: Expression & { kind: "binary" }, inputs: readonly Value[]): Value {
  const first = evaluate(left, inputs);
  switch (operator) {
    case "&&":
      return boolean(operator, first) && boolean(operator, evaluate(right, inputs));
    case "||":
      return boolean(operator, first) || boolean(operator, evaluate(right, inputs));
    case "==":
    case "!=":
    case "<":
    case ">":
    case "<=":
    case ">=":
      return holds(operator, first, evaluate(right, inputs));
    default:
      return arithmetic(operator, first, evaluate(right, inputs));
  }
}

function arithmetic(operator: ArithmeticOperator, left: Value, right: Value): Value {
  return short(operator, calculate(operator, left, right));
}

function call({ name, args }: Expression & { kind: "call" }, inputs: readonly Value[]): Value {
  if (name === conditional) return choose(args, inputs);
  const values = args.map((arg) => evaluate(arg, inputs));
  return short(`${name}()`, functionNamed(name).apply(values));
}

function choose([condition, then, otherwise]: readonly Expression[], inputs: readonly Value[]): Value {
  const isTrue = condition !== undefined && boolean("if()", evaluate(condition, inputs));
  const chosen = isTrue ? then : otherwise;
  return chosen === undefined ? empty : evaluate(chosen, inputs);
}

function short(where: string, value: Value): Value {
  return typeof value === "string" ? bounded(where, value) : value;
}

function boolean(where: string, value: Value): boolean {
  return typeof value === "boolean" ? value : mismatch(where, value, "a boolean");
}
