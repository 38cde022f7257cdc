/** The inputs of a mapping whose last values stand in for them where they are missing. */
import { type Path, parsePath } from "../expression/path.ts";
import { resolve } from "../expression/resolve.ts";
import type { RuleInput } from "../message.ts";
import type { Recall } from "../payload/format.ts";
import { Refused } from "../payload/refused.ts";
import { unfaulty } from "./compile.ts";
import { compileEach } from "./each.ts";
import { inputOf, joined, parseRulePath } from "./rule-path.ts";
import type { LogRule, MappingRules, MetricRule } from "./rules.ts";
import { Missing, type Scope } from "./scope.ts";

/** A path without its suffixes. */
type RememberedPath = Path & { remembered: string };

/** Those that start at the same place: at the payload, or at each member that the asterisk of a path stands for. */
interface Group {
  each: string | undefined;
  paths: readonly RememberedPath[];
}

/** Has the last values of a mapping's inputs remembered; undefined: it wants none. */
export function compileMeeting(mapping: MappingRules): ((scope: Scope, recall: Recall) => void) | undefined {
  const groups = groupsOf(mapping).map(({ each, paths }) => ({ membersOf: compileMembers(each), paths }));
  if (groups.length === 0) return undefined;
  return (scope, recall) => {
    for (const { membersOf, paths } of groups) {
      for (const member of membersOf(scope)) {
        for (const path of paths) {
          const [found] = resolve(path, member.here);
          if (found !== undefined) recall.meet(inputOf(path.remembered, member), found.value);
        }
      }
    }
  };
}

/** The inputs of a mapping whose last values are remembered, of whatever member. */
export function inputsOf(mapping: MappingRules): RuleInput[] {
  return groupsOf(mapping).flatMap(({ each, paths }) =>
    paths.map(({ remembered }) => ({
      rule: `Mapping ${mapping.name}`,
      input: each === undefined ? remembered : joined(each, remembered),
    })),
  );
}

/** The paths among these texts whose last values are remembered, each once. The others are not looked at closely. */
export function rememberedPaths(texts: readonly string[]): RememberedPath[] {
  const paths = new Map<string, RememberedPath>();
  for (const text of texts) {
    if (!/\$last/i.test(text)) continue;
    const path = unfaulty(parsePath(text), text);
    const { remembered } = path;
    if (remembered !== undefined) paths.set(remembered, { ...path, remembered });
  }
  return [...paths.values()];
}

function groupsOf({ filter, timestamp, attributes, metrics, logs }: MappingRules): Group[] {
  const ofPayload = [
    ...(filter?.inputs ?? []),
    ...pathOf(timestamp),
    ...templatePaths(Object.values(attributes)),
  ];
  const groups: Group[] = [];
  for (const rule of [...metrics, ...logs]) {
    if (rule.each === undefined) ofPayload.push(...pathsOf(rule));
    else groups.push({ each: rule.each, paths: rememberedPaths(pathsOf(rule)) });
  }
  groups.push({ each: undefined, paths: rememberedPaths(ofPayload) });
  return groups.filter(({ paths }) => paths.length > 0);
}

function pathsOf(rule: MetricRule | LogRule): string[] {
  const { value, when, timestamp, attributes } = rule;
  return [
    ...("path" in value ? [value.path] : value.inputs),
    ...(when?.inputs ?? []),
    ...pathOf(timestamp),
    ...templatePaths([...("name" in rule ? [rule.name] : []), ...Object.values(attributes)]),
  ];
}

function pathOf(rule: { path: string } | undefined): string[] {
  return rule === undefined ? [] : [rule.path];
}

function templatePaths(templates: readonly string[]): string[] {
  return templates.flatMap((text) =>
    [...text.matchAll(/\$\{payload\.([^}]*)\}/g)].map(([, path = ""]) => path),
  );
}

function compileMembers(each: string | undefined): (scope: Scope) => readonly Scope[] {
  if (each === undefined) return (scope) => [scope];
  const membersOf = compileEach(unfaulty(parseRulePath(each), each));
  return (scope) => {
    try {
      const members = membersOf(scope);
      return members instanceof Missing ? [] : members;
    } catch (error) {
      // The rule itself says so, when its turn comes.
      if (error instanceof Refused) return [];
      throw error;
    }
  };
}
