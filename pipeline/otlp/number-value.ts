import { tag, type WireWriter } from "./wire.ts";

/** Fields of the value in NumberDataPoint. Source: OTLP, metrics.proto. */
const asDoubleTag = tag(4, 1);
const asIntTag = tag(6, 1);

/** Write the value of a NumberDataPoint, `fixed64FieldSize` bytes. */
export function writeNumber(writer: WireWriter, value: number | bigint, isDouble: boolean): void {
  if (isDouble) {
    writer.byte(asDoubleTag);
    writer.double(Number(value));
  } else {
    writer.byte(asIntTag);
    writer.integer64(value);
  }
}

/** The value as one word of a record. */
export function wordOf(value: number | bigint, isDouble: boolean): bigint {
  return isDouble ? (new BigInt64Array(Float64Array.of(Number(value)).buffer)[0] ?? 0n) : BigInt(value);
}

/** The value that `wordOf()` made a word of. */
export function numberOf(word: bigint, isDouble: boolean): number | bigint {
  return isDouble ? (new Float64Array(BigInt64Array.of(word).buffer)[0] ?? 0) : narrowed(word);
}

/** As a number where that is exact, because numbers are faster. */
function narrowed(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
