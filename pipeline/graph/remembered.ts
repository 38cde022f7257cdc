/** The inputs of a transform whose last values stand in for them where they are missing. */
import type { Path } from "../expression/path.ts";
import { resolve } from "../expression/resolve.ts";
import { lastValueOf } from "../mapping/last-value.ts";
import { rememberedPaths } from "../mapping/remembered.ts";
import type { RememberedInput, RuleInput } from "../message.ts";
import type { TransformRules } from "./rules.ts";
import type { Journey, Transform } from "./transform.ts";

/** A transform that has the last values of its inputs remembered, as they reach it. */
export function remembering(rules: TransformRules, place: string, transform: Transform): Transform {
  const paths = rememberedPaths(pathsOf(rules));
  if (paths.length === 0) return transform;
  return (traveller, journey) => {
    const { recall } = journey.reading;
    for (const path of recall ? paths : []) {
      const [found] = resolve(path, traveller);
      if (found !== undefined) recall?.meet(inputAt(path.remembered, place), found.value);
    }
    return transform(traveller, journey);
  };
}

/** The inputs of a transform whose last values are remembered. */
export function inputsOf(rules: TransformRules, place: string): RuleInput[] {
  return rememberedPaths(pathsOf(rules)).map(({ remembered }) => ({ rule: place, input: remembered }));
}

/** What stands in where nothing is found; undefined: nothing ever does. */
export function standInAt(
  { remembered }: Path,
  place: string,
  journey: Journey,
): (() => unknown) | undefined {
  return remembered === undefined ? undefined : () => lastValueOf(inputAt(remembered, place), journey);
}

function inputAt(input: string, place: string): RememberedInput {
  return { rule: place, input, member: "" };
}

function pathsOf(rules: TransformRules): readonly string[] {
  switch (rules.kind) {
    case "map":
    case "filter":
      return rules.rules.flatMap(({ inputs }) => inputs);
    case "branch":
      return rules.rule.inputs;
    case "otelTransform": {
      const { name, valuePath, timestampPath } = rules.rules;
      return [valuePath, typeof name === "string" ? "" : name.path, timestampPath ?? ""];
    }
    case "concatenate":
    case "throttle":
      return [];
  }
}
