/**
 * The functions of the expression language.
 *
 * Left out are those that aggregate, which belong to windows of messages.
 *
 * Source: Azure IoT Operations, "Expressions reference for data flows", Built-in functions.
 */

import type { Work } from "../payload/work.ts";
import { suggestion } from "../suggestion.ts";
import { collectionFunctions } from "./functions-collection.ts";
import { mathFunctions } from "./functions-math.ts";
import { textFunctions } from "./functions-text.ts";
import { unitFunctions } from "./functions-unit.ts";
import { patternFault } from "./pattern.ts";
import type { Expression } from "./syntax.ts";
import { describe, type Value } from "./value.ts";

/** A function, with the number of its arguments. */
export interface NamedFunction {
  argsMin: number;
  /** Infinity: any number. */
  argsMax: number;
  /** Which argument is a regular expression: a literal, read together with the expression. */
  patternIndex?: number;
  /** Throws ExpressionError. */
  apply(args: readonly Value[], work: Work): Value;
}

/** `if` is evaluated apart, for it looks only at the argument that it chooses. */
export const conditional = "if";

const functions: ReadonlyMap<string, NamedFunction> = new Map([
  ...Object.entries(unitFunctions),
  ...Object.entries(mathFunctions),
  ...Object.entries(textFunctions),
  ...Object.entries(collectionFunctions),
]);

/** Names of all functions. */
export const functionNames: readonly string[] = [conditional, ...functions.keys()];

/** Functions of Azure IoT Operations that are none here, with the reason. */
const absent: ReadonlyMap<string, string> = new Map(
  ["average", "sum", "count", "first", "last"].map((name) => [
    name,
    "it belongs to windows of messages; a receiver aggregates",
  ]),
);

/** A function that `functionFault` has let pass. */
export function functionNamed(name: string): NamedFunction {
  const found = functions.get(name);
  if (found === undefined) throw new Error(`Cannot find the function ${name}()`);
  return found;
}

/** What is wrong with calling a function of this name with these arguments; undefined when nothing is. */
export function functionFault(name: string, args: readonly Expression[]): string | undefined {
  const known: Omit<NamedFunction, "apply"> | undefined =
    name === conditional ? { argsMin: 3, argsMax: 3 } : functions.get(name);
  if (known === undefined) return unknownFunction(name);
  const { argsMin, argsMax, patternIndex } = known;
  const argsCount = args.length;
  if (argsCount >= argsMin && argsCount <= argsMax) {
    const fault = patternIndex === undefined ? undefined : literalPatternFault(args[patternIndex]);
    return fault && `Cannot call ${name}(): ${fault}`;
  }
  const range =
    argsMax === argsMin
      ? `${argsMin}`
      : argsMax === Infinity
        ? `at least ${argsMin}`
        : `${argsMin} to ${argsMax}`;
  return `Cannot call ${name}(): met ${argsCount} ${argsCount === 1 ? "argument" : "arguments"}, wanted ${range}`;
}

/** A pattern that comes with a message would be one that a device has chosen. */
function literalPatternFault(pattern: Expression | undefined): string | undefined {
  if (pattern?.kind !== "literal") return "met a pattern that is calculated, wanted one in quotation marks";
  if (typeof pattern.value === "string") return patternFault(pattern.value);
  return `met the pattern ${describe(pattern.value)}, wanted one in quotation marks`;
}

function unknownFunction(name: string): string {
  const reason = absent.get(name);
  if (reason !== undefined) return `Cannot call ${name}(): ${reason}`;
  const meant = suggestion(name, functionNames) ?? functionNames.find((known) => known.endsWith(`::${name}`));
  const hint = meant === undefined ? "" : `; did you mean ${meant}()`;
  return `Cannot call ${name}(): there is no such function${hint}`;
}
