/**
 * JSON in which `72.0` is told from `72`: divided by 10, one is 7.2 and the other 7. JSON.parse makes one number of
 * both. As in payload/json.ts a reviver would tell, at six times the time, hence three ways, cheapest first:
 *
 * 1. No number is written with zeros behind a point or with an exponent: there is nothing to tell.
 * 2. The text is searched for numbers. When none is written both ways, each number in the value is told by what it is.
 * 3. Otherwise the reviver.
 */
import { exactInteger, isNestedBeyond, nestingMax, parseJson } from "../payload/json.ts";
import { parseText } from "../payload/json-parse.ts";

// Not in TypeScript's library yet. Source: ECMA-262, "JSON.rawJSON".
const { rawJSON } = JSON as unknown as { rawJSON(literal: string): unknown };

/** An integer that was written as a number of floating point, such as `72.0` or `7.2e1`. It has no members. */
export class WrittenFloat {
  readonly #value: number;
  readonly #integer: number | bigint;

  constructor(value: number, integer: number | bigint = value) {
    this.#value = value;
    this.#integer = integer;
  }

  get value(): number {
    return this.#value;
  }

  /** What `parseJson` has in its place: bigint when it is beyond ±(2^53−1). */
  get integer(): number | bigint {
    return this.#integer;
  }

  toJSON(): number {
    return this.#value;
  }
}

/** In a string it is met too, which costs time but changes nothing. */
const maybeWrittenFloat = /\d(?:\.0+(?!\d)|[eE][-+]?\d)/;
/** Every number of a JSON text, and some in strings. Source: RFC 8259, 2 and 6. */
const numbers = /(?:^|[\s:,[])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?=[\s,\]}]|$)/g;

/**
 * Parse JSON with exact integers, and with those marked that were written as floats.
 *
 * Shape:  as `parseJson` has it, but an integer that was written with a point or an exponent is a WrittenFloat.
 * Errors: SyntaxError when the text is not JSON, RangeError when it is nested too deeply to be told.
 */
export function parseTypedJson(text: string): unknown {
  const value = parseJson(text);
  if (!maybeWrittenFloat.test(text)) return value;
  const floats = writtenFloats(text);
  if (floats !== undefined) return mark(value, floats);
  if (isNestedBeyond(value, nestingMax)) {
    throw new RangeError(`Cannot parse JSON exactly: it is nested deeper than ${nestingMax} levels`);
  }
  return parseText(text, (_key, member, { source }) =>
    typeof member === "number" && source !== undefined ? typed(member, source) : member,
  );
}

/** The integers that are written as floats and never as integers; undefined when numbers alone do not tell. */
function writtenFloats(text: string): ReadonlySet<number> | undefined {
  const floats = new Set<number>();
  const ints = new Set<number>();
  for (const [, literal = ""] of text.matchAll(numbers)) {
    const number = Number(literal);
    if (!Number.isInteger(number)) continue;
    const [same, other] = isIntLiteral(literal) ? [ints, floats] : [floats, ints];
    if (other.has(number) || (same === floats && !Number.isSafeInteger(number))) return undefined;
    same.add(number);
  }
  return floats;
}

/** Put a WrittenFloat in the place of each of these numbers. */
function mark(root: unknown, floats: ReadonlySet<number>): unknown {
  const top = { root };
  const waiting: object[] = [top];
  for (let container = waiting.pop(); container !== undefined; container = waiting.pop()) {
    const members = container as Record<string, unknown>;
    for (const key of Object.keys(members)) {
      const member = members[key];
      if (typeof member === "object" && member !== null) waiting.push(member);
      else if (typeof member === "number" && floats.has(member)) members[key] = new WrittenFloat(member);
    }
  }
  return top.root;
}

function typed(number: number, literal: string): unknown {
  if (!Number.isInteger(number)) return number;
  const integer = Number.isSafeInteger(number) ? number : exactInteger(literal);
  if (integer === undefined) return number;
  return isIntLiteral(literal) ? integer : new WrittenFloat(number, integer);
}

function isIntLiteral(literal: string): boolean {
  return !/[.eE]/.test(literal);
}

/** The JSON text of what `parseTypedJson` gave, from which it gives the same again. */
export function printTypedJson(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key: string, member: unknown) {
    // A WrittenFloat has become a plain number in `member`.
    const literal = numberLiteral(this[key]);
    return literal === undefined ? member : rawJSON(literal);
  });
}

/** Undefined: the value is none that JSON.stringify would write otherwise than it was read. */
function numberLiteral(value: unknown): string | undefined {
  if (typeof value === "bigint") return String(value);
  if (value instanceof WrittenFloat) return Object.is(value.value, -0) ? "-0.0" : `${value.integer}.0`;
  if (typeof value !== "number") return undefined;
  if (Object.is(value, -0)) return "-0";
  // Greater than any number of floating point.
  if (!Number.isFinite(value)) return value > 0 ? "1e999" : "-1e999";
  // As an integer it would be exact when it is read again. Half of one is too little to make another number of it.
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? `${BigInt(value)}.5` : undefined;
}
