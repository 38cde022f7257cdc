/**
 * The identities that arrived lately, in memory: a ring in order of arrival, and an open-addressing table from the
 * first half of an identity to its place in the ring. Each entry has a running number, its sequence; the store
 * keeps the same entries on disk by these numbers.
 *
 * ```
 *   first                      next
 *     │ oldest → … → newest     │        index = sequence & (capacity − 1)
 * ```
 *
 * An index on disk would cost three to six times as much as the inserts themselves.
 */

import { isAmong } from "./batch-store.ts";

/** Of an identity: 8 bytes name the message, 8 bytes are the digest of its content. */
export const identityBytes = 16;

const wordsPerEntry = identityBytes / 4;
const capacityMin = 1024;
const empty = -1;
/** The same name, with other content only. */
const conflicting = -2;

/** A lane that owes messages, and the last one that it does not. */
export interface LaneDebt {
  mask: number;
  settledId: number;
}

export interface DedupeOptions {
  windowSeconds: number;
  entriesMax: number;
  /**
   * The lanes that owe something, where repeats wait for what they repeat: an entry is then known beyond the window
   * for as long as a lane owes its message, and `idOf` knows the message.
   */
  debts?: (() => readonly LaneDebt[]) | undefined;
}

/** The message of an entry, and the lanes that owe it or did. */
export interface Debt {
  id: number;
  lanes: number;
}

const noDebt: Debt = { id: 0, lanes: 0 };
const everyLane = 2 ** 48 - 1;

export type DedupeFinding = "new" | "duplicate" | "idConflict";

export class DedupeTable {
  readonly #windowUs: number;
  readonly #entriesMax: number;
  #capacity = capacityMin;
  #words = new Uint32Array(capacityMin * wordsPerEntry);
  #arrivedUs = new Float64Array(capacityMin);
  readonly #debts: DedupeOptions["debts"];
  /** The messages' ids in the store, where somebody wants them. */
  #ids: Float64Array | undefined;
  /** Twice as many slots as entries; each holds an entry's place in the ring or `empty`. */
  #slots = new Int32Array(capacityMin * 2).fill(empty);
  #first: number;
  #next: number;

  constructor(options: DedupeOptions & { firstSequence?: number }) {
    this.#windowUs = options.windowSeconds * 1e6;
    this.#entriesMax = options.entriesMax;
    this.#first = options.firstSequence ?? 0;
    this.#next = this.#first;
    this.#debts = options.debts;
    if (options.debts) this.#ids = new Float64Array(capacityMin);
  }

  get enabled(): boolean {
    return this.#windowUs > 0 && this.#entriesMax > 0;
  }

  get size(): number {
    return this.#next - this.#first;
  }

  /** Sequence of the oldest entry. */
  get firstSequence(): number {
    return this.#first;
  }

  /** Sequence that the next entry gets. */
  get nextSequence(): number {
    return this.#next;
  }

  /** Look an identity up, and remember it, with the message's id, unless it is a duplicate. */
  add(identity: Uint8Array, arrivedAtUs: number, { id, lanes } = noDebt): DedupeFinding {
    const found = this.#find(identity, arrivedAtUs, lanes);
    if (found >= 0) return "duplicate";
    this.restore(identity, 0, arrivedAtUs, id);
    return found === conflicting ? "idConflict" : "new";
  }

  /** Id of the message that this one repeats; 0 when there is none, or it is not held. */
  idOf(identity: Uint8Array, arrivedAtUs: number, lanes: number): number {
    return this.#ids?.[this.#find(identity, arrivedAtUs, lanes)] ?? 0;
  }

  /** Place of the entry that this identity repeats; `empty` or `conflicting` when it repeats none. */
  #find(identity: Uint8Array, arrivedAtUs: number, lanes: number): number {
    const a = wordOf(identity, 0);
    const b = wordOf(identity, 4);
    let found = empty;
    for (let slot = this.#slotOf(a); ; slot = this.#after(slot)) {
      const place = this.#slots[slot] ?? empty;
      if (place === empty) return found;
      const word = place * wordsPerEntry;
      if (this.#words[word] !== a || this.#words[word + 1] !== b) continue;
      const isOver = (this.#arrivedUs[place] ?? 0) <= arrivedAtUs - this.#windowUs;
      if (isOver && !this.#isOwed(place, lanes, this.#debts?.())) continue;
      if (this.#words[word + 2] === wordOf(identity, 8) && this.#words[word + 3] === wordOf(identity, 12)) {
        return place;
      }
      found = conflicting;
    }
  }

  /**
   * Remember the identity at `from`, which was new once. Another window, or an instant that is not exactly its own, could make it
   * a duplicate now; without it the entries after it would have other numbers than on disk.
   */
  restore(packed: Uint8Array, from: number, arrivedAtUs: number, id = 0): void {
    if (this.size === this.#capacity) this.#grow();
    const place = this.#next & (this.#capacity - 1);
    const word = place * wordsPerEntry;
    for (let at = 0; at < wordsPerEntry; at++) this.#words[word + at] = wordOf(packed, from + at * 4);
    this.#arrivedUs[place] = arrivedAtUs;
    if (this.#ids) this.#ids[place] = id;
    this.#slots[this.#freeSlot(this.#words[word] ?? 0)] = place;
    this.#next++;
  }

  /** Forget the newest entries, from `sequence` on: the commit that would have kept them failed. */
  rollback(sequence: number): void {
    while (this.#next > sequence) {
      this.#next--;
      this.#unlink(this.#next & (this.#capacity - 1));
    }
  }

  /** Forget the oldest entries that left the window, and are owed no more, or are too many. */
  evict(nowUs: number): void {
    const before = nowUs - this.#windowUs;
    let debts: readonly LaneDebt[] | undefined;
    while (this.size > 0) {
      const place = this.#first & (this.#capacity - 1);
      if (this.size <= this.#entriesMax) {
        if ((this.#arrivedUs[place] ?? 0) > before) return;
        debts ??= this.#debts?.();
        if (this.#isOwed(place, everyLane, debts)) return;
      }
      this.#unlink(place);
      this.#first++;
    }
  }

  #isOwed(place: number, lanes: number, debts: readonly LaneDebt[] = []): boolean {
    const id = this.#ids?.[place] ?? 0;
    return debts.some(({ mask, settledId }) => id > settledId && isAmong(lanes, mask));
  }

  /** The identities from `sequence` on, one after another. */
  packFrom(sequence: number): Uint8Array {
    const packed = new Uint32Array((this.#next - sequence) * wordsPerEntry);
    const start = (sequence & (this.#capacity - 1)) * wordsPerEntry;
    const untilEnd = this.#words.subarray(start, start + packed.length);
    packed.set(untilEnd);
    // The ring begins again behind its end.
    packed.set(this.#words.subarray(0, packed.length - untilEnd.length), untilEnd.length);
    return new Uint8Array(packed.buffer);
  }

  #slotOf(hash: number): number {
    return hash & (this.#slots.length - 1);
  }

  #after(slot: number): number {
    return (slot + 1) & (this.#slots.length - 1);
  }

  #freeSlot(hash: number): number {
    let slot = this.#slotOf(hash);
    while (this.#slots[slot] !== empty) slot = this.#after(slot);
    return slot;
  }

  /** Take a place out of the table, moving later entries of its run back so that no gap ends a search early. */
  #unlink(place: number): void {
    const slots = this.#slots;
    let hole = this.#slotOf(this.#words[place * wordsPerEntry] ?? 0);
    while (slots[hole] !== place) hole = this.#after(hole);
    for (let slot = this.#after(hole); ; slot = this.#after(slot)) {
      const moved = slots[slot] ?? empty;
      if (moved === empty) break;
      const home = this.#slotOf(this.#words[moved * wordsPerEntry] ?? 0);
      const distance = (slot - home) & (slots.length - 1);
      if (distance < ((slot - hole) & (slots.length - 1))) continue;
      slots[hole] = moved;
      hole = slot;
    }
    slots[hole] = empty;
  }

  #grow(): void {
    const { words, arrivedUs, ids, capacity } = {
      words: this.#words,
      arrivedUs: this.#arrivedUs,
      ids: this.#ids,
      capacity: this.#capacity,
    };
    this.#capacity = capacity * 2;
    this.#words = new Uint32Array(this.#capacity * wordsPerEntry);
    this.#arrivedUs = new Float64Array(this.#capacity);
    if (ids) this.#ids = new Float64Array(this.#capacity);
    this.#slots = new Int32Array(this.#capacity * 2).fill(empty);
    for (let sequence = this.#first; sequence < this.#next; sequence++) {
      const from = sequence & (capacity - 1);
      const to = sequence & (this.#capacity - 1);
      this.#words.set(words.subarray(from * wordsPerEntry, (from + 1) * wordsPerEntry), to * wordsPerEntry);
      this.#arrivedUs[to] = arrivedUs[from] ?? 0;
      if (this.#ids) this.#ids[to] = ids?.[from] ?? 0;
      this.#slots[this.#freeSlot(this.#words[to * wordsPerEntry] ?? 0)] = to;
    }
  }
}

/** Little-endian, as the words lie in memory when they are packed. */
function wordOf(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  return (low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
}
