/** Bodies that are one JSON object or an array of them, as batching senders post: each element is judged alone. */
import { encodeUtf8 } from "../payload/utf8.ts";
import type { Element, Envelope } from "./adapter.ts";
import { brokenBody, type Issue, issueText, type JsonBody } from "./envelope.ts";
import type { JsonPointer } from "./json-pointer.ts";
import { type JsonSlice, sliceJson } from "./json-text.ts";

/**
 * Largest number of elements in one array: no message with an item is so small that more fit the default limit of
 * a body, and what is in the array instead of messages takes a multiple of its size and time.
 */
const elementsMax = 65_536;

/** What an element without faults says. */
export type Sound = Exclude<Element, { kind: "broken" }>;
export type Faulty = { kind: "faulty"; issues: readonly Issue[] };

/**
 * What one element says. `memberText` is its JSON text at the pointer, as it was written; undefined: the pointer
 * leads nowhere.
 */
export type ReadElement = (value: unknown, memberText: string | undefined) => Sound | Faulty;

export interface ElementsOptions {
  /** Named in errors. */
  adapter: string;
  /** What must be kept as it was written: to parse and print it would change its numbers. */
  pointer: JsonPointer;
  read: ReadElement;
}

/**
 * Read one element, or each of an array.
 *
 * Errors: EnvelopeError for a single element with faults. In an array such an element is broken alone.
 */
export function readElements({ text, value }: JsonBody, options: ElementsOptions): Envelope {
  const { adapter, pointer, read } = options;
  const isArray = Array.isArray(value);
  if (isArray && value.length > elementsMax) {
    throw brokenBody(adapter, `met an array of ${value.length} elements, wanted at most ${elementsMax}`);
  }
  const elements = sliceJson(text, pointer).map((slice, index) => {
    const element = read(isArray ? value[index] : value, slice.member);
    if (element.kind !== "faulty") return element;
    if (!isArray) throw brokenBody(adapter, element.issues);
    return broken(element, slice, index);
  });
  return { elements, isArray };
}

/** One fault as all that there is. */
export function faultAt(path: string, message: string): Faulty {
  return { kind: "faulty", issues: [{ path, message }] };
}

function broken({ issues }: Faulty, { text }: JsonSlice, index: number): Element {
  const reason = issues.map(issueText).join("; ");
  return { kind: "broken", path: `[${index}]`, reason, body: encodeUtf8(text) };
}
