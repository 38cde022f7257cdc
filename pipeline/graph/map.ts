/**
 * The map transform: only what a rule writes is in the message that it makes. A rule with an asterisk comes first;
 * the others write over what it wrote, or leave it out.
 *
 * Source: Azure IoT Operations, "Transform data with map in data flow graphs".
 */
import { WrittenFloat } from "../expression/json.ts";
import type { Path } from "../expression/path.ts";
import { type Found, resolve } from "../expression/resolve.ts";
import { tupleElementsMax } from "../expression/value.ts";
import { refuse } from "../payload/refused.ts";
import { Draft } from "./draft.ts";
import { compileFormula, compilePath, ruled, toTypedJson } from "./formula.ts";
import { type Metadata, writeMetadata } from "./metadata.ts";
import { standInAt } from "./remembered.ts";
import type { MapRule } from "./rules.ts";
import type { Journey, Transform, Traveller } from "./transform.ts";

/** `{"A":{"Max":1}}` with `*.Max`: A. */
type Captured = readonly string[];

interface Writing {
  from: Traveller;
  journey: Journey;
  payload: Draft;
  metadata: Metadata;
}

type Rule = (writing: Writing) => void;

export function compileMap(rules: readonly MapRule[], place: string): Transform {
  const compiled = rules.map((rule, index) => {
    const apply = rule.output === "" ? compileRemoval(rule, rules) : compileRule(rule, rules, place);
    return (writing: Writing) => ruled(`map[${index}] of ${place}`, writing.journey, () => apply(writing));
  });
  const startsWhole = rules[0] !== undefined && isPassthrough(rules[0]);
  return (from, journey) => {
    const payload = new Draft(startsWhole ? from.payload : {});
    const { topic, userProperties, contentType } = from.message;
    const writing: Writing = { from, journey, payload, metadata: { topic, userProperties, contentType } };
    for (const apply of compiled) apply(writing);
    return { kind: "passes", traveller: { payload: payload.value, message: writing.metadata } };
  };
}

/** Everything is copied, without looking at it. */
function isPassthrough({ inputs, output, expression }: MapRule): boolean {
  return (
    inputs.length === 1 && inputs[0]?.trim() === "*" && output.trim() === "*" && expression === undefined
  );
}

function compileRule(rule: MapRule, rules: readonly MapRule[], place: string): Rule {
  if (isPassthrough(rule)) return () => undefined;
  const inputs = rule.inputs.map(compilePath);
  const output = compilePath(rule.output);
  const read = compileReading(rule, inputs, place);
  const lead = inputs.find(({ afterWildcard }) => afterWildcard !== undefined);
  if (lead === undefined) return (writing) => write(writing, output, read(writing, inputs));
  const others = rule.expression === undefined ? new Set<string>() : specialInputs(rules);
  return (writing) => {
    for (const { captured } of membersAt(lead, writing.from)) {
      const paths = inputs.map((input) => withCaptured(input, captured));
      const isThere = (path: Path, index: number) =>
        inputs[index]?.afterWildcard === undefined ||
        path.fallback !== undefined ||
        resolve(path, writing.from).length > 0;
      if (!paths.every(isThere) || (others.size > 0 && others.has(keyOf(paths)))) continue;
      write(writing, withCaptured(output, captured), read(writing, paths));
    }
  };
}

/** The inputs of rules without an asterisk. Where one names those of a calculation with one, it stands in for it. */
function specialInputs(rules: readonly MapRule[]): ReadonlySet<string> {
  const inputs = rules.filter(({ output }) => output !== "").map((rule) => rule.inputs.map(compilePath));
  return new Set(
    inputs.filter((paths) => !paths.some(({ afterWildcard }) => afterWildcard !== undefined)).map(keyOf),
  );
}

function keyOf(paths: readonly Path[]): string {
  return JSON.stringify(paths.map(({ origin, segments }) => [origin, ...segments]));
}

/** What a rule gives for what stands at its inputs; undefined: there is nothing to write. */
function compileReading(
  { inputs, expression }: MapRule,
  [copied]: readonly Path[],
  place: string,
): (writing: Writing, inputs: readonly Path[]) => unknown {
  if (expression === undefined) {
    const otherwise = toTypedJson(copied?.fallback ?? null) ?? undefined;
    return ({ from, journey }, [input]) => {
      const value =
        input && (resolve(input, from)[0]?.value ?? standInAt(input, place, journey)?.() ?? otherwise);
      journey.reading.watch?.value(input?.text ?? "", () => value);
      return value;
    };
  }
  const formula = compileFormula({ inputs, expression }, { place });
  return ({ from, journey }, paths) => toTypedJson(formula(paths, from, journey)) ?? undefined;
}

function membersAt(path: Path, from: Traveller): readonly Found[] {
  const members = resolve(path, from);
  if (members.length < tupleElementsMax) return members;
  return refuse("members", { path: path.text, met: `${tupleElementsMax} or more`, wanted: "fewer" });
}

function withCaptured(path: Path, captured: Captured): Path {
  const { segments, afterWildcard } = path;
  if (afterWildcard === undefined) return path;
  return { ...path, segments: [...segments, ...captured, ...afterWildcard], afterWildcard: undefined };
}

function write({ payload, metadata }: Writing, { origin, segments }: Path, value: unknown): void {
  if (origin !== "payload") {
    writeMetadata(
      metadata,
      { origin, key: segments[0] ?? "" },
      value instanceof WrittenFloat ? value.value : value,
    );
  } else if (value !== undefined) payload.put(segments, value);
}

/** Leaves out what a rule with an asterisk has written for these inputs. */
function compileRemoval({ inputs }: MapRule, rules: readonly MapRule[]): Rule {
  const removed = rules
    .filter(({ output }) => output !== "")
    .flatMap((rule) => {
      const output = compilePath(rule.output);
      const patterns = rule.inputs.map(compilePath);
      return inputs.map(compilePath).flatMap(({ segments }) =>
        patterns.flatMap((pattern) => {
          const captured = capturedBy(pattern, segments);
          return captured === undefined ? [] : [withCaptured(output, captured).segments];
        }),
      );
    });
  return ({ payload }) => {
    for (const segments of removed) payload.remove(segments);
  };
}

/** What the asterisk of a pattern stands for, if it is to match these names. */
function capturedBy({ segments, afterWildcard }: Path, names: readonly string[]): Captured | undefined {
  if (afterWildcard === undefined) return undefined;
  const captured = names.slice(segments.length, names.length - afterWildcard.length);
  const matched = [...segments, ...captured, ...afterWildcard];
  const isSame = matched.length === names.length && matched.every((name, index) => name === names[index]);
  return isSame && captured.length > 0 ? captured : undefined;
}
