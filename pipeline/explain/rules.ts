import { Missing } from "../mapping/scope.ts";
import type { KnownValue, RuleWatch } from "../payload/format.ts";
import type { ExplainedRule } from "./explanation.ts";

/** A rule may be applied to thousands of members. */
const valuesMax = 500;
const valueCharsMax = 200;

export interface RuleLog {
  watch: RuleWatch;
  rules: ExplainedRule[];
  /** By what the payload is read; undefined: by no rules. */
  readonly reader: string | undefined;
}

/** Keeps what rules do with a payload, for somebody to read. `isRemembering`: last values are known to whoever asks. */
export function createRuleLog({ isRemembering }: { isRemembering: boolean }): RuleLog {
  const nothing = isRemembering ? "nothing" : "nothing, as no store is open";
  const rules: ExplainedRule[] = [];
  let reader: string | undefined;
  let values = 0;
  function tell(of: string, value: string) {
    const current = rules.at(-1);
    if (current === undefined) return;
    values += 1;
    if (values > valuesMax) current.omitted += 1;
    else current.values.push({ of, value });
  }

  return {
    rules,
    get reader() {
      return reader;
    },
    watch: {
      reader(name) {
        reader = name;
      },
      rule(name) {
        rules.push({ rule: name, values: [], omitted: 0 });
      },
      value(of, value) {
        tell(of, textOf(value));
      },
      lastValue(input, known) {
        tell(`last value of ${input}`, known === undefined ? nothing : describeKnown(known));
      },
    },
  };
}

function describeKnown({ value, metAtUs }: KnownValue): string {
  return `${shortened(value)} (met ${new Date(metAtUs / 1000).toISOString()})`;
}

/** A value as JSON text, or `nothing`. */
function textOf(value: unknown): string {
  if (value === undefined || value === null || value instanceof Missing) return "nothing";
  // NaN and the infinities are no JSON, but an expression may give them.
  const text =
    typeof value === "bigint" || typeof value === "number"
      ? String(value)
      : JSON.stringify(value, withoutBigints);
  return shortened(text);
}

function shortened(text: string): string {
  return text.length > valueCharsMax ? `${text.slice(0, valueCharsMax)}…` : text;
}

function withoutBigints(_: string, member: unknown): unknown {
  return typeof member === "bigint" ? String(member) : member;
}
