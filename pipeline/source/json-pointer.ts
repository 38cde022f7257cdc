/** JSON Pointers: where a value stands in a JSON document. Source: RFC 6901. */

/** Reference Tokens, without their escapes; none: the whole document. */
export type JsonPointer = readonly string[];

/** The tokens of a JSON Pointer; undefined when the text is none. */
export function parseJsonPointer(text: string): JsonPointer | undefined {
  if (!isJsonPointer(text)) return undefined;
  return text
    .split("/")
    .slice(1)
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Whether this is a JSON Pointer: nothing, or tokens with a `/` before each, where `~` comes as `~0` or `~1` alone. */
export function isJsonPointer(text: string): boolean {
  return (text === "" || text.startsWith("/")) && !/~(?![01])/.test(text);
}

/** The value at a pointer; undefined when it leads nowhere. */
export function valueAt(document: unknown, pointer: JsonPointer): unknown {
  let value = document;
  for (const token of pointer) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, token)) return undefined;
    // What an array has besides its elements, such as its length, is no part of the document.
    if (Array.isArray(value) && !/^\d+$/.test(token)) return undefined;
    value = (value as Record<string, unknown>)[token];
  }
  return value;
}
