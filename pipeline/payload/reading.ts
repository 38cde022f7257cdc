import type { Oddities, ParseOptions } from "./format.ts";

/** How one payload is read, and what is found on the way. */
export interface Reading extends ParseOptions {
  oddities: Oddities;
}

export function startReading({ lenient, audit }: ParseOptions): Reading {
  return {
    lenient,
    audit,
    oddities: { repeatedMembers: 0, repeatedAttributes: 0, zeroTimestamps: 0 },
  };
}
