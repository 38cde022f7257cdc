import { evaluate } from "../expression/evaluate.ts";
import { parseExpression } from "../expression/expression.ts";
import { ExpressionError } from "../expression/fault.ts";
import { WrittenFloat } from "../expression/json.ts";
import { type Path, parsePath } from "../expression/path.ts";
import { valueAt } from "../expression/resolve.ts";
import { describe, toJson, type Value } from "../expression/value.ts";
import { unfaulty } from "../mapping/compile.ts";
import { inputIn } from "../mapping/number.ts";
import { byRule } from "../mapping/refusal.ts";
import type { FormulaRule } from "../mapping/rules.ts";
import { Refused, refuse } from "../payload/refused.ts";
import { standInAt } from "./remembered.ts";
import type { Journey, Traveller } from "./transform.ts";

export function compilePath(text: string): Path {
  return unfaulty(parsePath(text), text);
}

interface Surroundings {
  /** The node, in words. */
  place: string;
  /** Whether every path must lead to something, or have something that stands in. */
  isComplete?: boolean;
}

/** An expression over what stands at paths, as many as it was made for. Errors: Refused. */
export type Formula = (paths: readonly Path[], traveller: Traveller, journey: Journey) => Value;

export function compileFormula(
  { inputs, expression: text }: FormulaRule,
  { place, isComplete = false }: Surroundings,
): Formula {
  const expression = unfaulty(parseExpression(text, { inputsMax: inputs.length }), text);
  return (paths, traveller, journey) => {
    const { reading } = journey;
    const values = paths.map((path) => {
      const value = inputIn(valueAt(path, traveller, standInAt(path, place, journey)), reading);
      reading.watch?.value(path.text, () => toJson(value));
      if (value === null && isComplete && path.fallback === undefined) {
        refuse(path.text, { path: path.text, met: "nothing", wanted: "a value" });
      }
      return value;
    });
    try {
      const result = evaluate(expression, values, reading.work);
      reading.watch?.value(text, () => toJson(result));
      return result;
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      throw new Refused({ path: textOf(paths), message: error.message });
    }
  };
}

/** A value as the JSON between two transforms, which tells `72.0` from `72`. */
export function toTypedJson(value: Value): unknown {
  return typeof value === "number" && Number.isSafeInteger(value) ? new WrittenFloat(value) : toJson(value);
}

/**
 * Whether something is so of a message.
 *
 * Errors: Refused when the expression gives neither true nor false, and, where `isComplete`, when a path that has no
 *         default leads nowhere.
 */
export function compileCondition(
  rule: FormulaRule,
  surroundings: Surroundings,
): (traveller: Traveller, journey: Journey) => boolean {
  const paths = rule.inputs.map(compilePath);
  const formula = compileFormula(rule, surroundings);
  return (traveller, journey) => {
    const value = formula(paths, traveller, journey);
    if (typeof value === "boolean") return value;
    return refuse(rule.expression, { path: textOf(paths), met: describe(value), wanted: "true or false" });
  };
}

function textOf(paths: readonly Path[]): string {
  return paths.map((path) => path.text).join(", ");
}

/** What `read` gives; whoever looks on is told of the rule, and a refusal names it. */
export function ruled<Result>(rule: string, { reading }: Journey, read: () => Result): Result {
  reading.watch?.rule(rule);
  return byRule(rule, read);
}
