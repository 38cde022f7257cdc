import type { NamedFunction } from "./functions.ts";
import { float } from "./numeric.ts";

/** Conversions of units; their results are floats. */
export const unitFunctions: Readonly<Record<string, NamedFunction>> = {
  cToF: conversion("cToF()", (celsius) => (celsius * 9) / 5 + 32),
  fToC: conversion("fToC()", (fahrenheit) => ((fahrenheit - 32) * 5) / 9),
  ...factor("psiToBar", "barToPsi", 0.0689476),
  ...factor("inToCm", "cmToIn", 2.54),
  ...factor("ftToM", "mToFt", 0.3048),
  ...factor("lbToKg", "kgToLb", 0.453592),
  ...factor("galToL", "lToGal", 3.78541),
};

function conversion(where: string, convert: (value: number) => number): NamedFunction {
  return { argsMin: 1, argsMax: 1, apply: ([value = null]) => convert(float(where, value)) };
}

/** A conversion that multiplies, and the one back. */
function factor(there: string, back: string, times: number): Record<string, NamedFunction> {
  return {
    [there]: conversion(`${there}()`, (value) => value * times),
    [back]: conversion(`${back}()`, (value) => value / times),
  };
}
