const firstMs = 1_000;
const factor = 1.5;
const spread = 0.5;
/** Longest delay that a back-off gives. */
export const backOffMsMax = 30_000;

/**
 * Growing, spread delays between attempts, so that many gateways do not come back in the same instant.
 *
 * Units:  milliseconds: 1 s, then 1.5 times the one before, each ±50 %, never more than 30 s.
 * Source: OTLP specification, "Failures": exponential back-off with jitter.
 */
export function createBackOff(random: () => number) {
  let meanMs = firstMs;
  return {
    next(): number {
      const delayMs = meanMs * (1 - spread + 2 * spread * random());
      meanMs = Math.min(meanMs * factor, backOffMsMax);
      return Math.min(delayMs, backOffMsMax);
    },
    reset() {
      meanMs = firstMs;
    },
  };
}
