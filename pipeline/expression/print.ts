import { printLiteral } from "./literal.ts";
import { binaryPrecedence, type Expression, unaryPrecedence } from "./syntax.ts";

/** Binds more strongly than any operator. */
const atomPrecedence = 10;

/** The text of an expression in its one canonical form, which parses to the same expression. */
export function print(expression: Expression): string {
  switch (expression.kind) {
    case "literal":
      return printLiteral(expression.value);
    case "input":
      return `$${expression.index + 1}`;
    case "tuple":
      return `(${expression.elements.map(print).join(", ")})`;
    case "call":
      return `${expression.name}(${expression.args.map(print).join(", ")})`;
    case "unary":
      return printUnary(expression);
    case "binary":
      return printBinary(expression);
  }
}

/** A sign in front of a number would become part of it. */
function printUnary({ operator, operand }: Expression & { kind: "unary" }): string {
  const isNumber = operand.kind === "literal" && typeof operand.value !== "boolean" && operator === "-";
  const inner = isNumber ? `(${print(operand)})` : within(operand, unaryPrecedence[operator]);
  return operator + inner;
}

/** Equal operators go from left to right; those of powers stand in parentheses on both sides. */
function printBinary({ operator, left, right }: Expression & { kind: "binary" }): string {
  const precedence = binaryPrecedence[operator];
  const leftMin = operator === "^" ? precedence + 1 : precedence;
  return `${within(left, leftMin)} ${operator} ${within(right, precedence + 1)}`;
}

function within(expression: Expression, precedenceMin: number): string {
  const text = print(expression);
  return precedence(expression) < precedenceMin ? `(${text})` : text;
}

function precedence(expression: Expression): number {
  if (expression.kind === "binary") return binaryPrecedence[expression.operator];
  if (expression.kind === "unary") return unaryPrecedence[expression.operator];
  return isNegative(expression) ? unaryPrecedence["-"] : atomPrecedence;
}

function isNegative(expression: Expression): boolean {
  if (expression.kind !== "literal") return false;
  const { value } = expression;
  return typeof value === "bigint"
    ? value < 0n
    : typeof value === "number" && (value < 0 || Object.is(value, -0));
}
