/** The finest scale: 2^20 buckets between a power of two and the next. Source: OpenTelemetry, "Metrics SDK". */
export const scaleMax = 20;

const bucketsPerOctave = 2 ** scaleMax;
const smallestNormal = 2 ** -1022;
/** As a share of a bucket: so near to an edge, the rounding of a logarithm could decide, so the exact way does. */
const doubt = 1e-6;
const fractionBits = 128n;

const view = new DataView(new ArrayBuffer(8));

/**
 * Index at the finest scale of the bucket that a positive number falls into: bucket i is (base^i, base^(i+1)], and
 * base = 2^(2^−scale). Exact for every number. At a scale coarser by n steps the index is this one `>> n`.
 *
 * Source: OpenTelemetry, "Metrics Data Model", Exponential Buckets.
 */
export function finestIndex(value: number): number {
  const isSubnormal = value < smallestNormal;
  view.setFloat64(0, isSubnormal ? value * 2 ** 52 : value);
  const high = view.getUint32(0);
  const octave = ((high >>> 20) - 1023 - (isSubnormal ? 52 : 0)) * bucketsPerOctave;
  view.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  const mantissa = view.getFloat64(0);
  if (mantissa === 1) return octave - 1;
  const position = Math.log2(mantissa) * bucketsPerOctave;
  const index = Math.floor(position);
  const isClear = position - index > doubt && index + 1 - position > doubt;
  return octave + (isClear ? index : exactIndex(mantissa));
}

/**
 * Whole part of log2(mantissa) × 2^scaleMax: each squaring brings out one more digit of the logarithm. The error
 * doubles each time and stays below 2^−107 of the power; no double comes nearer to an edge than 2^−58 of it.
 */
function exactIndex(mantissa: number): number {
  let power = BigInt(mantissa * 2 ** 52) << (fractionBits - 52n);
  let index = 0;
  for (let digit = 0; digit < scaleMax; digit += 1) {
    power = (power * power) >> fractionBits;
    index *= 2;
    if (power >> (fractionBits + 1n) > 0n) {
      power >>= 1n;
      index += 1;
    }
  }
  return index;
}
