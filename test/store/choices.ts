import { onTestFailed } from "vitest";
import { createRandom } from "../support/random.ts";

/** Random choices of a seeded run. TEST_SEED sets the seed; a test that fails prints it. */
export function createChoices(seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 32))) {
  onTestFailed(() => console.error(`To repeat this run: TEST_SEED=${seed}`));
  const next = createRandom(seed);
  /** An integer from 0 to `limit`, without `limit`. */
  const below = (limit: number) => Math.floor(next() * limit);

  return {
    below,
    chance: (probability: number) => next() < probability,
    pick<T>(choices: readonly T[]): T {
      const choice = choices[below(choices.length)];
      if (choice === undefined) throw new RangeError("Cannot pick from nothing");
      return choice;
    },
  };
}
