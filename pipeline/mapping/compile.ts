/**
 * The texts of rules as functions. Thousands of mappings repeat each other's texts, so that what one is made into is
 * kept for all of them: half the memory, and less of it to fetch for each message.
 *
 * Errors: Error when a text cannot be read, which the configuration excludes.
 */
import { parseExpression } from "../expression/expression.ts";
import type { Faults } from "../expression/fault.ts";
import type { Expression } from "../expression/syntax.ts";
import { type PathStart, parseRulePath, type RulePath, readerOf } from "./rule-path.ts";
import { type ItemTemplate, parseItemTemplate } from "./template.ts";

export const compilePath = keeping(
  (text: string, start: PathStart): RulePath => readerOf(unfaulty(parseRulePath(text), text), start),
);

export const compileTemplate = keeping((text: string, start: PathStart): ItemTemplate => {
  const template = parseItemTemplate(text, start);
  if ("fault" in template) throw new Error(`Cannot read template ${text}: ${template.fault}`);
  return template;
});

export const compileExpression = keeping(
  (text: string, inputsMax: number): Expression => unfaulty(parseExpression(text, { inputsMax }), text),
);

function keeping<Parameter, Result extends object>(
  compile: (text: string, parameter: Parameter) => Result,
): (text: string, parameter: Parameter) => Result {
  const kept = new Map<string, Result>();
  return (text, parameter) => {
    const key = `${parameter} ${text}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const result = compile(text, parameter);
    kept.set(key, result);
    return result;
  };
}

export function unfaulty<Parsed extends object>(parsed: Parsed | Faults, text: string): Parsed {
  if ("faults" in parsed) {
    throw new Error(`Cannot read ${text}: ${parsed.faults.map(({ message }) => message).join("; ")}`);
  }
  return parsed;
}
