import type { Aggregate, Reading, Undo } from "./aggregate.ts";
import { ExponentialBuckets, signedFieldSize, zigzag } from "./exponential-buckets.ts";
import { finestIndex, scaleMax } from "./exponential-index.ts";
import { type ExponentialValues, restoreExponential, saveExponential } from "./exponential-record.ts";
import type { SeriesRecord } from "./series-record.ts";
import { fixed64FieldSize, tag, type WireWriter } from "./wire.ts";

/** Field numbers of ExponentialHistogramDataPoint. Source: OTLP, metrics.proto. */
const attributesField = 1;
const countTag = tag(4, 1);
const sumTag = tag(5, 1);
const scaleTag = tag(6, 0);
const zeroCountTag = tag(7, 1);
const positiveField = 8;
const negativeField = 9;
const minTag = tag(12, 1);
const maxTag = tag(13, 1);

/**
 * A histogram whose buckets grow exponentially, as fine as all its values allow. Its scale and buckets depend on
 * the values alone: not on their order, nor on what was merged when. Its sum is left out from the first negative
 * value on, because it could fall then, which receivers take for a reset.
 *
 * The size of a point depends on every value of the sequence. A histogram that follows another therefore begins
 * with all that the other holds.
 *
 * Source: OTLP, metrics.proto, ExponentialHistogramDataPoint; OpenTelemetry, "Metrics Data Model".
 */
export class ExponentialHistogram implements Aggregate<ExponentialHistogram> {
  #values: ExponentialValues = {
    scale: scaleMax,
    zeroCount: 0,
    sum: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    hidesSum: false,
    positive: new ExponentialBuckets(),
    negative: new ExponentialBuckets(),
  };
  /** It holds all that the sequence held before it. */
  #isWhole = false;

  /** Undefined: the values are not those of an exponential histogram. */
  static restore(record: Pick<SeriesRecord, "flag" | "values">): ExponentialHistogram | undefined {
    const values = restoreExponential(record);
    if (values === undefined) return undefined;
    const histogram = new ExponentialHistogram();
    histogram.#values = values;
    return histogram;
  }

  get pointSize(): number {
    const { scale, zeroCount, hidesSum, positive, negative } = this.#values;
    return (
      (hidesSum ? 3 : 4) * fixed64FieldSize +
      signedFieldSize(scale) +
      (zeroCount === 0 ? 0 : fixed64FieldSize) +
      positive.size +
      negative.size
    );
  }

  record({ value }: Reading): Undo {
    const number = Number(value);
    const values = this.#values;
    const { sum, min, max, hidesSum } = values;
    const takeBack = number === 0 ? this.#countZero() : this.#count(number);
    values.sum = sum + number;
    values.min = Math.min(min, number);
    values.max = Math.max(max, number);
    if (number < 0) values.hidesSum = true;
    return () => {
      takeBack();
      values.sum = sum;
      values.min = min;
      values.max = max;
      values.hidesSum = hidesSum;
    };
  }

  recordEarlier(reading: Reading): Undo {
    const wasWhole = this.#isWhole;
    const takeBack = this.record(reading);
    this.#isWhole = true;
    return () => {
      takeBack();
      this.#isWhole = wasWhole;
    };
  }

  follow(earlier: ExponentialHistogram): void {
    this.#values = copyOf(earlier.#values);
    this.#isWhole = true;
  }

  merge(other: ExponentialHistogram): boolean {
    const isEmpty = this.#values.min > this.#values.max;
    if (isEmpty || other.#isWhole) {
      this.#values = copyOf(other.#values);
      return true;
    }
    const values = this.#values;
    const { scale, zeroCount, sum, min, max, hidesSum, positive, negative } = other.#values;
    this.#coarsen(values.scale - Math.min(scale, values.scale));
    const stepsToJoin = (own: ExponentialBuckets, added: ExponentialBuckets) => {
      const steps = scale - values.scale;
      return added.length === 0
        ? 0
        : own.stepsToHold(added.offset >> steps, (added.offset + added.length - 1) >> steps);
    };
    this.#coarsen(Math.max(stepsToJoin(values.positive, positive), stepsToJoin(values.negative, negative)));
    values.positive.merge(positive, scale - values.scale);
    values.negative.merge(negative, scale - values.scale);
    values.zeroCount += zeroCount;
    values.sum += sum;
    values.min = Math.min(values.min, min);
    values.max = Math.max(values.max, max);
    values.hidesSum ||= hidesSum;
    return true;
  }

  write(writer: WireWriter, writeAttributes: (fieldNumber: number) => void): void {
    const { scale, zeroCount, sum, min, max, hidesSum, positive, negative } = this.#values;
    writeAttributes(attributesField);
    writer.byte(countTag);
    writer.integer64(zeroCount + positive.total + negative.total);
    if (!hidesSum) {
      writer.byte(sumTag);
      writer.double(sum);
    }
    if (scale !== 0) {
      writer.byte(scaleTag);
      writer.varint(zigzag(scale));
    }
    if (zeroCount !== 0) {
      writer.byte(zeroCountTag);
      writer.integer64(zeroCount);
    }
    positive.write(writer, positiveField);
    negative.write(writer, negativeField);
    writer.byte(minTag);
    writer.double(min);
    writer.byte(maxTag);
    writer.double(max);
  }

  save(): Pick<SeriesRecord, "flag" | "values"> {
    return saveExponential(this.#values);
  }

  #countZero(): Undo {
    const values = this.#values;
    values.zeroCount += 1;
    return () => {
      values.zeroCount -= 1;
    };
  }

  #count(number: number): Undo {
    const values = this.#values;
    const buckets = number > 0 ? values.positive : values.negative;
    const index = finestIndex(Math.abs(number)) >> (scaleMax - values.scale);
    const steps = buckets.stepsToHold(index, index);
    if (steps === 0) return buckets.increment(index);
    const refine = this.#coarsen(steps);
    const takeBack = buckets.increment(index >> steps);
    return () => {
      takeBack();
      refine();
    };
  }

  #coarsen(steps: number): Undo {
    const values = this.#values;
    const refinePositive = values.positive.coarsen(steps);
    const refineNegative = values.negative.coarsen(steps);
    values.scale -= steps;
    return () => {
      values.scale += steps;
      refineNegative();
      refinePositive();
    };
  }
}

function copyOf(values: ExponentialValues): ExponentialValues {
  return { ...values, positive: values.positive.copy(), negative: values.negative.copy() };
}
