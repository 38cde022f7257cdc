import type { Fault, Faults } from "./fault.ts";
import { functionFault } from "./functions.ts";
import { readNumber, readString } from "./literal.ts";
import { type BinaryOperator, binaryPrecedence, type Expression, unaryPrecedence } from "./syntax.ts";
import { type Token, tokenize } from "./tokens.ts";

export const expressionCharsMax = 4096;
/** Parentheses, calls and signs within each other. */
export const nestingMax = 100;

/**
 * Parse an expression of the language of Azure IoT Operations.
 *
 * Shape:  `inputsMax` inputs can be named, `$1` and up.
 * Errors: faults: every unknown input or function, wrong number of arguments and literal that does not fit, up to
 *         the first place where the text cannot be understood.
 */
export function parseExpression(text: string, { inputsMax }: { inputsMax: number }): Expression | Faults {
  if (text.length > expressionCharsMax) {
    const message = `Cannot read the expression: it has ${text.length} characters, at most ${expressionCharsMax} are allowed`;
    return { faults: [{ column: 1, message }] };
  }
  const { tokens, fault } = tokenize(text);
  const parser = new Parser(tokens, inputsMax);
  try {
    const expression = parser.parse();
    if (fault !== undefined) parser.faults.push(fault);
    return parser.faults.length === 0 ? expression : inOrder(parser.faults);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    // That a character is strange says more than that the text seems to end in front of it.
    const last = error.fault.column === fault?.column ? fault : error.fault;
    return inOrder([...parser.faults, last]);
  }
}

function inOrder(faults: readonly Fault[]): Faults {
  return { faults: faults.toSorted((a, b) => a.column - b.column) };
}

/** There are no word operators; what is meant by them. */
const wordOperators: ReadonlyMap<string, string> = new Map([
  ["and", "&&"],
  ["or", "||"],
  ["not", "!"],
]);

/** Ends parsing: what follows cannot be understood. */
class SyntaxFault extends Error {
  readonly fault: Fault;

  constructor({ column }: Token, message: string) {
    super(message);
    this.fault = { column, message };
  }
}

/** Precedence climbing: each call reads what binds at least as strongly as it is told. */
class Parser {
  readonly faults: Fault[] = [];
  readonly #tokens: readonly Token[];
  readonly #inputsMax: number;
  #at = 0;
  #nesting = 0;

  constructor(tokens: readonly Token[], inputsMax: number) {
    this.#tokens = tokens;
    this.#inputsMax = inputsMax;
  }

  parse(): Expression {
    const expression = this.#expression(0);
    if (this.#token.kind !== "end") this.#expected("an operator");
    return expression;
  }

  get #token(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #next(): Token {
    const token = this.#token;
    this.#at++;
    return token;
  }

  #is(symbol: string): boolean {
    return this.#token.kind === "symbol" && this.#token.text === symbol;
  }

  #take(symbol: string): boolean {
    if (!this.#is(symbol)) return false;
    this.#at++;
    return true;
  }

  #expected(wanted: string): never {
    const token = this.#token;
    const met = token.kind === "end" ? "the end" : token.text;
    const meant = wordOperators.get(token.text) ?? wanted;
    throw new SyntaxFault(token, `Cannot read the expression: met ${met}, wanted ${meant}`);
  }

  #fault({ column }: Token, message: string): void {
    this.faults.push({ column, message });
  }

  #expression(precedenceMin: number): Expression {
    if (++this.#nesting > nestingMax) {
      throw new SyntaxFault(
        this.#token,
        `Cannot read the expression: it is nested deeper than ${nestingMax} levels`,
      );
    }
    let left = this.#operand();
    for (let operator = this.#operator(); operator !== undefined; operator = this.#operator()) {
      const precedence = binaryPrecedence[operator];
      if (precedence < precedenceMin) break;
      this.#next();
      left = { kind: "binary", operator, left, right: this.#expression(precedence + 1) };
      if (operator === "^" && this.#is("^")) this.#expected("parentheses, as in (a ^ b) ^ c or a ^ (b ^ c)");
    }
    this.#nesting--;
    return left;
  }

  #operator(): BinaryOperator | undefined {
    const { kind, text } = this.#token;
    return kind === "symbol" && Object.hasOwn(binaryPrecedence, text) ? (text as BinaryOperator) : undefined;
  }

  #operand(): Expression {
    const token = this.#token;
    switch (token.kind) {
      case "number":
        return this.#number("");
      case "string":
        return this.#string();
      case "input":
        return this.#input();
      case "name":
        return this.#name();
      default:
        if (this.#take("(")) return this.#parentheses();
        if (this.#take("!")) return this.#unary("!");
        if (this.#take("-")) return this.#isNegativeNumber() ? this.#number("-") : this.#unary("-");
        return this.#expected("a literal, an input such as $1, a function or parentheses");
    }
  }

  #unary(operator: "!" | "-"): Expression {
    return { kind: "unary", operator, operand: this.#expression(unaryPrecedence[operator]) };
  }

  /** A sign belongs to the number behind it, unless that is raised to a power first: the least int has no other form. */
  #isNegativeNumber(): boolean {
    const following = this.#tokens[this.#at + 1];
    return this.#token.kind === "number" && !(following?.kind === "symbol" && following.text === "^");
  }

  #number(sign: "-" | ""): Expression {
    const token = this.#next();
    return this.#literal(token, readNumber(sign + token.text));
  }

  #string(): Expression {
    const token = this.#next();
    return this.#literal(token, readString(token.text));
  }

  #literal(token: Token, value: bigint | number | string | { fault: string }): Expression {
    if (typeof value !== "object") return { kind: "literal", value };
    this.#fault(token, value.fault);
    // A text is a pattern too, of which there would be more to say if it were a number.
    return { kind: "literal", value: "" };
  }

  #input(): Expression {
    const token = this.#next();
    const inputsMax = this.#inputsMax;
    const [, digits] = /^\$(\d{1,9})$/.exec(token.text) ?? [];
    const index = Number(digits) - 1;
    if (!(index >= 0 && index < inputsMax)) {
      const wanted =
        inputsMax === 0 ? "no input: there are none" : inputsMax === 1 ? "$1" : `$1 to $${inputsMax}`;
      const hint = digits === undefined ? "; paths and metadata stand in the inputs" : "";
      this.#fault(token, `Cannot find the input ${token.text}: wanted ${wanted}${hint}`);
    }
    return { kind: "input", index };
  }

  #name(): Expression {
    const token = this.#next();
    const name = token.text;
    if (this.#take("(")) return this.#call(token);
    if (name === "true" || name === "false") return { kind: "literal", value: name === "true" };
    this.#at--;
    return this.#expected("an input such as $1, or parentheses behind the name of a function");
  }

  #call(token: Token): Expression {
    const args = this.#list();
    const fault = functionFault(token.text, args);
    if (fault !== undefined) this.#fault(token, fault);
    return { kind: "call", name: token.text, args };
  }

  /** `()` is empty, `(a)` groups, `(a, b)` is a tuple. */
  #parentheses(): Expression {
    const elements = this.#list();
    return elements.length === 1 ? (elements[0] as Expression) : { kind: "tuple", elements };
  }

  /** Up to the closing parenthesis, behind the opening one. */
  #list(): Expression[] {
    const elements: Expression[] = [];
    if (this.#take(")")) return elements;
    do elements.push(this.#expression(0));
    while (this.#take(","));
    if (!this.#take(")")) this.#expected("an operator, a comma or a closing parenthesis");
    return elements;
  }
}
