import type { Aggregate, Reading, Undo } from "./aggregate.ts";
import type { SeriesRecord } from "./series-record.ts";
import { fixed64FieldSize, lengthDelimitedSize, tag, type WireWriter } from "./wire.ts";

/** Field numbers of HistogramDataPoint. Source: OTLP, metrics.proto. */
const countTag = tag(4, 1);
const sumTag = tag(5, 1);
const bucketCountsField = 6;
const explicitBoundsField = 7;
const attributesField = 9;
const minTag = tag(11, 1);
const maxTag = tag(12, 1);

/** Sum, least and greatest value, before the counts. */
const scalars = 3;

/**
 * A histogram with explicit bounds, upper bounds inclusive. Its sum is left out from the first negative value on,
 * because it could fall then, which receivers take for a reset.
 *
 * Source: OTLP, metrics.proto, HistogramDataPoint; OpenTelemetry, "Metrics Data Model", Histogram.
 */
export class Histogram implements Aggregate<Histogram> {
  readonly #bounds: readonly number[];
  /** Sum, least, greatest, then the count of each bucket: what is saved. */
  readonly #numbers: Float64Array<ArrayBuffer>;
  #hidesSum = false;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#numbers = new Float64Array(scalars + bounds.length + 1);
    this.#numbers[1] = Number.POSITIVE_INFINITY;
    this.#numbers[2] = Number.NEGATIVE_INFINITY;
  }

  /** Undefined: the values are not those of a histogram with these bounds. */
  static restore(bounds: readonly number[], { flag, values }: SeriesRecord): Histogram | undefined {
    const histogram = new Histogram(bounds);
    if (values.length !== histogram.#numbers.length) return undefined;
    histogram.#numbers.set(new Float64Array(values.buffer));
    histogram.#hidesSum = flag;
    return histogram;
  }

  get pointSize(): number {
    return (
      (this.#hidesSum ? 3 : 4) * fixed64FieldSize +
      lengthDelimitedSize(8 * (this.#bounds.length + 1)) +
      (this.#bounds.length === 0 ? 0 : lengthDelimitedSize(8 * this.#bounds.length))
    );
  }

  record({ value }: Reading): Undo {
    const number = Number(value);
    const numbers = this.#numbers;
    const [sum = 0, min = 0, max = 0] = numbers;
    const bucket = scalars + this.#bucketOf(number);
    const count = numbers[bucket] ?? 0;
    const hidSum = this.#hidesSum;
    numbers[0] = sum + number;
    numbers[1] = Math.min(min, number);
    numbers[2] = Math.max(max, number);
    numbers[bucket] = count + 1;
    if (number < 0) this.#hidesSum = true;
    return () => {
      numbers[0] = sum;
      numbers[1] = min;
      numbers[2] = max;
      numbers[bucket] = count;
      this.#hidesSum = hidSum;
    };
  }

  follow(earlier: Histogram): void {
    this.#hidesSum = earlier.#hidesSum;
  }

  recordEarlier({ value }: Reading): Undo | undefined {
    if (this.#hidesSum || value >= 0) return undefined;
    this.#hidesSum = true;
    return () => {
      this.#hidesSum = false;
    };
  }

  merge(other: Histogram): boolean {
    const numbers = this.#numbers;
    const [sum = 0, min = 0, max = 0] = other.#numbers;
    numbers[0] = (numbers[0] ?? 0) + sum;
    numbers[1] = Math.min(numbers[1] ?? 0, min);
    numbers[2] = Math.max(numbers[2] ?? 0, max);
    for (let i = scalars; i < numbers.length; i += 1)
      numbers[i] = (numbers[i] ?? 0) + (other.#numbers[i] ?? 0);
    if (other.#hidesSum) this.#hidesSum = true;
    return true;
  }

  write(writer: WireWriter, writeAttributes: (fieldNumber: number) => void): void {
    const [sum = 0, min = 0, max = 0, ...counts] = this.#numbers;
    writer.byte(countTag);
    writer.integer64(counts.reduce((total, count) => total + count, 0));
    if (!this.#hidesSum) {
      writer.byte(sumTag);
      writer.double(sum);
    }
    writer.open(bucketCountsField, 8 * counts.length);
    for (const count of counts) writer.integer64(count);
    if (this.#bounds.length > 0) {
      writer.open(explicitBoundsField, 8 * this.#bounds.length);
      for (const bound of this.#bounds) writer.double(bound);
    }
    writeAttributes(attributesField);
    writer.byte(minTag);
    writer.double(min);
    writer.byte(maxTag);
    writer.double(max);
  }

  save(): Pick<SeriesRecord, "flag" | "values"> {
    return { flag: this.#hidesSum, values: new BigInt64Array(this.#numbers.slice().buffer) };
  }

  /** Index of the first bucket whose upper bound is not below the value. */
  #bucketOf(value: number): number {
    let low = 0;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (this.#bounds[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
