import type { Path } from "../expression/path.ts";
import { resolve } from "../expression/resolve.ts";
import { tupleElementsMax } from "../expression/value.ts";
import { met, refuse } from "../payload/refused.ts";
import { joined, readerOf } from "./rule-path.ts";
import { Missing, type Scope } from "./scope.ts";

/** Most members that one rule is applied to. */
const membersMax = tupleElementsMax - 1;

/**
 * One scope for each member that the asterisk of a path stands for. Members that are null are passed over.
 *
 * Errors: Refused when there is no object and no array, or too many members.
 */
export function compileEach(path: Path): (scope: Scope) => readonly Scope[] | Missing {
  const { segments, afterWildcard = [] } = path;
  const before = segments.join(".") || ".";
  const container = readerOf({ ...path, text: before, afterWildcard: undefined }, "whole");
  return (scope) => {
    const place = joined(scope.base, before);
    const members = resolve(path, scope.whole);
    if (members.length > membersMax) {
      refuse("members", {
        path: place,
        met: `more than ${membersMax}`,
        wanted: "fewer",
      });
    }
    if (members.length === 0) {
      const value = container.read(scope);
      if (value instanceof Missing) return value;
      if (typeof value !== "object") {
        refuse("members", {
          path: place,
          met: met(value),
          wanted: "an object or an array",
        });
      }
    }
    // Put together without copies: names may be long, and are only looked at when something is wrong.
    return members.map(({ captured, value }) => ({
      ...scope,
      here: { ...scope.whole, payload: value },
      at: [...captured, ...afterWildcard].reduce((at, name) => joined(at, name), place),
      key: captured.reduce((key, name) => `${key}.${name}`),
      each: path.text,
      captured,
    }));
  };
}
