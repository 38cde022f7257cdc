import type { Aggregate, Reading, Undo } from "./aggregate.ts";
import { numberOf, wordOf, writeNumber } from "./number-value.ts";
import type { SeriesRecord } from "./series-record.ts";
import { fixed64FieldSize, type WireWriter } from "./wire.ts";

/** Field number in NumberDataPoint. Source: OTLP, metrics.proto. */
const attributesField = 7;

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

/**
 * A sum: exact within int64 as long as all its readings are integers, a double from the first float on. Integer and
 * double values are one series, because the type of the value does not identify a metric.
 *
 * Source: OpenTelemetry, "Metrics Data Model", Sums.
 */
export class Sum implements Aggregate<Sum> {
  readonly pointSize = fixed64FieldSize;
  #value: number | bigint = 0;
  #isDouble = false;

  /** Undefined: the values are not those of a sum. */
  static restore({ flag, values }: SeriesRecord): Sum | undefined {
    if (values.length !== 1) return undefined;
    const sum = new Sum();
    sum.#isDouble = flag;
    sum.#value = numberOf(values[0] ?? 0n, flag);
    return sum;
  }

  record({ value, isDouble }: Reading): Undo | undefined {
    const before = this.#value;
    const wasDouble = this.#isDouble;
    if (!this.#add(value, isDouble)) return undefined;
    return () => {
      this.#value = before;
      this.#isDouble = wasDouble;
    };
  }

  follow(): void {}

  recordEarlier(): undefined {}

  merge(other: Sum): boolean {
    return this.#add(other.#value, other.#isDouble);
  }

  write(writer: WireWriter, writeAttributes: (fieldNumber: number) => void): void {
    writeNumber(writer, this.#value, this.#isDouble);
    writeAttributes(attributesField);
  }

  save(): Pick<SeriesRecord, "flag" | "values"> {
    const values = new BigInt64Array(1);
    values[0] = wordOf(this.#value, this.#isDouble);
    return { flag: this.#isDouble, values };
  }

  #add(value: number | bigint, isDouble: boolean): boolean {
    if (isDouble || this.#isDouble) {
      const sum = Number(this.#value) + Number(value);
      if (!Number.isFinite(sum)) return false;
      this.#value = sum;
      this.#isDouble = true;
      return true;
    }
    const sum = exactSum(this.#value, value);
    if (typeof sum === "bigint" && (sum > int64Max || sum < int64Min)) return false;
    this.#value = sum;
    return true;
  }
}

function exactSum(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return BigInt(a) + BigInt(b);
}
