/**
 * Regular expressions, matched in a time that is bounded whatever a device writes: RE2 tries all ways at once where a
 * backtracking engine tries one after the other.
 *
 * Source: RE2, "Syntax"; for replacements the documentation of Rust's crate regex, "Replacement string syntax".
 */
import { type Matcher, RE2JS, RE2JSException } from "re2js";
import type { Work } from "../payload/work.ts";
import { ExpressionError } from "./fault.ts";
import { bounded, resultCharsMax } from "./text.ts";
import { describe } from "./value.ts";

export const patternCharsMax = 1024;
/** Instructions of the longest program that a pattern may be made into: a character of a text may cost each of them. */
export const patternStepsMax = 1000;
/** A pattern that was read. Errors of both: ExpressionError for a text that is too long, Refused by `work`. */
export interface Pattern {
  /** Whether it is found anywhere in the text. */
  matches(where: string, text: string, work: Work): boolean;
  /** The text with every match replaced; in the replacement `$1`, `$name` and `${name}` are groups, `$$` is `$`. */
  replace(where: string, text: string, replacement: string, work: Work): string;
}

const patterns = new Map<string, Pattern>();

/** A pattern that `patternFault` has let pass. Each is kept, for they all stand in rules. */
export function patternOf(source: string): Pattern {
  const known = patterns.get(source);
  if (known !== undefined) return known;
  const pattern = createPattern(RE2JS.compile(source));
  patterns.set(source, pattern);
  return pattern;
}

/** What is wrong with a pattern; undefined when nothing is. */
export function patternFault(source: string): string | undefined {
  if (source.length > patternCharsMax) {
    return `met a pattern of ${source.length} characters, wanted at most ${patternCharsMax}`;
  }
  try {
    const steps = RE2JS.compile(source).programSize();
    if (steps <= patternStepsMax) return undefined;
    return `met the pattern ${describe(source)} of ${steps} steps, wanted at most ${patternStepsMax}: fewer or smaller repetitions`;
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    const reason = error.message.replace("error parsing regexp: ", "");
    return `met the pattern ${describe(source)}, wanted one of RE2's syntax: ${reason}`;
  }
}

/**
 * The last result is kept: the rules of a mapping often ask about one topic for each of thousands of members. It is
 * that of one message, lest what another one may spend depend on it.
 */
function createPattern(re: RE2JS): Pattern {
  let lastMatch: { work: Work; text: string; result: boolean } | undefined;
  let lastReplace: { work: Work; text: string; replacement: string; result: string } | undefined;
  return {
    matches(where, text, work) {
      if (lastMatch?.work === work && lastMatch.text === text) return lastMatch.result;
      short(where, text);
      work.spend(re.programSize() * (text.length + 1));
      lastMatch = { work, text, result: re.test(text) };
      return lastMatch.result;
    },
    replace(where, text, replacement, work) {
      if (
        lastReplace?.work === work &&
        lastReplace.text === text &&
        lastReplace.replacement === replacement
      ) {
        return lastReplace.result;
      }
      short(where, text);
      lastReplace = { work, text, replacement, result: replaceAll(re, { where, text, replacement, work }) };
      return lastReplace.result;
    },
  };
}

function short(where: string, text: string): void {
  if (text.length <= resultCharsMax) return;
  throw new ExpressionError(
    `Cannot calculate ${where}: met a text of ${text.length} characters, wanted at most ${resultCharsMax}`,
  );
}

function replaceAll(
  re: RE2JS,
  { where, text, replacement, work }: { where: string; text: string; replacement: string; work: Work },
): string {
  const expand = createExpand(replacement);
  const matcher = re.matcher(text);
  let result = "";
  let end = 0;
  for (let count = 1; ; count++) {
    // Behind each match the rest of the text may be read anew, to its end.
    work.spend(re.programSize() * (text.length + 1 - end));
    if (!matcher.find()) break;
    // Nothing is no match where the one before has just ended.
    if (count > 1 && matcher.end() === end && matcher.start() === end) continue;
    result = bounded(where, result + text.slice(end, matcher.start()) + expand(matcher, where));
    end = matcher.end();
  }
  return bounded(where, result + text.slice(end));
}

/** What a match is replaced by. A group that there is not, or that took no part, is nothing. */
function createExpand(replacement: string): (matcher: Matcher, where: string) => string {
  if (!replacement.includes("$")) return () => replacement;
  return (matcher, where) => {
    let result = "";
    let end = 0;
    for (const { 0: whole, 1: word, 2: braced, index } of replacement.matchAll(
      /\$(?:\$|([0-9A-Za-z_]+)|\{([^}]*)\})/g,
    )) {
      const name = word ?? braced;
      const piece = name === undefined ? "$" : group(matcher, name);
      result = bounded(where, result + replacement.slice(end, index) + piece);
      end = index + whole.length;
    }
    return result + replacement.slice(end);
  };
}

function group(matcher: Matcher, name: string): string {
  if (/^\d+$/.test(name))
    return Number(name) <= matcher.groupCount() ? (matcher.group(Number(name)) ?? "") : "";
  return Object.hasOwn(matcher.namedGroups, name) ? (matcher.group(name) ?? "") : "";
}
