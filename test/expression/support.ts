import { evaluate } from "../../pipeline/expression/evaluate.ts";
import { parseExpression } from "../../pipeline/expression/expression.ts";
import { ExpressionError, type Fault } from "../../pipeline/expression/fault.ts";
import type { Path } from "../../pipeline/expression/path.ts";
import { parsePath } from "../../pipeline/expression/path.ts";
import type { Expression } from "../../pipeline/expression/syntax.ts";
import type { Value } from "../../pipeline/expression/value.ts";

/** The expression that a text is, with as many inputs as it may name. */
export function parsed(text: string, inputsMax = 9): Expression {
  const result = parseExpression(text, { inputsMax });
  if ("faults" in result) throw new Error(`${text}: ${JSON.stringify(result.faults)}`);
  return result;
}

export function faultsOf(text: string, inputsMax = 9): readonly Fault[] {
  const result = parseExpression(text, { inputsMax });
  return "faults" in result ? result.faults : [];
}

/** What a text evaluates to with these inputs. */
export function value(text: string, ...inputs: Value[]): Value {
  return evaluate(parsed(text), inputs);
}

/** The error that evaluation ends with. */
export function errorOf(text: string, ...inputs: Value[]): ExpressionError {
  const expression = parsed(text);
  try {
    const result = evaluate(expression, inputs);
    throw new Error(`${text} is ${String(result)}`);
  } catch (error) {
    if (error instanceof ExpressionError) return error;
    throw error;
  }
}

export function path(text: string): Path {
  const result = parsePath(text);
  if ("faults" in result) throw new Error(`${text}: ${JSON.stringify(result.faults)}`);
  return result;
}
