import { endedFingerprint, recordSize, type SavedSeries, type SeriesRecord } from "./series-record.ts";

const headWords = 4;

/**
 * Many series in little memory: numbered as they came, each with its place in one array of 64-bit words, because an
 * object a series would take ten times the room.
 *
 *     word 0   fingerprint (32 bits) | number of values, flag (32 bits)
 *     word 1   start, nanoseconds
 *     word 2   time of the last point, nanoseconds
 *     word 3   arrival of the newest message that changed it, nanoseconds
 *     word 4…  values
 */
export class SeriesTable {
  readonly #numbers = new Map<string, number>();
  /** By number. */
  #keys: string[] = [];
  /** By number. */
  #offsets: number[] = [];
  #words = new BigInt64Array(headWords * 64);
  #halves = new Uint32Array(this.#words.buffer);
  #wordsUsed = 0;
  /** Of the used ones: left by series that have another number of values now. */
  #wordsLeft = 0;
  #savedBytes = 0;

  /** Number of the next series that is new. */
  get size(): number {
    return this.#keys.length;
  }

  /** Bytes of them all, each saved once. */
  get savedBytes(): number {
    return this.#savedBytes;
  }

  has(key: string): boolean {
    return this.#numbers.has(key);
  }

  get(key: string): SeriesRecord | undefined {
    const number = this.#numbers.get(key);
    if (number === undefined) return undefined;
    const record = this.#recordAt(this.#offset(number));
    return { ...record, values: record.values.slice() };
  }

  /** Keys of the series from this number on. */
  keysFrom(number: number): string[] {
    return this.#keys.slice(number);
  }

  /** A series by its number. Its values are valid until the next `set()`. */
  at(number: number): SavedSeries {
    return { key: this.#key(number), record: this.#recordAt(this.#offset(number)) };
  }

  /** Bytes of one when it is saved, by its number. */
  savedBytesAt(number: number): number {
    return recordSize(this.#key(number), this.#valueCount(this.#offset(number)));
  }

  /** Gives the number of the series. */
  set(key: string, record: SeriesRecord): number {
    const known = this.#numbers.get(key);
    const number = known ?? this.size;
    const count = record.values.length;
    if (known === undefined) {
      this.#numbers.set(key, number);
      this.#keys.push(key);
      this.#offsets.push(this.#allocate(number, count));
    } else if (this.#valueCount(this.#offset(number)) !== count) {
      const before = headWords + this.#valueCount(this.#offset(number));
      this.#savedBytes -= this.savedBytesAt(number);
      this.#offsets[number] = this.#allocate(number, count);
      // Only now: an array that grows for it still takes them along.
      this.#wordsLeft += before;
    }
    const offset = this.#offset(number);
    this.#halves[2 * offset] = record.fingerprint;
    this.#halves[2 * offset + 1] = 2 * count + (record.flag ? 1 : 0);
    this.#words[offset + 1] = record.startUnixNano;
    this.#words[offset + 2] = record.timeUnixNano;
    this.#words[offset + 3] = record.changedUnixNano;
    this.#words.set(record.values, offset + headWords);
    return number;
  }

  clear(): void {
    this.#numbers.clear();
    this.#keys = [];
    this.#offsets = [];
    this.#wordsUsed = 0;
    this.#wordsLeft = 0;
    this.#savedBytes = 0;
  }

  /**
   * Keys of the running series that changed after `changedAfter`, and were neither changed nor stated after
   * `quietSince`: the one stated longest ago first.
   */
  unstated({ changedAfter, quietSince }: { changedAfter: bigint; quietSince: bigint }): string[] {
    const found: { key: string; statedUnixNano: number }[] = [];
    for (const [number, offset] of this.#offsets.entries()) {
      const time = this.#word(offset + 2);
      const changed = this.#word(offset + 3);
      const isDue = changed > changedAfter && changed <= quietSince && time <= quietSince;
      const isRunning = this.#half(2 * offset) !== endedFingerprint && this.#valueCount(offset) > 0;
      if (!isDue || !isRunning) continue;
      found.push({ key: this.#key(number), statedUnixNano: Number(time > changed ? time : changed) });
    }
    // The order in which they came into the state is not the one in which a restart finds them.
    found.sort((a, b) => a.statedUnixNano - b.statedUnixNano || (a.key < b.key ? -1 : 1));
    return found.map(({ key }) => key);
  }

  /** Offset of room for a series with so many values. */
  #allocate(number: number, valueCount: number): number {
    const words = headWords + valueCount;
    if (this.#wordsUsed + words > this.#words.length) this.#grow(words);
    const offset = this.#wordsUsed;
    this.#wordsUsed += words;
    this.#savedBytes += recordSize(this.#key(number), valueCount);
    return offset;
  }

  /** Move to an array with room for so many words more, without the words that were left. */
  #grow(words: number): void {
    const grown = new BigInt64Array(Math.ceil(1.5 * (this.#wordsUsed - this.#wordsLeft + words)));
    let used = 0;
    for (const [number, offset] of this.#offsets.entries()) {
      const count = headWords + this.#valueCount(offset);
      grown.set(this.#words.subarray(offset, offset + count), used);
      this.#offsets[number] = used;
      used += count;
    }
    this.#words = grown;
    this.#halves = new Uint32Array(grown.buffer);
    this.#wordsUsed = used;
    this.#wordsLeft = 0;
  }

  #recordAt(offset: number): SeriesRecord {
    const values = offset + headWords;
    return {
      fingerprint: this.#half(2 * offset),
      flag: (this.#half(2 * offset + 1) & 1) === 1,
      startUnixNano: this.#word(offset + 1),
      timeUnixNano: this.#word(offset + 2),
      changedUnixNano: this.#word(offset + 3),
      values: this.#words.subarray(values, values + this.#valueCount(offset)),
    };
  }

  #key(number: number): string {
    return this.#keys[number] ?? "";
  }

  #offset(number: number): number {
    return this.#offsets[number] ?? 0;
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
