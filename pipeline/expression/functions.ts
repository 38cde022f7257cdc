/**
 * The functions of the expression language.
 *
 * Left out are those that match regular expressions, which may take any time on a text from a device, and those that
 * aggregate, which belong to windows of messages.
 *
 * Source: Azure IoT Operations, "Expressions reference for data flows", Built-in functions.
 */
import { suggestion } from "../suggestion.ts";
import { collectionFunctions } from "./functions-collection.ts";
import { mathFunctions } from "./functions-math.ts";
import { textFunctions } from "./functions-text.ts";
import { unitFunctions } from "./functions-unit.ts";
import type { Value } from "./value.ts";

/** A function, with the number of its arguments. */
export interface NamedFunction {
  argsMin: number;
  /** Infinity: any number. */
  argsMax: number;
  /** Throws ExpressionError. */
  apply(args: readonly Value[]): Value;
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
const absent: ReadonlyMap<string, string> = new Map([
  ...["str::regex_matches", "str::regex_replace"].map(
    (name) =>
      [name, "regular expressions may take any time; wanted ==, str::substring() or contains()"] as const,
  ),
  ...["average", "sum", "count", "first", "last"].map(
    (name) => [name, "it belongs to windows of messages; a receiver aggregates"] as const,
  ),
]);

/** A function that `functionFault` has let pass. */
export function functionNamed(name: string): NamedFunction {
  const found = functions.get(name);
  if (found === undefined) throw new Error(`Cannot find the function ${name}()`);
  return found;
}

/** What is wrong with calling a function of this name with so many arguments; undefined when nothing is. */
export function functionFault(name: string, argsCount: number): string | undefined {
  const known = name === conditional ? { argsMin: 3, argsMax: 3 } : functions.get(name);
  if (known === undefined) return unknownFunction(name);
  const { argsMin, argsMax } = known;
  if (argsCount >= argsMin && argsCount <= argsMax) return undefined;
  const range =
    argsMax === argsMin
      ? `${argsMin}`
      : argsMax === Infinity
        ? `at least ${argsMin}`
        : `${argsMin} to ${argsMax}`;
  return `Cannot call ${name}(): met ${argsCount} arguments, wanted ${range}`;
}

function unknownFunction(name: string): string {
  const reason = absent.get(name);
  if (reason !== undefined) return `Cannot call ${name}(): ${reason}`;
  const meant = suggestion(name, functionNames) ?? functionNames.find((known) => known.endsWith(`::${name}`));
  const hint = meant === undefined ? "" : `; did you mean ${meant}()`;
  return `Cannot call ${name}(): there is no such function${hint}`;
}
