/**
 * The last values of the inputs that rules want remembered, by rule, input, source and topic. What a message meets is
 * the last value for whatever is judged after it; should the message turn out not to be stored, as a repeat or for want
 * of room, what was there before comes back:
 *
 * ```
 * judge a message ─▶ keep() ─▶ append ─▶ settle(true): the store has the same
 *                                  └───▶ settle(false): as if it had never come
 * ```
 *
 * What was judged in between has what was known then.
 */
import { printTypedJson } from "./expression/json.ts";
import type { LastValue, MqttMessage, RememberedInput } from "./message.ts";
import type { KnownValue, Recall } from "./payload/format.ts";
import type { StoredLastValue } from "./store/batch-store.ts";

/** Values that are remembered, of all rules. */
export const lastValuesMax = 100_000;
/** Names of the places and JSON texts of all of them. */
export const lastValuesBytesMax = 33_554_432;
/** JSON text of a value. */
export const lastValueBytesMax = 1024;
/** On all levels: each takes two bytes of the text and more. */
const membersMax = lastValueBytesMax / 2 - 1;
/** Rule, input, member, source and topic together. */
export const lastValueKeyCharsMax = 1024;
/** What stands in for inputs of one message, with their names: thousands of empty members would make a small one huge. */
export const standInBytesMax = 262_144;

/** JSON that counts as missing. */
const unknownValue = "null";

interface Entry extends KnownValue {
  /** What was known before, until it is settled that this one stays. */
  before: Entry | undefined;
}

/** What one message recalls, and what it leaves to be recalled. */
export interface MessageRecall extends Recall {
  /** What stands in for inputs that the message lacks; undefined: nothing does. */
  standIns(): readonly LastValue[] | undefined;
  /** From now on these are the last values; undefined: the message has none of the inputs. */
  keep(metAtUs: number): readonly LastValue[] | undefined;
  /** Whether the message was stored. */
  settle(isStored: boolean): void;
}

export interface LastValuesOptions {
  /** What the store remembers. */
  stored: readonly StoredLastValue[];
  /** Called for each value that is too much to remember. */
  onForgotten(rule: string, reason: string): void;
  valuesMax?: number | undefined;
  bytesMax?: number | undefined;
}

/** What a message has of an input. */
interface Met {
  input: RememberedInput;
  /** Undefined: it has more members than may be. */
  value: string | undefined;
}

export class LastValues {
  readonly #entries = new Map<string, Entry>();
  readonly #onForgotten: LastValuesOptions["onForgotten"];
  readonly #valuesMax: number;
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(options: LastValuesOptions) {
    this.#onForgotten = options.onForgotten;
    this.#valuesMax = options.valuesMax ?? lastValuesMax;
    this.#bytesMax = options.bytesMax ?? lastValuesBytesMax;
    for (const { value, metAtUs, ...place } of options.stored) {
      const key = keyOf(place, place);
      if (key !== undefined) this.#put(key, { value, metAtUs, before: undefined });
    }
  }

  recall(message: Pick<MqttMessage, "source" | "topic">): MessageRecall {
    const standIns = new Map<string, LastValue>();
    let standInBytes = 0;
    const met = new Map<string, Met>();
    const kept: { key: string; entry: Entry }[] = [];
    return {
      last: (input) => {
        const key = keyOf(input, message);
        const known = key === undefined ? undefined : this.#entries.get(key);
        if (key === undefined || known === undefined || known.value === unknownValue) return undefined;
        if (standIns.has(key)) return known;
        const bytes = Buffer.byteLength(input.rule + input.input + input.member + known.value);
        if (standInBytes + bytes > standInBytesMax) {
          this.#onForgotten(input.rule, `those for one message have more than ${standInBytesMax} bytes`);
          return undefined;
        }
        standInBytes += bytes;
        standIns.set(key, { ...input, value: known.value });
        return known;
      },
      meet: (input, value) => {
        const key = keyOf(input, message);
        if (key === undefined) {
          const reason = `the names of its place have more than ${lastValueKeyCharsMax} characters`;
          this.#onForgotten(input.rule, reason);
          return;
        }
        const text = hasMembersBeyond(value, membersMax) ? undefined : printTypedJson(value);
        met.set(key, { input, value: text });
      },
      standIns: () => (standIns.size === 0 ? undefined : [...standIns.values()]),
      keep: (metAtUs) => {
        const values: LastValue[] = [];
        for (const [key, one] of met) {
          const value = this.#admit(key, one);
          if (value === undefined) continue;
          const entry = { value, metAtUs, before: this.#entries.get(key) };
          this.#put(key, entry);
          kept.push({ key, entry });
          values.push({ ...one.input, value });
        }
        return values.length === 0 ? undefined : values;
      },
      settle: (isStored) => {
        for (const { key, entry } of kept) {
          if (isStored) entry.before = undefined;
          else this.#withdraw(key, entry);
        }
      },
    };
  }

  /** The text to remember; undefined: none. In the place of one that is too much nothing is known. */
  #admit(key: string, { input, value }: Met): string | undefined {
    const excess = this.#excessOf(key, value);
    if (excess === undefined) return value;
    this.#onForgotten(input.rule, excess);
    return this.#entries.has(key) ? unknownValue : undefined;
  }

  /** Why it is not remembered. */
  #excessOf(key: string, value: string | undefined): string | undefined {
    const known = this.#entries.get(key);
    if (known === undefined && this.#entries.size >= this.#valuesMax) {
      return `${this.#valuesMax} values are remembered already`;
    }
    if (value === undefined) return `it has more than ${membersMax} members`;
    const bytes = Buffer.byteLength(value);
    if (bytes > lastValueBytesMax) return `it has ${bytes} bytes, limit is ${lastValueBytesMax}`;
    const others = this.#bytes - (known === undefined ? 0 : bytesOf(key, known));
    if (others + bytesOf(key, { value }) <= this.#bytesMax) return undefined;
    return `${this.#bytes} bytes are remembered already, limit is ${this.#bytesMax}`;
  }

  #withdraw(key: string, entry: Entry): void {
    const newest = this.#entries.get(key);
    if (newest !== entry) {
      for (let at = newest; at !== undefined; at = at.before) {
        if (at.before === entry) at.before = entry.before;
      }
    } else this.#put(key, entry.before);
  }

  /** Undefined: nothing is there any more. */
  #put(key: string, entry: Entry | undefined): void {
    const old = this.#entries.get(key);
    if (old !== undefined) this.#bytes -= bytesOf(key, old);
    if (entry === undefined) {
      this.#entries.delete(key);
    } else {
      this.#bytes += bytesOf(key, entry);
      this.#entries.set(key, entry);
    }
  }
}

/** Found out without a look at all of them, at whatever depth they are. */
function hasMembersBeyond(value: unknown, max: number): boolean {
  let members = 0;
  const waiting = [value];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (typeof one !== "object" || one === null) continue;
    const inner: unknown[] = Array.isArray(one) ? one : Object.values(one);
    members += inner.length;
    if (members > max) return true;
    waiting.push(...inner);
  }
  return false;
}

function bytesOf(key: string, { value }: { value: string }): number {
  return Buffer.byteLength(key) + Buffer.byteLength(value);
}

/**
 * Undefined: the names are too long. None is put together then: a long topic, once for each of thousands of members,
 * would fill the memory.
 */
function keyOf(
  { rule, input, member }: RememberedInput,
  { source, topic }: Pick<MqttMessage, "source" | "topic">,
): string | undefined {
  const names = [rule, input, member, source, topic];
  const chars = names.reduce((sum, name) => sum + name.length, 0);
  return chars > lastValueKeyCharsMax ? undefined : JSON.stringify(names);
}
