import { describe, expect, it } from "vitest";
import { createBackOff } from "../../pipeline/back-off.ts";

const delays = (random: () => number, count: number) => {
  const backOff = createBackOff(random);
  return Array.from({ length: count }, () => backOff.next());
};

describe("createBackOff()", () => {
  it("grows by 1.5 from 1 s up to 30 s", () => {
    expect(delays(() => 0.5, 4)).toEqual([1_000, 1_500, 2_250, 3_375]);
    expect(delays(() => 0.5, 20).at(-1)).toBe(30_000);
  });

  it("spreads each delay by half in both directions", () => {
    expect(delays(() => 0, 2)).toEqual([500, 750]);
    expect(delays(() => 1, 2)).toEqual([1_500, 2_250]);
  });

  it("never passes 30 s", () => {
    expect(Math.max(...delays(() => 1, 30))).toBe(30_000);
  });

  it("starts over after reset()", () => {
    const backOff = createBackOff(() => 0.5);
    backOff.next();
    backOff.next();
    backOff.reset();
    expect(backOff.next()).toBe(1_000);
  });
});
