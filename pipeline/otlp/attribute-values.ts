import type { AddedAttribute, Attribute } from "../payload/format.ts";
import type { Undo } from "./aggregate.ts";
import { keyRecord, type SeriesRecord } from "./series-record.ts";
import type { SeriesState } from "./series-state.ts";

/** Stands for every value that is not told apart. */
const otherValue = "(other)";

/** What a message adds to the attributes of its metrics. */
interface ToldApart {
  attributes: readonly Attribute[];
  /** Those of them that stand for others' values too. */
  shared: readonly Attribute[];
}

/** Says that values of an attribute are told apart no more. */
export type OnValuesMax = (limit: { source: string; attribute: string; valuesMax: number }) => void;

/**
 * The values that are told apart of the attributes which origins add to metrics: of each origin, attribute and rule
 * the first `valuesMax` ones that were sent. They are kept among the series, as records without values, so that a batch
 * which is encoded again, also after a crash, has the same ones.
 */
export class AttributeValues {
  readonly #state: SeriesState;
  readonly #onValuesMax: OnValuesMax | undefined;
  /** Values in the state, by the scope of their keys. */
  readonly #counts = new Map<string, number>();
  readonly #told = new Set<string>();
  #size = 0;

  constructor(state: SeriesState, onValuesMax: OnValuesMax | undefined) {
    this.#state = state;
    this.#onValuesMax = onValuesMax;
  }

  /** Records in the state that are values and no series. */
  get size(): number {
    return this.#size;
  }

  /** Find the values among keys that were loaded. */
  load(keys: Iterable<string>): void {
    for (const key of keys) {
      const scope = scopeIn(key);
      if (scope !== undefined) this.committed(scope, 1);
    }
  }

  /** What was loaded is lost. */
  clear(): void {
    this.#counts.clear();
    this.#size = 0;
  }

  begin(): BatchValues {
    return new BatchValues(this);
  }

  has(key: string): boolean {
    return this.#state.has(key);
  }

  count(scope: string): number {
    return this.#counts.get(scope) ?? 0;
  }

  /** So many values have come into the state. */
  committed(scope: string, values: number): void {
    this.#counts.set(scope, this.count(scope) + values);
    this.#size += values;
  }

  /** A value was met for which there is no room. */
  passed(source: string, attribute: AddedAttribute): void {
    const { key, valuesMax = 0 } = attribute;
    const scope = scopeOf(source, attribute);
    if (this.#told.has(scope)) return;
    this.#told.add(scope);
    this.#onValuesMax?.({ source, attribute: key, valuesMax });
  }
}

/** The values that one batch adds. */
export class BatchValues {
  readonly #values: AttributeValues;
  /** Keys of new values, by their scope. */
  readonly #opened = new Map<string, Set<string>>();

  constructor(values: AttributeValues) {
    this.#values = values;
  }

  /** The attributes that a message adds, with the values that there is room for; `undo` receives how to give it up. */
  tellApart(source: string, added: readonly AddedAttribute[], undo: Undo[]): ToldApart {
    const shared: Attribute[] = [];
    const attributes = added.map((attribute): Attribute => {
      if (attribute.valuesMax === undefined || this.#admits(source, attribute, undo)) return attribute;
      this.#values.passed(source, attribute);
      const other = { key: attribute.key, value: otherValue };
      shared.push(other);
      return other;
    });
    return { attributes, shared };
  }

  /** Give the new values to what the batch changes. */
  finish(changes: Map<string, SeriesRecord>): void {
    for (const keys of this.#opened.values()) {
      for (const key of keys) changes.set(key, keyRecord);
    }
  }

  /** These keys have come into the state; other new values are forgotten. */
  commit(saved: { has(key: string): boolean }): void {
    for (const [scope, keys] of this.#opened) {
      this.#values.committed(scope, [...keys].filter((key) => saved.has(key)).length);
    }
    this.#opened.clear();
  }

  #admits(source: string, attribute: AddedAttribute, undo: Undo[]): boolean {
    const { value, valuesMax = 0 } = attribute;
    const scope = scopeOf(source, attribute);
    const stateKey = (scope + value).toWellFormed();
    const opened = this.#opened.get(scope);
    if (this.#values.has(stateKey) || opened?.has(stateKey)) return true;
    if (this.#values.count(scope) + (opened?.size ?? 0) >= valuesMax) return false;
    const keys = opened ?? new Set();
    this.#opened.set(scope, keys.add(stateKey));
    undo.push(() => keys.delete(stateKey));
    return true;
  }
}

/** Begins the key of each value of an attribute; no metric's series has such a key. */
function scopeOf(source: string, { key, rule = "" }: AddedAttribute): string {
  return `value ${source.length},${key.length},${rule.length},${source}${key}${rule}`;
}

/** The scope that a key begins with; undefined when it is that of a series. */
function scopeIn(key: string): string | undefined {
  if (!key.startsWith("value ")) return undefined;
  const [head = "", ...lengths] = /^value (\d+),(\d+),(\d+),/.exec(key) ?? [];
  const end = lengths.reduce((sum, length) => sum + Number(length), head.length);
  return key.slice(0, end);
}
