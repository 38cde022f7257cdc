import { refuse } from "../payload/refused.ts";

/**
 * Characters that templates may make of one message. A long text of it, put into the attributes of each of thousands of
 * members, would fill the memory. What expressions make is bounded by their work.
 */
export const textCharsMax = 67_108_864;

/** What is left of it. */
export class TextAllowance {
  #left = textCharsMax;

  /** The text itself. Errors: Refused when there is no room for it. */
  take(text: string): string {
    this.#left -= text.length;
    if (this.#left >= 0) return text;
    return refuse("texts", { met: `more than ${textCharsMax} characters made by rules`, wanted: "fewer" });
  }
}
