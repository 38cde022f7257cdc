import * as z from "zod";
import { suggestion } from "../suggestion.ts";
import type { Path } from "./documents.ts";

/** Fields of a section, or values of a choice, that exist elsewhere but not here; the default is not yet. */
export const later = z.registry<{ names: readonly string[]; explain?: (name: string) => string }>();

/** "emqx is not supported yet", for what a reader of other documentation may expect. */
export function notSupportedYet(name: string): string {
  return `${name} is not supported yet`;
}

/** The message of a rule of our own: what was wanted and what was met. */
export function wanted(
  description: string,
): (issue: { readonly input?: unknown; readonly path?: PropertyKey[] | undefined }) => string {
  return (issue) => `Wanted ${description}, met ${show(issue.input, issue.path ?? [])}`;
}

/**
 * What was met and what was wanted, for every kind of fault that a schema finds.
 *
 * Shape: unknown fields come as one issue for all of them; the message has one line for each.
 */
export function messageOf(issue: z.core.$ZodRawIssue): string {
  const met = show(issue.input, issue.path ?? []);
  switch (issue.code) {
    case "invalid_type":
      return `${issue.input === undefined ? "Missing, wanted" : "Wanted"} ${typeNames[issue.expected] ?? issue.expected}${issue.input === undefined ? "" : `, met ${met}`}`;
    case "too_small":
      if (issue.origin === "string") return "Wanted a text that is not empty, met an empty one";
      return `Wanted at least ${issue.minimum}${sizeOf(issue.origin, issue.minimum)}, met ${met}`;
    case "too_big":
      return `Wanted at most ${issue.maximum}${sizeOf(issue.origin, issue.maximum)}, met ${met}`;
    case "invalid_value":
      return choiceMessage(issue.values.map(String), issue.input, met, laterNames(issue.inst));
    case "invalid_union":
      return discriminatorMessage(issue);
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownField(key, issue.inst)).join("\n");
    case "invalid_key":
      return issue.issues[0]?.message ?? "Wanted another key";
    default:
      return `Wanted another value, met ${met}`;
  }
}

const typeNames: Record<string, string> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a map of fields",
  record: "a map of fields",
  array: "a list",
};

function sizeOf(origin: string, limit: number | bigint): string {
  return origin === "array" ? ` ${limit === 1 ? "element" : "elements"}` : "";
}

/** `values` are what is possible; one that is only not supported yet gets its own words. */
export function choiceMessage(
  values: readonly string[],
  input: unknown,
  met: string,
  notYet: readonly string[] = [],
): string {
  if (typeof input === "string" && notYet.includes(input)) return notSupportedYet(input);
  const list = values.length === 1 ? String(values[0]) : `one of ${values.join(", ")}`;
  if (input === undefined) return `Missing, wanted ${list}`;
  const hint = typeof input === "string" ? hintOf(input, [...values, ...notYet]) : "";
  return `Wanted ${list}, met ${met}${hint}`;
}

/** What is wrong with a text, and where in it. */
export function atColumn({ message, column }: { message: string; column: number }): string {
  return `${message} (column ${column})`;
}

/** A reference to a name that is none of those that there are. */
export function unknownName(what: string, met: string, known: readonly string[]): string {
  const list = known.length === 0 ? "and there is none" : `and there is ${known.join(", ")}`;
  return `Wanted ${what}, met "${met}", ${list}${hintOf(met, known)}`;
}

/** Behind a list of the candidates: of a single one it would say the same again. */
function hintOf(met: string, candidates: readonly string[]): string {
  const close = candidates.length > 1 ? suggestion(met, candidates) : undefined;
  return close === undefined ? "" : `; did you mean ${close}?`;
}

function discriminatorMessage(issue: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidUnion>): string {
  const key = issue.discriminator;
  const options = Array.isArray(issue.options) ? issue.options : [];
  const input: unknown = issue.input;
  const value = key !== undefined && isRecord(input) ? input[key] : input;
  return choiceMessage(options.map(String), value, show(value, issue.path ?? []));
}

function unknownField(key: string, section: unknown): string {
  const known = fieldsOf(section);
  const { names = [], explain = notSupportedYet } =
    section instanceof z.ZodType ? (later.get(section) ?? {}) : {};
  if (names.includes(key)) return explain(key);
  const close = suggestion(key, [...known, ...names]);
  if (close !== undefined) return `Unknown field; did you mean ${close}?`;
  return known.length === 0
    ? "Unknown field, wanted none"
    : `Unknown field, wanted one of ${known.join(", ")}`;
}

/** Those of a section, or the keys that a map is limited to. */
function fieldsOf(schema: unknown): string[] {
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape);
  if (!(schema instanceof z.ZodRecord) || !(schema.keyType instanceof z.ZodEnum)) return [];
  return schema.keyType.options.map(String);
}

function laterNames(schema: unknown): readonly string[] {
  return schema instanceof z.ZodType ? (later.get(schema)?.names ?? []) : [];
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const shownCharactersMax = 80;

/** Sections in which a stray text may be a credential. */
const secretive = new Set([
  "administration",
  "authentication",
  "certificates",
  "headers",
  "password",
  "token",
  "username",
]);

/** A value for an error message, without what may be a credential. */
export function show(value: unknown, path: Path): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map of fields";
  if (path.at(-1) !== "method" && path.some((key) => secretive.has(String(key)))) {
    return `a ${typeof value === "string" ? "text" : typeof value} (not shown)`;
  }
  if (typeof value !== "string") return String(value);
  // Whatever stands before an @ may be a user name and a password.
  const shown = JSON.stringify(value.replace(/^(.*?:\/\/)?.*@/s, "$1…@"));
  return shown.length > shownCharactersMax ? `${shown.slice(0, shownCharactersMax)}…` : shown;
}
