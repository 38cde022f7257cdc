import type { Faults } from "../expression/fault.ts";
import { WrittenFloat } from "../expression/json.ts";
import { type Path, parsePath } from "../expression/path.ts";
import { resolve, valueAt } from "../expression/resolve.ts";
import { toJson, type Value } from "../expression/value.ts";
import type { RememberedInput } from "../message.ts";
import { lastValueOf } from "./last-value.ts";
import { Missing, type Scope } from "./scope.ts";

/** Where a path starts: at the whole payload, or at the member that a rule with `each` is applied to. */
export type PathStart = "whole" | "here";

/** A path of a rule. */
export interface RulePath {
  /** The JSON that stands there, or what stands in for it: the last value, or the path's own default. */
  read(scope: Scope): unknown;
  /** The same as a value of the expression language; empty when there is none. */
  input(scope: Scope): Value;
  /** Where it leads in the payload, for refusals. */
  place(scope: Scope): string;
}

/** Where paths start, itself. */
const self: Path = { text: ".", origin: "payload", segments: [] };

/** `.` in place of a path is where paths start. */
export function parseRulePath(text: string): Path | Faults {
  return text.trim() === "." ? self : parsePath(text);
}

/** A path without an asterisk. */
export function readerOf(path: Path, start: PathStart): RulePath {
  const { text, origin, fallback, remembered } = path;
  const place = ({ base, at }: Scope) => {
    if (origin !== "payload") return text;
    return joined(start === "here" ? at : base, text);
  };
  const lastValue =
    remembered === undefined
      ? undefined
      : (scope: Scope) => lastValueOf(inputOf(remembered, scope, start), scope);

  function read(scope: Scope): unknown {
    const value = resolve(path, scope[start])[0]?.value ?? lastValue?.(scope) ?? undefined;
    if (value !== undefined) return value instanceof WrittenFloat ? value.integer : value;
    return fallback === undefined || fallback === null ? new Missing(place(scope)) : toJson(fallback);
  }

  return {
    read(scope) {
      const value = read(scope);
      scope.reading.watch?.value(place(scope), () => value);
      return value;
    },
    input(scope) {
      const value = valueAt(path, scope[start], lastValue && (() => lastValue(scope)));
      scope.reading.watch?.value(place(scope), () => toJson(value));
      return value;
    },
    place,
  };
}

/** What the last value of a path is remembered as. */
export function inputOf(
  path: string,
  { rule, each, captured }: Scope,
  start: PathStart = "here",
): RememberedInput {
  if (start === "whole" || each === undefined) return { rule, input: path, member: "" };
  return { rule, input: joined(each, path), member: JSON.stringify(captured) };
}

/** Of a path within a place. */
export function joined(place: string, text: string): string {
  if (text === self.text) return place;
  return place === "" ? text : `${place}.${text}`;
}
