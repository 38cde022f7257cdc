import type { MqttMessage } from "../message.ts";
import type { Path } from "./path.ts";
import { userPropertyOf } from "./user-property.ts";
import { empty, fromJson, type Tuple, tupleElementsMax, type Value } from "./value.ts";

/** What paths start from. */
export interface Root {
  /** As `parseTypedJson` gives it; within `each`, the member. */
  payload: unknown;
  message: Pick<MqttMessage, "topic" | "userProperties" | "contentType">;
}

/** What a path found in the payload. */
export interface Found {
  /** The names that stand for the asterisk; none without one. */
  captured: readonly string[];
  /** JSON, not null. */
  value: unknown;
}

/** Most names that one asterisk stands for. */
export const capturedSegmentsMax = 16;

/**
 * The value of an input. With an asterisk: the values found, as a tuple.
 *
 * Shape: when nothing is found, or null, what stands in as JSON; the fallback when that is nothing either; empty when
 *        there is none.
 */
export function valueAt(path: Path, root: Root, standIn?: (() => unknown) | undefined): Value {
  if (path.afterWildcard === undefined) {
    const value = fromJson(single(path, root) ?? standIn?.());
    return value === empty && path.fallback !== undefined ? path.fallback : value;
  }
  const found: Tuple = resolve(path, root).map(({ value }) => fromJson(value));
  return found.length === 0 ? (path.fallback ?? empty) : found;
}

/**
 * Everything that a path finds, in the order of the payload; without regard to its fallback.
 *
 * Shape: an asterisk at the end finds the members of one object or array; in front of other names it stands for one
 *        name or several, at most `capturedSegmentsMax`. At most `tupleElementsMax` are found.
 */
export function resolve(path: Path, root: Root): Found[] {
  const value = single(path, root);
  if (value === undefined || value === null) return [];
  if (path.afterWildcard === undefined) return [{ captured: [], value }];
  const found: Found[] = [];
  collect({ value, captured: [], after: path.afterWildcard, found });
  return found;
}

/** The value at the segments before an asterisk. */
function single({ origin, segments }: Path, { payload, message }: Root): unknown {
  switch (origin) {
    case "payload":
      return descend(payload, segments);
    case "topic":
      return message.topic;
    case "contentType":
      return message.contentType;
    case "userProperty":
      return userPropertyOf(message.userProperties, segments[0] ?? "");
  }
}

function descend(root: unknown, segments: readonly string[]): unknown {
  let value = root;
  for (const segment of segments) {
    if (!isContainer(value)) return undefined;
    value = member(value, segment);
  }
  return value;
}

/** Own members only; of an array its elements alone. */
function member(container: object, name: string): unknown {
  if (Array.isArray(container) && !/^(?:0|[1-9]\d*)$/.test(name)) return undefined;
  return Object.hasOwn(container, name) ? (container as Record<string, unknown>)[name] : undefined;
}

type Search = { value: unknown; captured: readonly string[]; after: readonly string[]; found: Found[] };

function collect({ value, captured, after, found }: Search): void {
  if (!isContainer(value) || captured.length === capturedSegmentsMax) return;
  for (const name of Object.keys(value)) {
    if (found.length === tupleElementsMax) return;
    const inner = member(value, name);
    const target = descend(inner, after);
    if (target !== undefined && target !== null) found.push({ captured: [...captured, name], value: target });
    if (after.length > 0) collect({ value: inner, captured: [...captured, name], after, found });
  }
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
