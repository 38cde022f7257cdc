import type { Fault } from "./fault.ts";
import { numberPattern, stringPattern } from "./literal.ts";

export type TokenKind = "number" | "string" | "name" | "input" | "symbol" | "end";

export interface Token {
  kind: TokenKind;
  text: string;
  /** From 1. */
  column: number;
}

const spaces = /\s+/y;
/** In the order in which they are tried. */
const patterns: readonly (readonly [TokenKind, RegExp])[] = [
  ["number", numberPattern],
  ["string", stringPattern],
  ["input", /\$[\w.]*/y],
  ["name", /[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*/y],
  ["symbol", /\|\||&&|[=!<>]=|[!^*/%+\-<>(),]/y],
];

/** What is often written in the place of an operator that there is. */
const others: ReadonlyMap<string, string> = new Map([
  ["=", "=="],
  ["&", "&&"],
  ["|", "||"],
]);

/** The tokens of an expression, up to the first character that begins none, and an end. */
export function tokenize(text: string): { tokens: Token[]; fault?: Fault } {
  const tokens: Token[] = [];
  for (let at = 0; ; ) {
    spaces.lastIndex = at;
    if (spaces.test(text)) at = spaces.lastIndex;
    const column = at + 1;
    const token = tokenAt(text, at) ?? { kind: "end", text: "", column };
    tokens.push(token);
    if (token.kind === "end") {
      return at === text.length ? { tokens } : { tokens, fault: { column, message: strange(text, at) } };
    }
    at += token.text.length;
  }
}

function tokenAt(text: string, at: number): Token | undefined {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const [match] = pattern.exec(text) ?? [];
    if (match !== undefined) return { kind, text: match, column: at + 1 };
  }
  return undefined;
}

function strange(text: string, at: number): string {
  const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
  if (character === '"' || character === "'") {
    return `Cannot read the expression: a quotation mark ${character} is not closed`;
  }
  const wanted = others.get(character) ?? "an operator, a literal, an input such as $1, or a function";
  return `Cannot read the expression: met ${character}, wanted ${wanted}`;
}
