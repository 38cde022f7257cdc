import type { StateChange } from "../store/batch-store.ts";
import { utf8Size, varintSize, WireWriter } from "./wire.ts";

/**
 * The running series of one lane, as of its last settled batch.
 *
 * In memory: a map from the key of a series to its place in one array of 64-bit words, because an object a series
 * would take ten times the room.
 *
 *     word 0   fingerprint (32 bits) | number of values, flag (32 bits)
 *     word 1   start, nanoseconds
 *     word 2   time of the last point, nanoseconds
 *     word 3   arrival of the newest message that changed it, nanoseconds
 *     word 4…  values
 *
 * Saved: frames, one a settled batch, in the order of the batches; the last record of a series counts. When too much
 * of it is superseded, each frame also takes some other series along, until all have been in one; then what was saved
 * before the first of these frames is dropped, some of it with each frame. So no save is large, however many series
 * there are.
 *
 *     frame    version (1 byte) | bytes of the records (fixed32) | records
 *     record   bytes of the key (varint) | key (UTF-8) | the words, little-endian
 */
export interface SeriesRecord {
  /** Of the settings that the running sequence belongs to; `endedFingerprint` when there is none. */
  fingerprint: number;
  /** One bit of the aggregate's own. */
  flag: boolean;
  startUnixNano: bigint;
  timeUnixNano: bigint;
  changedUnixNano: bigint;
  /** The aggregate's own: integers, or the bits of doubles. */
  values: BigInt64Array<ArrayBuffer>;
}

/** Fingerprint of a series whose next point begins a new sequence. */
export const endedFingerprint = 0;

const version = 2;
const frameHeadSize = 5;
const headWords = 4;
/** Superseded records are tolerated in the saved state up to this many bytes, or the size of the live ones. */
const supersededBytesMin = 8 * 1024 * 1024;
/** What a frame takes along of other series, or little more. */
const foldedBytesMax = 1024 * 1024;
/** What is dropped with one frame, or little more: bytes of outdated chunks, and their number. */
const droppedBytesMax = 4 * 1024 * 1024;
const droppedChunksMax = 1000;

export class SeriesState {
  readonly #offsets = new Map<string, number>();
  #words = new BigInt64Array(headWords * 64);
  #halves = new Uint32Array(this.#words.buffer);
  #wordsUsed = 0;
  /** Of the used ones: left by series that have another number of values now. */
  #wordsLeft = 0;
  /** Bytes of one record for each series. */
  #liveBytes = 0;
  /** Bytes of each chunk that the store holds, the oldest first. */
  #chunks: number[] = [];
  /** Their sum; infinite when they are worthless. */
  #savedBytes = 0;
  /** The series that are still to be taken along, and how many chunks are outdated once they all were. */
  #fold: { keys: Iterator<string>; chunks: number } | undefined;
  /** So many of the oldest chunks hold nothing that later ones do not. */
  #outdated = 0;

  get size(): number {
    return this.#offsets.size;
  }

  keys(): Iterable<string> {
    return this.#offsets.keys();
  }

  has(key: string): boolean {
    return this.#offsets.has(key);
  }

  get(key: string): SeriesRecord | undefined {
    const offset = this.#offsets.get(key);
    if (offset === undefined) return undefined;
    const values = offset + headWords;
    return {
      fingerprint: this.#half(2 * offset),
      flag: (this.#half(2 * offset + 1) & 1) === 1,
      startUnixNano: this.#word(offset + 1),
      timeUnixNano: this.#word(offset + 2),
      changedUnixNano: this.#word(offset + 3),
      values: this.#words.slice(values, values + this.#valueCount(offset)),
    };
  }

  /**
   * Keys of the running series that changed after `changedAfter`, and were neither changed nor stated after
   * `quietSince`: the one stated longest ago first.
   */
  unstated({ changedAfter, quietSince }: { changedAfter: bigint; quietSince: bigint }): string[] {
    const found: { key: string; statedUnixNano: number }[] = [];
    for (const [key, offset] of this.#offsets) {
      const time = this.#word(offset + 2);
      const changed = this.#word(offset + 3);
      const isDue = changed > changedAfter && changed <= quietSince && time <= quietSince;
      const isRunning = this.#half(2 * offset) !== endedFingerprint && this.#valueCount(offset) > 0;
      if (!isDue || !isRunning) continue;
      found.push({ key, statedUnixNano: Number(time > changed ? time : changed) });
    }
    // The order in which they came into the state is not the one in which a restart finds them.
    found.sort((a, b) => a.statedUnixNano - b.statedUnixNano || (a.key < b.key ? -1 : 1));
    return found.map(({ key }) => key);
  }

  /** Take changed series over. Gives what to save; undefined when there are none. */
  update(changes: ReadonlyMap<string, SeriesRecord>): StateChange | undefined {
    if (changes.size === 0) return undefined;
    for (const [key, record] of changes) this.#set(key, record);
    if (this.#savedBytes === Number.POSITIVE_INFINITY) {
      const bytes = this.#encode(this.#offsets.keys());
      this.#chunks = [bytes.length];
      this.#savedBytes = bytes.length;
      return { kind: "replace", bytes };
    }
    const bytes = this.#encode([...changes.keys(), ...this.#takenAlong()]);
    const dropOldest = this.#dropOutdated();
    this.#chunks.push(bytes.length);
    this.#savedBytes += bytes.length;
    return { kind: "append", bytes, ...(dropOldest > 0 && { dropOldest }) };
  }

  /** The next series to be saved again, so that what was saved of them before can go. */
  #takenAlong(): string[] {
    const superseded = this.#savedBytes - this.#liveBytes;
    if (this.#outdated === 0 && superseded > Math.max(supersededBytesMin, this.#liveBytes)) {
      this.#fold ??= { keys: this.#offsets.keys(), chunks: this.#chunks.length };
    }
    const keys: string[] = [];
    for (let bytes = 0; this.#fold !== undefined && bytes < foldedBytesMax; ) {
      const { value: key } = this.#fold.keys.next();
      if (key === undefined) {
        this.#outdated = this.#fold.chunks;
        this.#fold = undefined;
      } else {
        bytes += this.#recordSize(key, this.#offsets.get(key) ?? 0);
        keys.push(key);
      }
    }
    return keys;
  }

  /** Gives how many chunks the store drops now. */
  #dropOutdated(): number {
    let count = 0;
    for (
      let bytes = 0;
      count < Math.min(this.#outdated, droppedChunksMax) && bytes < droppedBytesMax;
      count += 1
    ) {
      bytes += this.#chunks[count] ?? 0;
    }
    for (const bytes of this.#chunks.splice(0, count)) this.#savedBytes -= bytes;
    this.#outdated -= count;
    return count;
  }

  /**
   * Read saved state, in the order in which it was saved.
   *
   * Errors: Error when a chunk was written by another version or is damaged. The state is empty then, and the next
   *         update replaces what the store holds.
   */
  load(chunks: readonly Uint8Array[]): void {
    try {
      for (const chunk of chunks) this.#loadChunk(chunk);
    } catch (error) {
      this.#offsets.clear();
      this.#wordsUsed = 0;
      this.#wordsLeft = 0;
      this.#liveBytes = 0;
      this.#chunks = [];
      this.#savedBytes = Number.POSITIVE_INFINITY;
      throw error;
    }
  }

  #loadChunk(chunk: Uint8Array): void {
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
      this.#loadRecords(view, begin, end);
      at = end;
    }
    this.#chunks.push(chunk.length);
    this.#savedBytes += chunk.length;
  }

  #loadRecords(view: DataView, begin: number, end: number): void {
    const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
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
      const headAt = advance(8 * headWords);
      const valuesAndFlag = view.getUint32(headAt + 4, true);
      const valueCount = valuesAndFlag >>> 1;
      const valuesAt = advance(8 * valueCount);
      this.#set(key, {
        fingerprint: view.getUint32(headAt, true),
        flag: (valuesAndFlag & 1) === 1,
        startUnixNano: view.getBigInt64(headAt + 8, true),
        timeUnixNano: view.getBigInt64(headAt + 16, true),
        changedUnixNano: view.getBigInt64(headAt + 24, true),
        values: BigInt64Array.from({ length: valueCount }, (_, i) =>
          view.getBigInt64(valuesAt + 8 * i, true),
        ),
      });
    }
  }

  #set(key: string, record: SeriesRecord): void {
    const count = record.values.length;
    let offset = this.#offsets.get(key);
    if (offset === undefined || this.#valueCount(offset) !== count) {
      offset = this.#allocate(key, headWords + count);
      this.#halves[2 * offset + 1] = 2 * count;
      this.#liveBytes += this.#recordSize(key, offset);
      this.#offsets.set(key, offset);
    }
    this.#halves[2 * offset] = record.fingerprint;
    this.#halves[2 * offset + 1] = 2 * count + (record.flag ? 1 : 0);
    this.#words[offset + 1] = record.startUnixNano;
    this.#words[offset + 2] = record.timeUnixNano;
    this.#words[offset + 3] = record.changedUnixNano;
    this.#words.set(record.values, offset + headWords);
  }

  /** Room for a record of a series, which leaves the one that it had. */
  #allocate(key: string, words: number): number {
    if (this.#wordsUsed + words > this.#words.length) this.#grow(words);
    const left = this.#offsets.get(key);
    if (left !== undefined) {
      this.#liveBytes -= this.#recordSize(key, left);
      this.#wordsLeft += headWords + this.#valueCount(left);
    }
    const offset = this.#wordsUsed;
    this.#wordsUsed += words;
    return offset;
  }

  /** Move to an array with room for so many words more, without the words that were left. */
  #grow(words: number): void {
    const grown = new BigInt64Array(Math.ceil(1.5 * (this.#wordsUsed - this.#wordsLeft + words)));
    let used = 0;
    for (const [key, offset] of this.#offsets) {
      const count = headWords + this.#valueCount(offset);
      grown.set(this.#words.subarray(offset, offset + count), used);
      this.#offsets.set(key, used);
      used += count;
    }
    this.#words = grown;
    this.#halves = new Uint32Array(grown.buffer);
    this.#wordsUsed = used;
    this.#wordsLeft = 0;
  }

  #encode(keys: Iterable<string>): Uint8Array {
    const entries = Array.from(keys, (key) => ({ key, offset: this.#offsets.get(key) ?? 0 }));
    const size = entries.reduce((sum, { key, offset }) => sum + this.#recordSize(key, offset), 0);
    const writer = new WireWriter(frameHeadSize + size);
    writer.byte(version);
    writer.fixed32(size);
    for (const { key, offset } of entries) {
      const keySize = utf8Size(key);
      writer.varint(keySize);
      writer.utf8(key, keySize);
      writer.fixed32(this.#half(2 * offset));
      writer.fixed32(this.#half(2 * offset + 1));
      const end = offset + headWords + this.#valueCount(offset);
      for (let at = offset + 1; at < end; at += 1) writer.fixed64(this.#word(at));
    }
    return writer.written;
  }

  #recordSize(key: string, offset: number): number {
    const keySize = utf8Size(key);
    return varintSize(keySize) + keySize + 8 * (headWords + this.#valueCount(offset));
  }

  #valueCount(offset: number): number {
    return this.#half(2 * offset + 1) >>> 1;
  }

  #word(at: number): bigint {
    return this.#words[at] ?? 0n;
  }

  #half(at: number): number {
    return this.#halves[at] ?? 0;
  }
}
