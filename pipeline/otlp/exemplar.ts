import type { Reading } from "./aggregate.ts";
import type { TraceContext } from "./trace-ids.ts";
import { fixed64FieldSize, lengthDelimitedSize, tag, type WireWriter } from "./wire.ts";

/** Field numbers of Exemplar. Source: OTLP, metrics.proto. */
const timeTag = tag(2, 1);
const asDoubleTag = tag(3, 1);
const spanIdField = 4;
const traceIdField = 5;
const asIntTag = tag(6, 1);

/** One reading of a point that was taken in a sampled trace. */
export interface Exemplar {
  /** Within the interval of its point. */
  timeUnixNano: bigint;
  reading: Reading;
  trace: TraceContext;
}

const contentSize = 2 * fixed64FieldSize + lengthDelimitedSize(8) + lengthDelimitedSize(16);

/** Bytes of an exemplar as a field with a tag of one byte: all are of one size. */
export const exemplarSize = lengthDelimitedSize(contentSize);

export function writeExemplar(
  writer: WireWriter,
  fieldNumber: number,
  { timeUnixNano, reading: { value, isDouble }, trace: { spanId, traceId } }: Exemplar,
): void {
  writer.open(fieldNumber, contentSize);
  writer.byte(timeTag);
  writer.fixed64(timeUnixNano);
  if (isDouble) {
    writer.byte(asDoubleTag);
    writer.double(Number(value));
  }
  writer.open(spanIdField, spanId.length);
  writer.raw(spanId);
  writer.open(traceIdField, traceId.length);
  writer.raw(traceId);
  if (!isDouble) {
    writer.byte(asIntTag);
    writer.integer64(value);
  }
}
