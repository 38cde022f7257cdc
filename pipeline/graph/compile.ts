import { compileCondition, ruled } from "./formula.ts";
import { compileMap } from "./map.ts";
import { compileOtelTransform } from "./otel-transform.ts";
import { remembering } from "./remembered.ts";
import type { TransformRules } from "./rules.ts";
import { compileThrottle } from "./throttle.ts";
import type { Transform } from "./transform.ts";

/**
 * A transform as a function.
 *
 * Errors: Error when a path or an expression cannot be read, which the configuration excludes.
 * Source: Azure IoT Operations, "Filter and route data in data flow graphs".
 */
export function compileTransform(rules: TransformRules, place: string): Transform {
  return remembering(rules, place, compile(rules, place));
}

function compile(rules: TransformRules, place: string): Transform {
  switch (rules.kind) {
    case "map":
      return compileMap(rules.rules, place);
    case "filter":
      return compileFilter(rules.rules, place);
    case "branch":
      return compileBranch(rules.rule, place);
    case "concatenate":
      return (traveller) => ({ kind: "passes", traveller });
    case "throttle":
      return compileThrottle(rules.rules, place);
    case "otelTransform":
      return compileOtelTransform(rules.rules, place);
  }
}

type Filter = Extract<TransformRules, { kind: "filter" }>;
type Branch = Extract<TransformRules, { kind: "branch" }>;

function compileFilter(rules: Filter["rules"], place: string): Transform {
  const drops = rules.map((rule, index) => {
    const isTrue = compileCondition(rule, { place, isComplete: true });
    return (...way: Parameters<typeof isTrue>) =>
      ruled(`filter[${index}] of ${place}`, way[1], () => isTrue(...way));
  });
  return (traveller, journey) =>
    drops.some((isTrue) => isTrue(traveller, journey))
      ? { kind: "dropped", reason: "filter" }
      : { kind: "passes", traveller };
}

function compileBranch(rule: Branch["rule"], place: string): Transform {
  const isTrue = compileCondition(rule, { place });
  return (traveller, journey) => ({
    kind: "passes",
    traveller,
    output: ruled(`branch of ${place}`, journey, () => isTrue(traveller, journey)),
  });
}
