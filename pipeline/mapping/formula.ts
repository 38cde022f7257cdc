import { evaluate } from "../expression/evaluate.ts";
import { ExpressionError } from "../expression/fault.ts";
import { describe, toJson, type Value } from "../expression/value.ts";
import { Refused, refuse } from "../payload/refused.ts";
import { compileExpression, compilePath } from "./compile.ts";
import { inputIn } from "./number.ts";
import type { PathStart } from "./rule-path.ts";
import type { FormulaRule } from "./rules.ts";
import { Missing, type Scope } from "./scope.ts";

/** A value of the payload, or of an expression over it. */
export interface ReadValue {
  /** As parsed JSON has it. Errors: Refused. */
  read(scope: Scope): unknown;
  /** Where it stands in the payload, for refusals. */
  place(scope: Scope): string;
}

/** The value of an item. */
export function compileValue(rule: { path: string } | FormulaRule): ReadValue {
  if ("path" in rule) return compilePath(rule.path, "here");
  const { evaluated, place } = compileFormula(rule, "here");
  return {
    read(scope) {
      const value = evaluated(scope);
      return value instanceof Missing ? value : toJson(value);
    },
    place,
  };
}

/** Whether something is so. Errors: Refused when the expression gives neither true nor false. */
export function compileCondition(rule: FormulaRule, start: PathStart): (scope: Scope) => boolean | Missing {
  const { evaluated, place } = compileFormula(rule, start);
  return (scope) => {
    const value = evaluated(scope);
    if (typeof value === "boolean" || value instanceof Missing) return value;
    return refuse(rule.expression, { path: place(scope), met: describe(value), wanted: "true or false" });
  };
}

interface Formula {
  /** Missing: an input that the expression cannot do without, or the result, is `()`. Errors: Refused. */
  evaluated(scope: Scope): Exclude<Value, null> | Missing;
  place(scope: Scope): string;
}

function compileFormula({ inputs, expression: text }: FormulaRule, start: PathStart): Formula {
  const paths = inputs.map((input) => compilePath(input, start));
  const expression = compileExpression(text, inputs.length);
  const place = (scope: Scope) => paths.map((path) => path.place(scope)).join(", ");
  return {
    evaluated(scope) {
      const values = paths.map((path) => inputIn(path.input(scope), scope.reading));
      try {
        const value = evaluate(expression, values, scope.reading.work);
        scope.reading.watch?.value(text, () => toJson(value));
        return value ?? new Missing(place(scope));
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        if (!error.isMissing) throw new Refused({ path: place(scope), message: error.message });
        const missing = paths[values.indexOf(null)];
        return new Missing(missing?.place(scope) ?? place(scope));
      }
    },
    place,
  };
}
