import { WrittenFloat } from "../expression/json.ts";
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
  function tell(of: string, print: () => string) {
    const current = rules.at(-1);
    if (current === undefined) return;
    values += 1;
    if (values > valuesMax) current.omitted += 1;
    else current.values.push({ of, value: print() });
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
      value(of, read) {
        tell(of, () => textOf(read()));
      },
      lastValue(input, known) {
        tell(`last value of ${input}`, () => (known === undefined ? nothing : describeKnown(known)));
      },
    },
  };
}

function describeKnown({ value, metAtUs }: KnownValue): string {
  return `${shortened(value)} (met ${new Date(metAtUs / 1000).toISOString()})`;
}

/** The beginning of a value as JSON text, or `nothing`. */
function textOf(value: unknown): string {
  if (value === undefined || value === null || value instanceof Missing) return "nothing";
  let text = "";
  for (const piece of piecesOf(value)) {
    text += piece;
    // However large or deep the rest is, nobody sees it.
    if (text.length > valueCharsMax) break;
  }
  return shortened(text);
}

function* piecesOf(value: unknown): Generator<string> {
  if (typeof value === "string") yield JSON.stringify(value.slice(0, valueCharsMax));
  else if (value instanceof WrittenFloat) yield String(value.value);
  // NaN and the infinities are no JSON, but an expression may give them.
  else if (typeof value !== "object" || value === null) yield String(value);
  else {
    const isArray = Array.isArray(value);
    let before = isArray ? "[" : "{";
    for (const [name, member] of isArray ? value.entries() : Object.entries(value)) {
      yield isArray ? before : `${before}${JSON.stringify(name)}:`;
      yield* piecesOf(member);
      before = ",";
    }
    yield `${before === "," ? "" : before}${isArray ? "]" : "}"}`;
  }
}

function shortened(text: string): string {
  return text.length > valueCharsMax ? `${text.slice(0, valueCharsMax)}…` : text;
}
