/**
 * JSON.parse with every name as it is written. V8 takes a name that is written with an escape for another one, where
 * an object before had at the same place a name that is what the text of this one begins with: once `{"a\\":1}` was
 * parsed, `{"a\"":1}` has a member `a\`. So names with escapes are parsed under others.
 *
 * Source: nodejs/node, issue 63785 (Node 24 and 26); Deno 2 has it too.
 */
import { skipSpace, skipString } from "./json-scan.ts";

// The reviver's third argument is not in TypeScript's library yet. Source: ECMA-262, "JSON.parse source text access".
type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;
const parse = JSON.parse as (text: string, reviver?: Reviver) => unknown;

/** The last escape of a name, and all up to the colon behind it; there are strings that look alike. */
const maybeEscapedName = /\\.[^"\\]*"\s*:/;
/** What no sender can guess. */
const standInPrefix = crypto.randomUUID();

/**
 * Shape:  as JSON.parse has it; `reviver` may meet other names.
 * Errors: SyntaxError when the text is not JSON.
 */
export function parseText(text: string, reviver?: Reviver): unknown {
  const value = parse(text, reviver);
  if (!text.includes("\\") || !maybeEscapedName.test(text)) return value;
  const names = new Map<string, string>();
  const plain = replaceEscapedNames(text, (literal) => {
    const standIn = `${standInPrefix} ${names.size}`;
    names.set(standIn, JSON.parse(literal));
    return `"${standIn}"`;
  });
  return rename(parse(plain, reviver), names);
}

/** In valid JSON; `replace` is given the literal with its quotes. */
function replaceEscapedNames(text: string, replace: (literal: string) => string): string {
  let replaced = "";
  let from = 0;
  for (let quote = text.indexOf('"'); quote >= 0; ) {
    const end = skipString(text, quote);
    const literal = text.slice(quote, end);
    if (literal.includes("\\") && text[skipSpace(text, end)] === ":") {
      replaced += text.slice(from, quote) + replace(literal);
      from = end;
    }
    quote = text.indexOf('"', end);
  }
  return replaced + text.slice(from);
}

/** In place. Of members with one name the last counts, at the place of the first, as in JSON.parse. */
function rename(root: unknown, names: ReadonlyMap<string, string>): unknown {
  const waiting = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== "object" || value === null) continue;
    const members = Object.entries(value);
    for (const [, member] of members) waiting.push(member);
    if (!members.some(([name]) => names.has(name))) continue;
    for (const [name] of members) Reflect.deleteProperty(value, name);
    for (const [name, member] of members) {
      const descriptor = { value: member, writable: true, enumerable: true, configurable: true };
      Object.defineProperty(value, names.get(name) ?? name, descriptor);
    }
  }
  return root;
}
