import type { Undo } from "./aggregate.ts";
import { lengthDelimitedSize, tag, varintSize, type WireWriter } from "./wire.ts";

/** Buckets of one side at most. Source: OpenTelemetry, "Metrics SDK", Base2 Exponential Bucket Histogram. */
export const bucketsMax = 160;

const offsetTag = tag(1, 0);
const countsField = 2;

/**
 * The buckets of the positive or of the negative values: a run of counts whose first and last are not zero. A run
 * that grows or becomes coarser is replaced by a new one, so that the way back needs no copy.
 *
 * Source: OTLP, metrics.proto, ExponentialHistogramDataPoint.Buckets.
 */
export class ExponentialBuckets {
  #offset: number;
  /** An array of the language, because copies of it cost a tenth of a typed one's. */
  #counts: number[];
  /** Bytes of the counts as varints. */
  #packedSize: number;

  constructor(offset = 0, counts: number[] = [], packedSize = sizeOf(counts)) {
    this.#offset = offset;
    this.#counts = counts;
    this.#packedSize = packedSize;
  }

  /** Index of the first count. */
  get offset(): number {
    return this.#offset;
  }

  get length(): number {
    return this.#counts.length;
  }

  get packedSize(): number {
    return this.#packedSize;
  }

  get total(): number {
    let total = 0;
    for (const count of this.#counts) total += count;
    return total;
  }

  /** Bytes as a field with a tag of one byte; 0 without counts, because the field is left out then. */
  get size(): number {
    return this.length === 0 ? 0 : lengthDelimitedSize(this.#contentSize);
  }

  copy(): ExponentialBuckets {
    return new ExponentialBuckets(this.#offset, this.#counts.slice(), this.#packedSize);
  }

  /** By how many scales they have to become coarser to hold these indexes too. */
  stepsToHold(firstIndex: number, lastIndex: number): number {
    let first = this.length === 0 ? firstIndex : Math.min(firstIndex, this.#offset);
    let last = this.length === 0 ? lastIndex : Math.max(lastIndex, this.#offset + this.length - 1);
    let steps = 0;
    while (last - first >= bucketsMax) {
      first >>= 1;
      last >>= 1;
      steps += 1;
    }
    return steps;
  }

  /** Count one value. The index needs no coarser scale. */
  increment(index: number): Undo {
    const grown = this.#extend(index, index);
    const counts = this.#counts;
    const sizeBefore = this.#packedSize;
    const at = index - this.#offset;
    const count = counts[at] ?? 0;
    counts[at] = count + 1;
    this.#packedSize += countSize(count + 1) - countSize(count);
    if (grown !== undefined) return grown;
    return () => {
      counts[at] = count;
      this.#packedSize = sizeBefore;
    };
  }

  /** Make them coarser by so many scales. */
  coarsen(steps: number): Undo {
    return this.#replace(this.#offset >> steps, coarser(this.#offset, this.#counts, steps));
  }

  /** Add the counts of others, which need no coarser scale once they are coarser by so many scales. */
  merge(other: ExponentialBuckets, steps: number): void {
    if (other.length === 0) return;
    const offset = other.#offset >> steps;
    const added = coarser(other.#offset, other.#counts, steps);
    this.#extend(offset, offset + added.length - 1);
    const shift = offset - this.#offset;
    const counts = this.#counts.map((count, i) => count + (added[i - shift] ?? 0));
    this.#replace(this.#offset, counts);
  }

  /** Write the field, exactly `size` bytes. */
  write(writer: WireWriter, fieldNumber: number): void {
    if (this.length === 0) return;
    writer.open(fieldNumber, this.#contentSize);
    if (this.#offset !== 0) {
      writer.byte(offsetTag);
      writer.varint(zigzag(this.#offset));
    }
    writer.open(countsField, this.#packedSize);
    this.writeCounts(writer);
  }

  /** Write the counts as varints, exactly `packedSize` bytes. */
  writeCounts(writer: WireWriter): void {
    for (const count of this.#counts) {
      if (count < 2 ** 31) writer.varint(count);
      else writer.varint64(BigInt(count));
    }
  }

  get #contentSize(): number {
    return signedFieldSize(this.#offset) + lengthDelimitedSize(this.#packedSize);
  }

  /** Make room for these indexes. Undefined: there was room. */
  #extend(firstIndex: number, lastIndex: number): Undo | undefined {
    const { length } = this;
    if (length === 0) return this.#replace(firstIndex, zeros(lastIndex - firstIndex + 1));
    const first = Math.min(firstIndex, this.#offset);
    const last = Math.max(lastIndex, this.#offset + length - 1);
    if (last - first + 1 === length) return undefined;
    const counts = [
      ...zeros(this.#offset - first),
      ...this.#counts,
      ...zeros(last + 1 - this.#offset - length),
    ];
    return this.#replace(first, counts);
  }

  #replace(offset: number, counts: number[]): Undo {
    const offsetBefore = this.#offset;
    const countsBefore = this.#counts;
    const sizeBefore = this.#packedSize;
    this.#offset = offset;
    this.#counts = counts;
    this.#packedSize = sizeOf(counts);
    return () => {
      this.#offset = offsetBefore;
      this.#counts = countsBefore;
      this.#packedSize = sizeBefore;
    };
  }
}

/** Bytes of a sint32 field with a tag of one byte; 0 for the value 0, because the field is left out then. */
export function signedFieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(zigzag(value));
}

/** A sint32 as the varint that is written for it. Source: Protocol Buffers documentation, "Encoding". */
export function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function coarser(offset: number, counts: number[], steps: number): number[] {
  if (steps === 0) return counts;
  const first = offset >> steps;
  const last = (offset + counts.length - 1) >> steps;
  const sums = zeros(last - first + 1);
  for (const [i, count] of counts.entries()) {
    const at = ((offset + i) >> steps) - first;
    sums[at] = (sums[at] ?? 0) + count;
  }
  return sums;
}

function zeros(length: number): number[] {
  return new Array<number>(length).fill(0);
}

function sizeOf(counts: readonly number[]): number {
  let size = 0;
  for (const count of counts) size += countSize(count);
  return size;
}

/** Bytes of a count as a varint; years of readings may bring it beyond 32 bits. */
function countSize(count: number): number {
  return count < 2 ** 35 ? varintSize(count) : 5 + varintSize(Math.floor(count / 2 ** 35));
}
