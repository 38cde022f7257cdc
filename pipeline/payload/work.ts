import { refuse } from "./refused.ts";

/**
 * Steps that the expressions of one message may take: one for each character of a text and each element of an array
 * that is read or made, and for a pattern the characters of its text times the steps of its program. A long text or
 * array, read anew for each of thousands of members, would hold up everything else.
 */
export const stepsMax = 33_554_432;

/** What is left of them. */
export class Work {
  #left = stepsMax;

  /** Errors: Refused when there are not so many left. */
  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left >= 0) return;
    refuse("expressions", {
      met: `more than ${stepsMax} steps in one message`,
      wanted: "shorter texts and arrays, or fewer members",
    });
  }
}
