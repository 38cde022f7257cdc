/**
 * Expressions of Azure Resource Manager templates, as far as the template itself says what they give.
 *
 * ```
 * text  = '[' value ']' | '[[' literal | literal
 * value = ( string | number | function '(' [ value { ',' value } ] ')' ) { '.' member }
 * ```
 */
import type { Path } from "./documents.ts";
import { isRecord, show } from "./messages.ts";

/** The sections of a template that expressions refer to. */
export interface Template {
  parameters: Readonly<Record<string, unknown>>;
  variables: Readonly<Record<string, unknown>>;
}

/** A parameter may refer to parameters; more of that is a circle. */
const depthMax = 16;

class ExpressionFault extends Error {}

/** `value` with every expression in it evaluated. One that cannot be is left as it is, and told to `fail`. */
export function evaluateTemplate(
  value: unknown,
  template: Template,
  fail: (path: Path, message: string) => void,
): unknown {
  const walk = (inner: unknown, path: Path): unknown => {
    if (Array.isArray(inner)) return inner.map((one, index) => walk(one, [...path, index]));
    if (isRecord(inner)) {
      return Object.fromEntries(Object.entries(inner).map(([key, one]) => [key, walk(one, [...path, key])]));
    }
    if (typeof inner !== "string") return inner;
    try {
      return evaluateText(inner, template, 0);
    } catch (error) {
      if (!(error instanceof ExpressionFault)) throw error;
      const met = show(inner, path);
      fail(path, `Wanted the value itself, met the template expression ${met}; ${error.message}`);
      return inner;
    }
  };
  return walk(value, []);
}

function evaluateText(text: string, template: Template, depth: number): unknown {
  if (!text.startsWith("[") || !text.endsWith("]")) return text;
  if (text.startsWith("[[")) return text.slice(1);
  if (depth > depthMax) throw new ExpressionFault("it refers to itself");
  const tokens = tokensOf(text.slice(1, -1));
  const value = readValue(tokens, template, depth);
  if (tokens.length > 0) throw new ExpressionFault("it cannot be read");
  return value;
}

function tokensOf(expression: string): string[] {
  const tokens: string[] = [];
  const token = /\s*('(?:[^']|'')*'|-?\d+|[A-Za-z_]\w*|[(),.])\s*/y;
  while (token.lastIndex < expression.length) {
    const found = token.exec(expression)?.[1];
    if (found === undefined) throw new ExpressionFault("it cannot be read");
    tokens.push(found);
  }
  return tokens;
}

/** Takes the tokens of one value off the front. */
function readValue(tokens: string[], template: Template, depth: number): unknown {
  const first = tokens.shift();
  if (first === undefined) throw new ExpressionFault("it cannot be read");
  let value: unknown;
  if (first.startsWith("'")) value = first.slice(1, -1).replaceAll("''", "'");
  else if (/^-?\d/.test(first)) value = Number(first);
  else value = call(first, readArguments(tokens, template, depth), template, depth);
  while (tokens[0] === ".") {
    const [, member = ""] = tokens.splice(0, 2);
    if (!isRecord(value) || !Object.hasOwn(value, member)) throw new ExpressionFault(`there is no ${member}`);
    value = value[member];
  }
  return value;
}

function readArguments(tokens: string[], template: Template, depth: number): unknown[] {
  if (tokens.shift() !== "(") throw new ExpressionFault("it cannot be read");
  const values: unknown[] = [];
  while (tokens[0] !== ")") {
    if (values.length > 0 && tokens.shift() !== ",") throw new ExpressionFault("it cannot be read");
    values.push(readValue(tokens, template, depth));
  }
  tokens.shift();
  return values;
}

/** Source: Azure Resource Manager, "Template functions". Their names are the same in any case. */
function call(name: string, values: readonly unknown[], template: Template, depth: number): unknown {
  const [first, ...others] = values;
  switch (name.toLowerCase()) {
    case "parameters":
      return parameter(String(first), template, depth);
    case "variables":
      if (!Object.hasOwn(template.variables, String(first)))
        throw new ExpressionFault(`there is no variable ${String(first)}`);
      return evaluateWithin(template.variables[String(first)], template, depth);
    case "format":
      // A brace that is meant is doubled.
      return textOf(first).replace(
        /\{\{|\}\}|\{(\d+)([^{}]*)\}/g,
        (met: string, index?: string, layout?: string) => {
          if (layout) throw new ExpressionFault(`what ${met} gives is known only to Azure`);
          return index === undefined ? met.slice(1) : textOf(others[Number(index)]);
        },
      );
    case "concat":
      return values.map(textOf).join("");
    case "string":
      return typeof first === "object" ? JSON.stringify(first) : textOf(first);
    case "int":
      return Number(first);
    case "tolower":
      return textOf(first).toLowerCase();
    case "true":
      return true;
    case "false":
      return false;
    default:
      throw new ExpressionFault(`${name}() is known only to Azure`);
  }
}

function parameter(name: string, template: Template, depth: number): unknown {
  const declared = Object.hasOwn(template.parameters, name) ? template.parameters[name] : undefined;
  if (!isRecord(declared)) throw new ExpressionFault(`there is no parameter ${name}`);
  if (declared.defaultValue === undefined)
    throw new ExpressionFault(`parameter ${name} has no default value`);
  return evaluateWithin(declared.defaultValue, template, depth);
}

function evaluateWithin(value: unknown, template: Template, depth: number): unknown {
  if (typeof value === "string") return evaluateText(value, template, depth + 1);
  if (Array.isArray(value)) return value.map((one) => evaluateWithin(one, template, depth));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, evaluateWithin(one, template, depth)]),
  );
}

function textOf(value: unknown): string {
  if (typeof value === "object" || value === undefined) throw new ExpressionFault("it wants a text there");
  return String(value);
}
