/** One mistake in the text of a path or an expression. */
export interface Fault {
  /** "Cannot read the expression: met …, wanted …" */
  message: string;
  /** Where it begins, in UTF-16 units from 1. */
  column: number;
}

/** What parsing gives in place of its result; at least one fault, in order. */
export interface Faults {
  faults: readonly Fault[];
}

/** An expression cannot be evaluated with these inputs. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
  /** Whether it is for the lack of a value: an operator or a function met `()`. */
  readonly isMissing: boolean;

  constructor(message: string, options: { isMissing?: boolean } = {}) {
    super(message);
    this.isMissing = options.isMissing ?? false;
  }
}
