/**
 * Where values stand in a JSON text, for what must be kept as it was written. The text is valid: JSON.parse took it.
 */
import { isSpace, skipSpace, skipString } from "../payload/json-scan.ts";
import type { JsonPointer } from "./json-pointer.ts";

/** The top value's text, or each element's when it is an array, and in it the text at a pointer. */
export interface JsonSlice {
  text: string;
  /** Of members of one name the last one counts, as for JSON.parse; undefined when the pointer leads nowhere. */
  member: string | undefined;
}

/** Slice a valid JSON text. */
export function sliceJson(text: string, pointer: JsonPointer): JsonSlice[] {
  const start = skipSpace(text, 0);
  if (text[start] !== "[") return [sliceValue(text, start, pointer).slice];
  const slices: JsonSlice[] = [];
  let at = skipSpace(text, start + 1);
  while (text[at] !== "]") {
    const { slice, end } = sliceValue(text, at, pointer);
    slices.push(slice);
    at = skipSeparator(text, end);
  }
  return slices;
}

function sliceValue(text: string, start: number, pointer: JsonPointer): { slice: JsonSlice; end: number } {
  const { member, end } = findMember(text, start, pointer, 0);
  return { slice: { text: text.slice(start, end), member }, end };
}

/** What the tokens from number `depth` on lead to, within the value that begins at `start` and ends at `end`. */
function findMember(
  text: string,
  start: number,
  pointer: JsonPointer,
  depth: number,
): { member: string | undefined; end: number } {
  const token = pointer[depth];
  const isArray = text[start] === "[";
  if (token === undefined || !(isArray || text[start] === "{")) {
    const end = skipValue(text, start);
    return { member: token === undefined ? text.slice(start, end) : undefined, end };
  }
  const close = isArray ? "]" : "}";
  let member: string | undefined;
  let at = skipSpace(text, start + 1);
  for (let index = 0; text[at] !== close; index++) {
    const keyEnd = isArray ? at : skipString(text, at);
    const isNext = isArray ? String(index) === token : isKey(text.slice(at, keyEnd), token);
    const valueStart = isArray ? at : skipSpace(text, skipSpace(text, keyEnd) + 1);
    const found = isNext ? findMember(text, valueStart, pointer, depth + 1) : undefined;
    if (found) member = found.member;
    at = skipSeparator(text, found?.end ?? skipValue(text, valueStart));
  }
  return { member, end: at + 1 };
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
