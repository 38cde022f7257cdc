import { skipSpace, skipString } from "./json-scan.ts";

/** How many members of a JSON text are lost in its value, because their object has a later one of the same name. */
export function countRepeatedMembers(text: string, value: unknown): number {
  const members = countMembers(value);
  // Behind every key stands a colon: there are no more keys than that, and no fewer than members.
  return countColons(text) === members ? 0 : countKeys(text) - members;
}

function countColons(text: string): number {
  let colons = 0;
  for (let at = text.indexOf(":"); at >= 0; at = text.indexOf(":", at + 1)) colons++;
  return colons;
}

/** Strings that a colon follows. */
function countKeys(text: string): number {
  let keys = 0;
  for (let quote = text.indexOf('"'); quote >= 0; ) {
    const end = skipString(text, quote);
    if (text[skipSpace(text, end)] === ":") keys++;
    quote = text.indexOf('"', end);
  }
  return keys;
}

/** Empty between two payloads, and used again: growing one anew takes more than the count of a small payload. */
const waiting: unknown[] = [];

/** Without recursion, since a payload may be nested as deeply as it is long. */
function countMembers(root: unknown): number {
  let members = 0;
  waiting.push(root);
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== "object" || value === null) continue;
    if (Array.isArray(value)) {
      for (const element of value) if (typeof element === "object") waiting.push(element);
      continue;
    }
    // A list of the values would be as long as all the rest.
    for (const name in value) {
      members++;
      const member = (value as Record<string, unknown>)[name];
      if (typeof member === "object") waiting.push(member);
    }
  }
  return members;
}
