/**
 * Where values stand in a JSON text, for what must be kept as it was written. The text is valid: JSON.parse took it.
 */
import { isSpace, skipSpace, skipString } from "../payload/json-scan.ts";

/** The top value's text, or each element's when it is an array, and in it the text of one member. */
export interface JsonSlice {
  text: string;
  /** The last one of that name counts, as for JSON.parse; undefined when the value has none. */
  member: string | undefined;
}

/** Slice a valid JSON text. */
export function sliceJson(text: string, memberName: string): JsonSlice[] {
  const start = skipSpace(text, 0);
  if (text[start] !== "[") return [sliceValue(text, start, memberName).slice];
  const slices: JsonSlice[] = [];
  let at = skipSpace(text, start + 1);
  while (text[at] !== "]") {
    const { slice, end } = sliceValue(text, at, memberName);
    slices.push(slice);
    at = skipSeparator(text, end);
  }
  return slices;
}

function sliceValue(text: string, start: number, memberName: string): { slice: JsonSlice; end: number } {
  if (text[start] !== "{") {
    const end = skipValue(text, start);
    return { slice: { text: text.slice(start, end), member: undefined }, end };
  }
  let member: string | undefined;
  let at = skipSpace(text, start + 1);
  while (text[at] !== "}") {
    const keyEnd = skipString(text, at);
    const valueStart = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const valueEnd = skipValue(text, valueStart);
    if (isKey(text.slice(at, keyEnd), memberName)) member = text.slice(valueStart, valueEnd);
    at = skipSeparator(text, valueEnd);
  }
  return { slice: { text: text.slice(start, at + 1), member }, end: at + 1 };
}

function isKey(literal: string, name: string): boolean {
  return literal === `"${name}"` || (literal.includes("\\") && JSON.parse(literal) === name);
}

/** To the next element or member, or to the bracket that closes. */
function skipSeparator(text: string, at: number): number {
  const next = skipSpace(text, at);
  return text[next] === "," ? skipSpace(text, next + 1) : next;
}

function skipValue(text: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const char = text[at];
    if (char === '"') {
      at = skipString(text, at);
      continue;
    }
    if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    else if (depth === 0) return skipLiteral(text, at);
    at++;
  } while (depth > 0);
  return at;
}

/** Behind a number, true, false or null. */
function skipLiteral(text: string, start: number): number {
  let at = start;
  while (at < text.length && /[^,\]}\s]/.test(text[at] as string)) at++;
  return at;
}

/** A valid JSON text without the white space between its tokens. */
export function compactJson(text: string): string {
  if (!/[ \n\r\t]/.test(text)) return text;
  let compact = "";
  let kept = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = skipString(text, at) - 1;
    } else if (isSpace(code)) {
      compact += text.slice(kept, at);
      at = skipSpace(text, at) - 1;
      kept = at + 1;
    }
  }
  return compact + text.slice(kept);
}
