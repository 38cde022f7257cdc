import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { finestIndex, scaleMax } from "../../pipeline/otlp/exponential-index.ts";

const octave = 2 ** scaleMax;
const fractionBits = 200n;

/** 2^(2^−n) for n from 1 on, as fixed-point numbers: square roots of 2. */
const roots = Array.from({ length: scaleMax }).reduce<bigint[]>(
  (all) => [...all, squareRoot((all.at(-1) ?? 2n << fractionBits) << fractionBits)],
  [],
);

function squareRoot(square: bigint): bigint {
  let root = 1n << BigInt(Math.ceil(square.toString(2).length / 2));
  for (let next = 0n; ; root = next) {
    next = (root + square / root) >> 1n;
    if (next >= root) return root;
  }
}

/** The greatest double that is not above 2^(step / 2^20), and the one behind it. */
function doublesAround(step: number): [below: number, above: number] {
  const edge = roots.reduce(
    (product, root, i) => ((step >> (scaleMax - 1 - i)) & 1 ? (product * root) >> fractionBits : product),
    1n << fractionBits,
  );
  const below = Number(edge >> (fractionBits - 52n));
  return [below / 2 ** 52, (below + 1) / 2 ** 52];
}

describe("finestIndex()", () => {
  it("puts each power of two into the bucket that ends with it, and what follows it into the next", () => {
    for (let exponent = -1074; exponent <= 1023; exponent += 1) {
      const power = 2 ** exponent;
      expect(finestIndex(power)).toBe(exponent * octave - 1);
      const isNormal = exponent >= -1022;
      if (isNormal) expect(finestIndex(power * (1 + Number.EPSILON))).toBe(exponent * octave);
      if (exponent > -1022) expect(finestIndex(power * (1 - Number.EPSILON / 2))).toBe(exponent * octave - 1);
    }
  });

  it("tells the doubles on both sides of any other edge apart, in any octave", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: octave - 1 }),
        fc.integer({ min: -1022, max: 1023 }),
        (step, exponent) => {
          const [below, above] = doublesAround(step);
          expect(finestIndex(below * 2 ** exponent)).toBe(exponent * octave + step - 1);
          expect(finestIndex(above * 2 ** exponent)).toBe(exponent * octave + step);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("agrees at every coarser scale with whole numbers raised to its powers", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: -4, max: 7 }), (value, scale) => {
        const index = finestIndex(value) >> (scaleMax - scale);
        const [power, unit] = scale >= 0 ? [1n << BigInt(scale), 1n] : [1n, 1n << BigInt(-scale)];
        const raised = BigInt(value) ** power;
        const over = (i: number) => raised > 1n << (BigInt(i) * unit);
        expect(index < 0 || over(index)).toBe(true);
        expect(over(index + 1)).toBe(false);
      }),
    );
  });

  it.each([
    ["the smallest subnormal", 5e-324, -1074 * octave - 1],
    ["three times the smallest subnormal", 1.5e-323, -1073 * octave + Math.floor(Math.log2(1.5) * octave)],
    ["the greatest subnormal", 2 ** -1022 - 5e-324, -1022 * octave - 1],
    ["the greatest number", Number.MAX_VALUE, 1024 * octave - 1],
    ["ten", 10, 3 * octave + Math.floor(Math.log2(1.25) * octave)],
  ])("knows the bucket of %s", (_, value, index) => {
    expect(finestIndex(value)).toBe(index);
  });
});
