import type { StateChange } from "../store/batch-store.ts";
import { SavedChunks } from "./saved-chunks.ts";
import { decodeFrames, encodeFrame, type SeriesRecord } from "./series-record.ts";
import { SeriesTable } from "./series-table.ts";

/**
 * The running series of one lane, as of its last settled batch: in memory, and what the store holds of them. Saved
 * are those that a batch changed, and with them some that did not change, so that what is outdated can go: no save is
 * large, however many series there are.
 */
export class SeriesState {
  readonly #series = new SeriesTable();
  readonly #saved = new SavedChunks();
  /** What the store holds cannot be read. */
  #isDamaged = false;

  get size(): number {
    return this.#series.size;
  }

  has(key: string): boolean {
    return this.#series.has(key);
  }

  get(key: string): SeriesRecord | undefined {
    return this.#series.get(key);
  }

  /**
   * Keys of the running series that changed after `changedAfter`, and were neither changed nor stated after
   * `quietSince`: the one stated longest ago first.
   */
  unstated(options: { changedAfter: bigint; quietSince: bigint }): string[] {
    return this.#series.unstated(options);
  }

  /** Take changed series over. Gives what to save; undefined when there are none. */
  update(changes: ReadonlyMap<string, SeriesRecord>): StateChange | undefined {
    if (changes.size === 0) return undefined;
    const table = this.#series;
    const own = new Set(Array.from(changes, ([key, record]) => table.set(key, record)));
    const bytesOf = (number: number) => table.savedBytesAt(number);
    const ownBytes = own.values().reduce((sum, number) => sum + bytesOf(number), 0);
    const liveBytes = table.savedBytes;
    const { along, bytes: size, dropOldest } = this.#saved.clean(own, { ownBytes, liveBytes, bytesOf });
    const series = [...own, ...along];
    const saved = series.values().map((number) => table.at(number));
    const bytes = encodeFrame(saved, size);
    this.#saved.add(series, bytes.length);
    if (!this.#isDamaged) return { kind: "append", bytes, ...(dropOldest > 0 && { dropOldest }) };
    this.#isDamaged = false;
    return { kind: "replace", bytes };
  }

  /**
   * Read saved state, in the order in which it was saved, at once or in parts. Gives the keys of new series.
   *
   * Errors: Error when a chunk was written by another version or is damaged. The state is empty then, and the next
   *         update replaces what the store holds.
   */
  load(chunks: readonly Uint8Array[]): string[] {
    const { size } = this.#series;
    try {
      for (const chunk of chunks) {
        const series = Array.from(decodeFrames(chunk), ({ key, record }) => this.#series.set(key, record));
        this.#saved.add(series, chunk.length);
      }
    } catch (error) {
      this.#series.clear();
      this.#saved.clear();
      this.#isDamaged = true;
      throw error;
    }
    return this.#series.keysFrom(size);
  }
}
