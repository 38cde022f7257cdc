import type { Oddities, ParseOptions } from "./format.ts";
import { Work } from "./work.ts";

/** How one payload is read, and what is found on the way. */
export interface Reading extends Omit<ParseOptions, "admits"> {
  oddities: Oddities;
  /** What expressions may still do. */
  work: Work;
  /** Whether the `unit` of a metric counts in a strict reading too. */
  hasUnits?: boolean | undefined;
}

export function startReading({ lenient, audit, watch, recall }: ParseOptions): Reading {
  return {
    lenient,
    audit,
    watch,
    recall,
    work: new Work(),
    oddities: { repeatedMembers: 0, repeatedAttributes: 0, zeroTimestamps: 0 },
  };
}

/** What was found; undefined when nothing was. */
export function odditiesOf({ oddities }: Reading): Oddities | undefined {
  const { repeatedMembers, repeatedAttributes, zeroTimestamps } = oddities;
  return repeatedMembers + repeatedAttributes + zeroTimestamps > 0 ? oddities : undefined;
}
