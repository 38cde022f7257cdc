/**
 * Paths of inputs.
 *
 * ```
 * Temperature.Value                          members of the payload; spaces are part of a name
 * "Tag.10".Value                             a name in quotation marks may hold full stops
 * Readings.0.Value                           an element of an array, from 0
 * *.Value                                    one asterisk, for one segment or several
 * $metadata.topic                            Topic Name
 * $metadata.user_property.site               User Property, the last one of that name
 * $metadata.header.site                      the same, in the words of Kafka
 * $metadata.system_property.content_type     Content Type
 * Temperature.Value ?? 0                     0 when it is missing or null
 * Temperature.Value ? $last                  what was there in an earlier message when it is missing or null
 * Temperature.Value ? $last ?? 0             the same, and 0 when there was none
 * ```
 *
 * Source: Azure IoT Operations, "Expressions reference for data flows", Dot notation and escaping, Wildcards, Last
 * known value.
 */
import type { Fault, Faults } from "./fault.ts";
import { readDefault } from "./literal.ts";
import type { Value } from "./value.ts";

export interface Path {
  /** As it was written. */
  text: string;
  origin: "payload" | "topic" | "userProperty" | "contentType";
  /** Names before the asterisk; all of them when there is none. Of a User Property: its name. */
  segments: readonly string[];
  /** Names behind the asterisk; undefined when there is none. */
  afterWildcard?: readonly string[] | undefined;
  /** Where the last known value stands in for what is not found: the path without its suffixes. */
  remembered?: string | undefined;
  /** What counts when nothing is found, and nothing stands in. */
  fallback?: Value | undefined;
}

export const pathCharsMax = 1024;

const wildcard = Symbol("*");
type Segment = { name: string | typeof wildcard; isQuoted: boolean; column: number };

const suffixStart = /\?\?|\?\s*\$last\b/iy;
const lastSuffix = /\?\s*\$last\b\s*/iy;
const metadataWanted =
  "$metadata.topic, $metadata.user_property.NAME, $metadata.header.NAME or $metadata.system_property.content_type";

/**
 * Parse the path of an input.
 *
 * Errors: faults, for a text that is no path.
 */
export function parsePath(text: string): Path | Faults {
  if (text.length > pathCharsMax) {
    return fail(
      1,
      `Cannot read the path: it has ${text.length} characters, at most ${pathCharsMax} are allowed`,
    );
  }
  const faults: Fault[] = [];
  const { segments, end } = readSegments(text, faults);
  const path: Path = { ...interpret(segments, faults), text, ...readSuffixes(text, end, faults) };
  if (path.remembered !== undefined && path.afterWildcard !== undefined) {
    const message =
      "Cannot remember the last value of a path with an asterisk: wanted a path that leads to one value";
    faults.push({ column: end + 1, message });
  }
  return faults.length > 0 ? { faults } : path;
}

function fail(column: number, message: string): Faults {
  return { faults: [{ column, message }] };
}

/** The segments, and where the suffix begins. */
function readSegments(text: string, faults: Fault[]): { segments: Segment[]; end: number } {
  const segments: Segment[] = [];
  for (let at = text.length - text.trimStart().length; ; ) {
    const segment = readSegment(text, at);
    const { isQuoted, end } = segment;
    segments.push({ name: segment.name, isQuoted, column: at + 1 });
    if (segment.fault !== undefined) faults.push({ column: at + 1, message: segment.fault });
    if (text[end] !== ".") return { segments, end };
    at = end + 1;
  }
}

type ReadSegment = Omit<Segment, "column"> & { end: number; fault?: string };

function readSegment(text: string, start: number): ReadSegment {
  const first = text[start];
  return first === '"' || first === "'" ? readQuoted(text, start, first) : readPlain(text, start);
}

function readQuoted(text: string, start: number, quote: string): ReadSegment {
  const close = text.indexOf(quote, start + 1);
  if (close < 0) {
    const fault = `Cannot read the path: a quotation mark ${quote} is not closed`;
    return { name: "", isQuoted: true, end: text.length, fault };
  }
  const end = segmentEnd(text, close + 1);
  const segment = { name: text.slice(start + 1, close), isQuoted: true, end };
  const rest = text.slice(close + 1, end).trim();
  if (rest === "") return segment;
  const quoted = text.slice(start, close + 1);
  return { ...segment, fault: `Cannot read the path: met ${rest} behind ${quoted}, wanted a full stop` };
}

function readPlain(text: string, start: number): ReadSegment {
  const end = segmentEnd(text, start);
  const written = text.slice(start, end);
  const name = text[end] === "." ? written : written.trimEnd();
  const segment = { name, isQuoted: false, end };
  if (name === "*") return { ...segment, name: wildcard };
  if (name.trim() === "") return { ...segment, fault: "Cannot read the path: a name is empty" };
  const wanted = wantedInstead(name);
  if (wanted === undefined) return segment;
  return { ...segment, fault: `Cannot read the path: met ${name}, wanted ${wanted}` };
}

/** What was most likely meant by a name that no payload has; undefined: it is a name like any other. */
function wantedInstead(name: string): string | undefined {
  if (name.includes("*")) return "an asterisk as a whole segment, or the name in quotation marks";
  if (name === "$") return "the first name of the path, or $metadata";
  if (/\?\s*\$\w+$/.test(name)) return "? $last, or the name in quotation marks";
  return undefined;
}

/** The next full stop or suffix, or the end of the text. */
function segmentEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    if (text[at] === ".") return at;
    suffixStart.lastIndex = at;
    if (text[at] === "?" && suffixStart.test(text)) return at;
  }
  return text.length;
}

function readSuffixes(text: string, start: number, faults: Fault[]): Pick<Path, "remembered" | "fallback"> {
  lastSuffix.lastIndex = start;
  if (!lastSuffix.test(text)) return readFallback(text, start, faults);
  return { remembered: text.slice(0, start).trim(), ...readFallback(text, lastSuffix.lastIndex, faults) };
}

function readFallback(text: string, at: number, faults: Fault[]): Pick<Path, "fallback"> {
  if (at >= text.length) return {};
  const column = at + 1;
  if (!text.startsWith("??", at)) {
    faults.push({ column, message: `Cannot read the path: met ${text.slice(at)}, wanted ?? and a default` });
    return {};
  }
  const literal = text.slice(at + 2).trim();
  const value = readDefault(literal);
  if (value === undefined) {
    const met = literal === "" ? "nothing" : literal;
    faults.push({
      column,
      message: `Cannot read the default: met ${met}, wanted a number, a string in quotation marks, true, false or null`,
    });
    return {};
  }
  if (typeof value !== "object" || value === null || !("fault" in value)) return { fallback: value };
  faults.push({ column, message: value.fault });
  return {};
}

function interpret(segments: readonly Segment[], faults: Fault[]): Omit<Path, "text"> {
  const first = segments[0];
  if (first !== undefined && !first.isQuoted && typeof first.name === "string") {
    if (first.name === "$metadata") return metadata(segments, faults);
    if (first.name.startsWith("$context(")) {
      faults.push({
        column: first.column,
        message: "Cannot read a dataset: there are none; wanted a path in the payload or $metadata",
      });
    }
  }
  const names = segments.map(({ name }) => name);
  const asterisk = names.indexOf(wildcard);
  if (asterisk < 0) return { origin: "payload", segments: names.filter(isName) };
  const second = segments.slice(asterisk + 1).find(({ name }) => name === wildcard);
  if (second !== undefined) {
    faults.push({
      column: second.column,
      message: "Cannot read the path: met a second asterisk, wanted at most one",
    });
  }
  return {
    origin: "payload",
    segments: names.slice(0, asterisk).filter(isName),
    afterWildcard: names.slice(asterisk + 1).filter(isName),
  };
}

function metadata([, kind, key, extra]: readonly Segment[], faults: Fault[]): Omit<Path, "text"> {
  if (kind?.name === "topic" && key === undefined) return { origin: "topic", segments: [] };
  if (typeof key?.name === "string" && extra === undefined) {
    if (kind?.name === "user_property" || kind?.name === "header") {
      return { origin: "userProperty", segments: [key.name] };
    }
    if (kind?.name === "system_property" && key.name === "content_type") {
      return { origin: "contentType", segments: [] };
    }
  }
  const hint = extra === undefined ? "" : "; a name with full stops stands in quotation marks";
  faults.push({
    column: kind?.column ?? 1,
    message: `Cannot read the metadata: wanted ${metadataWanted}${hint}`,
  });
  return { origin: "payload", segments: [] };
}

function isName(name: string | typeof wildcard): name is string {
  return name !== wildcard;
}
