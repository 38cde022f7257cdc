import type { Aggregate, Reading, Undo } from "./aggregate.ts";
import { numberOf, wordOf, writeNumber } from "./number-value.ts";
import type { SeriesRecord } from "./series-record.ts";
import { fixed64FieldSize, type WireWriter } from "./wire.ts";

const attributesField = 7;

/** An integer, bigint beyond 2^53−1, or a double. */
interface NumberValue {
  value: number | bigint;
  isDouble: boolean;
}

const zero: NumberValue = { value: 0, isDouble: false };

/**
 * The totals that a meter was read at: the newest reading counts, whatever order they come in. One that is lower
 * than the one before it was taken after the meter had begun again at zero.
 *
 * Its cumulative points hold the total as it was read, and a reset begins a new sequence. Its delta points hold by
 * how much the total grew; what it was at first is not known to have grown since anything.
 *
 * Source: OpenTelemetry, "Metrics Data Model", Resets and Gaps.
 */
export class Meter implements Aggregate<Meter> {
  readonly pointSize = fixed64FieldSize;
  readonly #temporality: "cumulative" | "delta";
  #total: NumberValue = zero;
  /** Undefined: it was not read. */
  #readUnixNano: bigint | undefined;
  /** The first of the readings that led to the total: since then it did not begin again. */
  #first: { value: number | bigint; timeUnixNano: bigint } | undefined;
  /** From the total before to this one. */
  #growth: NumberValue = zero;

  constructor(temporality: "cumulative" | "delta") {
    this.#temporality = temporality;
  }

  /** Undefined: the values are not those of a meter. */
  static restore(
    temporality: "cumulative" | "delta",
    { flag, values }: Pick<SeriesRecord, "flag" | "values">,
  ): Meter | undefined {
    const [word, readUnixNano] = values;
    if (values.length !== 2 || word === undefined) return undefined;
    const meter = new Meter(temporality);
    meter.#total = { value: numberOf(word, flag), isDouble: flag };
    meter.#readUnixNano = readUnixNano;
    return meter;
  }

  /** Undefined: the meter began again. */
  record({ value, isDouble, timeUnixNano }: Reading): Undo | undefined {
    const total = this.#total;
    const readUnixNano = this.#readUnixNano;
    const first = this.#first;
    if (readUnixNano !== undefined) {
      if (timeUnixNano < readUnixNano) return () => {};
      if (value < total.value) return undefined;
    }
    this.#total = { value, isDouble };
    this.#readUnixNano = timeUnixNano;
    this.#first ??= { value, timeUnixNano };
    return () => {
      this.#total = total;
      this.#readUnixNano = readUnixNano;
      this.#first = first;
    };
  }

  follow(): void {}

  recordEarlier(): undefined {}

  /** False: the meter began again. */
  merge(later: Meter): boolean {
    const isNews = later.#readUnixNano !== undefined && later.#readUnixNano >= (this.#readUnixNano ?? 0n);
    if (!isNews) {
      this.#growth = zero;
      return true;
    }
    const isReset = later.#beganAfter(this);
    if (isReset && this.#temporality === "cumulative") return false;
    const isKnown = this.#readUnixNano !== undefined;
    this.#growth = isReset ? later.#total : isKnown ? difference(later.#total, this.#total) : zero;
    this.#total = later.#total;
    this.#readUnixNano = later.#readUnixNano;
    return true;
  }

  /** Whether the meter began again between the readings of another and these. */
  #beganAfter(earlier: Meter): boolean {
    const first = this.#first;
    if (first === undefined || earlier.#readUnixNano === undefined) return false;
    // A first reading from before the others says nothing about what came after them.
    const { value } = first.timeUnixNano >= earlier.#readUnixNano ? first : this.#total;
    return value < earlier.#total.value;
  }

  write(writer: WireWriter, writeAttributes: (fieldNumber: number) => void): void {
    const { value, isDouble } = this.#temporality === "delta" ? this.#growth : this.#total;
    writeNumber(writer, value, isDouble);
    writeAttributes(attributesField);
  }

  save(): Pick<SeriesRecord, "flag" | "values"> {
    const { value, isDouble } = this.#total;
    return { flag: isDouble, values: BigInt64Array.of(wordOf(value, isDouble), this.#readUnixNano ?? 0n) };
  }
}

/** Exact for integers. */
function difference(a: NumberValue, b: NumberValue): NumberValue {
  if (a.isDouble || b.isDouble) return { value: Number(a.value) - Number(b.value), isDouble: true };
  return { value: BigInt(a.value) - BigInt(b.value), isDouble: false };
}
