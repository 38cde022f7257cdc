import { bucketsMax, ExponentialBuckets } from "./exponential-buckets.ts";
import { scaleMax } from "./exponential-index.ts";
import type { SeriesRecord } from "./series-record.ts";
import { WireWriter } from "./wire.ts";

/** What an exponential histogram consists of. */
export interface ExponentialValues {
  scale: number;
  zeroCount: number;
  sum: number;
  min: number;
  max: number;
  /** A value was negative: the sum is not for receivers. */
  hidesSum: boolean;
  positive: ExponentialBuckets;
  negative: ExponentialBuckets;
}

const headSize = 48;
/** Saved in steps of so many bytes, because a record that keeps its size keeps its place. */
const granularity = 32;

/**
 * Saved as bytes, because most counts are small:
 *
 *     scale, count of positive buckets, of negative buckets, 0 (1 byte each)
 *     offset of the positive buckets, of the negative buckets, 0 (4 bytes each)
 *     zero count, sum, min, max (doubles)
 *     counts of the positive, then of the negative buckets (varints), then zeros
 */
export function saveExponential(values: ExponentialValues): Pick<SeriesRecord, "flag" | "values"> {
  const { scale, zeroCount, sum, min, max, hidesSum, positive, negative } = values;
  const size = headSize + positive.packedSize + negative.packedSize;
  const writer = new WireWriter(granularity * Math.ceil(size / granularity));
  writer.byte(scale);
  writer.byte(positive.length);
  writer.byte(negative.length);
  writer.byte(0);
  writer.fixed32(positive.offset);
  writer.fixed32(negative.offset);
  writer.fixed32(0);
  for (const number of [zeroCount, sum, min, max]) writer.double(number);
  positive.writeCounts(writer);
  negative.writeCounts(writer);
  return { flag: hidesSum, values: new BigInt64Array(writer.written.buffer) };
}

/** Undefined: they are not what `saveExponential()` gives. */
export function restoreExponential({
  flag,
  values,
}: Pick<SeriesRecord, "flag" | "values">): ExponentialValues | undefined {
  const view = new DataView(values.buffer, values.byteOffset, values.byteLength);
  if (view.byteLength < headSize) return undefined;
  const [positiveLength, negativeLength] = [view.getUint8(1), view.getUint8(2)];
  const scale = view.getInt8(0);
  if (positiveLength > bucketsMax || negativeLength > bucketsMax || scale > scaleMax) return undefined;
  const counts = readVarints(view, positiveLength + negativeLength);
  if (counts === undefined) return undefined;
  return {
    scale,
    zeroCount: view.getFloat64(16, true),
    sum: view.getFloat64(24, true),
    min: view.getFloat64(32, true),
    max: view.getFloat64(40, true),
    hidesSum: flag,
    positive: new ExponentialBuckets(view.getInt32(4, true), counts.slice(0, positiveLength)),
    negative: new ExponentialBuckets(view.getInt32(8, true), counts.slice(positiveLength)),
  };
}

function readVarints(view: DataView, length: number): number[] | undefined {
  const numbers: number[] = [];
  let at = headSize;
  for (let i = 0; i < length; i += 1) {
    let number = 0;
    for (let unit = 1, more = true; more; unit *= 128, at += 1) {
      if (at >= view.byteLength) return undefined;
      const byte = view.getUint8(at);
      number += (byte & 0x7f) * unit;
      more = byte > 0x7f;
    }
    numbers.push(number);
  }
  return numbers;
}
