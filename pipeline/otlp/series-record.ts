import { utf8Size, varintSize, WireWriter } from "./wire.ts";

/** The running sequence of a series, as of its last point. */
export interface SeriesRecord {
  /** Of the settings that the running sequence belongs to; `endedFingerprint` when there is none. */
  fingerprint: number;
  /** One bit of the aggregate's own. */
  flag: boolean;
  startUnixNano: bigint;
  timeUnixNano: bigint;
  /** Arrival of the newest message that changed it. */
  changedUnixNano: bigint;
  /** The aggregate's own: integers, or the bits of doubles. */
  values: BigInt64Array<ArrayBuffer>;
}

/** Fingerprint of a series whose next point begins a new sequence. */
export const endedFingerprint = 0;

/** Of a key that only has to be known: there is nothing to go on with, and nothing to state again. */
export const keyRecord: SeriesRecord = {
  fingerprint: endedFingerprint,
  flag: false,
  startUnixNano: 0n,
  timeUnixNano: 0n,
  changedUnixNano: 0n,
  values: new BigInt64Array(0),
};

/** A series as it is saved. */
export interface SavedSeries {
  key: string;
  record: SeriesRecord;
}

/*
 * Saved: frames, all numbers little-endian.
 *
 *     frame    version (1 byte) | bytes of the records (fixed32) | records
 *     record   bytes of the key (varint) | key (UTF-8) | fingerprint (fixed32) | twice the number of values, plus
 *              the flag (fixed32) | start | time | changed | values (64 bits each)
 */
const version = 2;
const frameHeadSize = 5;
const recordHeadSize = 32;

/** Bytes of a saved series. */
export function recordSize(key: string, valueCount: number): number {
  const keySize = utf8Size(key);
  return varintSize(keySize) + keySize + recordHeadSize + 8 * valueCount;
}

/** A frame of these series; `size` is the sum of their `recordSize()`. */
export function encodeFrame(series: Iterable<SavedSeries>, size: number): Uint8Array {
  const writer = new WireWriter(frameHeadSize + size);
  writer.byte(version);
  writer.fixed32(size);
  for (const { key, record } of series) {
    const keySize = utf8Size(key);
    writer.varint(keySize);
    writer.utf8(key, keySize);
    writer.fixed32(record.fingerprint);
    writer.fixed32(2 * record.values.length + (record.flag ? 1 : 0));
    writer.fixed64(record.startUnixNano);
    writer.fixed64(record.timeUnixNano);
    writer.fixed64(record.changedUnixNano);
    for (const value of record.values) writer.fixed64(value);
  }
  return writer.written;
}

/**
 * The series of a chunk of whole frames, in order. The values of each are valid until the next one.
 *
 * Errors: Error when the chunk was written by another version or is damaged.
 */
export function* decodeFrames(chunk: Uint8Array): Generator<SavedSeries> {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  let at = 0;
  while (at < chunk.length) {
    if (chunk[at] !== version) {
      throw new Error(`Cannot load series state: met version ${chunk[at]}, wanted ${version}`);
    }
    const begin = at + frameHeadSize;
    const end = begin <= chunk.length ? begin + view.getUint32(at + 1, true) : begin;
    if (end > chunk.length) {
      throw new Error(`Cannot load series state: met ${chunk.length - at} bytes, wanted ${end - at}`);
    }
    yield* decodeRecords(view, begin, end);
    at = end;
  }
}

function* decodeRecords(view: DataView, begin: number, end: number): Generator<SavedSeries> {
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  // An array of its own for each of a hundred thousand records would be memory outside of the heap, freed late.
  let values = new BigInt64Array(64);
  let at = begin;
  const advance = (size: number) => {
    const from = at;
    at += size;
    if (at > end)
      throw new Error(`Cannot load series state: a record ends at byte ${at}, its frame at ${end}`);
    return from;
  };
  while (at < end) {
    let keySize = 0;
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = view.getUint8(advance(1));
      keySize += (byte & 0x7f) * 2 ** shift;
      more = byte > 0x7f;
    }
    const keyAt = advance(keySize);
    const key = utf8.decode(new Uint8Array(view.buffer, view.byteOffset + keyAt, keySize));
    const headAt = advance(recordHeadSize);
    const valuesAndFlag = view.getUint32(headAt + 4, true);
    const valueCount = valuesAndFlag >>> 1;
    const valuesAt = advance(8 * valueCount);
    if (valueCount > values.length) values = new BigInt64Array(2 * valueCount);
    for (let i = 0; i < valueCount; i += 1) values[i] = view.getBigInt64(valuesAt + 8 * i, true);
    const record = {
      fingerprint: view.getUint32(headAt, true),
      flag: (valuesAndFlag & 1) === 1,
      startUnixNano: view.getBigInt64(headAt + 8, true),
      timeUnixNano: view.getBigInt64(headAt + 16, true),
      changedUnixNano: view.getBigInt64(headAt + 24, true),
      values: values.subarray(0, valueCount),
    };
    yield { key, record };
  }
}
