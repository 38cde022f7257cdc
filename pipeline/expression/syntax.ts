/** What an expression consists of. Parts are plain data, without functions. */
export type Expression =
  | { kind: "literal"; value: bigint | number | string | boolean }
  /** `$1` is index 0. */
  | { kind: "input"; index: number }
  /** `()` without elements, otherwise two at least. */
  | { kind: "tuple"; elements: readonly Expression[] }
  | { kind: "unary"; operator: UnaryOperator; operand: Expression }
  | { kind: "binary"; operator: BinaryOperator; left: Expression; right: Expression }
  | { kind: "call"; name: string; args: readonly Expression[] };

export type UnaryOperator = "!" | "-";
export type BinaryOperator = keyof typeof binaryPrecedence;

/**
 * How strongly operators bind: the higher first, equal ones from left to right.
 *
 * The minus sign stands below `^`, as in mathematics: -2 ^ 2 is -4. Powers of powers need parentheses, since the
 * documentation does not say which of the two comes first.
 *
 * Source: Azure IoT Operations, "Expressions reference for data flows", Operators; for the sign "Convert data by
 * using data flow conversions", Available operators by precedence.
 */
export const binaryPrecedence = {
  "||": 1,
  "&&": 2,
  "==": 3,
  "!=": 3,
  "<": 4,
  ">": 4,
  "<=": 4,
  ">=": 4,
  "+": 5,
  "-": 5,
  "*": 6,
  "/": 6,
  "%": 6,
  "^": 8,
} as const;

export const unaryPrecedence: Readonly<Record<UnaryOperator, number>> = { "-": 7, "!": 9 };
