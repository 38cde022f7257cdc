import { randomFillSync } from "node:crypto";
import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { DiskFullError, StoreFullError } from "../../errors.ts";
import type { Counters } from "./counters.ts";
import { type Database, isFull, type Statement } from "./driver.ts";

export const pageBytes = 4096;
const walPagesMax = 1000;
const walBytesMax = 16 * 2 ** 20;
const settlingBytesMax = 64 * 2 ** 20;
const restoreIntervalMs = 1000;

/**
 * How `bytesMax` is divided. All shares are upper bounds; what dead letters and settling leave is for messages.
 *
 * ```
 * bytesMax = database file                               + WAL       + reserve
 *            messages, dedupe | dead letters | settling    at most     as large as the WAL
 *            at least a half  | ≤ 1/8        | ≤ 1/8       1/8         1/8
 * ```
 */
export interface SpaceShares {
  walBytes: number;
  reserveBytes: number;
  databaseBytes: number;
  settlingBytes: number;
  deadLetterBytes: number;
  dedupeEntries: number;
  walPages: number;
}

/** A dedupe entry on disk, when each commit holds a single one. */
const dedupeEntryBytes = 40;

export function divideSpace(options: {
  bytesMax: number;
  deadLetterBytesMax: number;
  dedupe: { entriesMax: number };
}): SpaceShares {
  const share = Math.floor(options.bytesMax / 8);
  const walBytes = Math.min(walBytesMax, share);
  return {
    walBytes,
    reserveBytes: walBytes,
    databaseBytes: options.bytesMax - 2 * walBytes,
    settlingBytes: Math.min(settlingBytesMax, share),
    deadLetterBytes: Math.min(options.deadLetterBytesMax, share),
    dedupeEntries: Math.min(options.dedupe.entriesMax, Math.floor(share / dedupeEntryBytes)),
    walPages: Math.min(walPagesMax, Math.floor(walBytes / 2 / pageBytes)),
  };
}

/**
 * The store's quota, and the way out of a full disk: in WAL mode deletes and checkpoints need space too, so a
 * reserve file is kept and given up when settling meets a full disk. It is taken again when there is space; until
 * then nothing is appended.
 */
export class Space {
  readonly deadLetterBytesMax: number;
  readonly bytesMax: number;
  readonly #db: Database;
  readonly #counters: Counters;
  readonly #path: string;
  readonly #shares: SpaceShares;
  readonly #pages: Statement<[number]>;
  readonly #freePages: Statement<[number]>;
  #restoreAfterMs = 0;
  #hasReserve = false;
  #walBytes = 0;

  constructor(options: {
    db: Database;
    counters: Counters;
    path: string;
    bytesMax: number;
    shares: SpaceShares;
  }) {
    this.#db = options.db;
    this.#counters = options.counters;
    this.#path = options.path;
    this.bytesMax = options.bytesMax;
    this.#shares = options.shares;
    this.deadLetterBytesMax = options.shares.deadLetterBytes;
    this.#pages = options.db.prepare("PRAGMA page_count");
    this.#freePages = options.db.prepare("PRAGMA freelist_count");
    this.#limitPages(options.shares.databaseBytes);
    this.#restore();
  }

  /**
   * Bytes of messages that one transaction may take now, with what settling and dead letters may need kept free;
   * below 0: none, not even an empty one. Costs about as much as two inserts.
   */
  room(): number {
    if (!this.#restore()) return -1;
    this.#trimWal();
    const { walBytes, reserveBytes, settlingBytes } = this.#shares;
    const usedBytes = ((this.#pages.get()?.[0] ?? 0) - (this.#freePages.get()?.[0] ?? 0)) * pageBytes;
    const forDeadLetters = Math.max(0, this.deadLetterBytesMax - this.#counters.get("deadLetterBytes"));
    const freeBytes = this.bytesMax - usedBytes - reserveBytes - settlingBytes - forDeadLetters;
    // What is written stands in the WAL first; a WAL that cannot be trimmed grows by it.
    const heldBytes = this.#walBytes > walBytes ? this.#walBytes : 0;
    return Math.min(freeBytes - walBytes, Math.floor((freeBytes - heldBytes) / 2));
  }

  /** Why there was no room; `cause` is what a write met. Without its reserve, the disk had no space for that. */
  refusal(what: string, cause?: Error): StoreFullError {
    if (cause === undefined && this.#hasReserve) {
      return new StoreFullError(
        `Cannot ${what}: the store's quota is used up, limit is ${this.bytesMax} bytes`,
      );
    }
    return new DiskFullError(`Cannot ${what}: the store's disk is full`, cause && { cause });
  }

  /** Database, WAL and reserve as they are on disk. */
  bytes(): number {
    return sizeOf(this.#path) + sizeOf(this.#walPath) + sizeOf(this.#reservePath);
  }

  /** A write transaction that must succeed on a full disk too: it gives the reserve up and tries again. */
  settling<T>(work: () => T): T {
    return this.#surely(() => this.#db.write(work));
  }

  /** The same for what may be lost and done again. */
  sweeping(work: () => void): void {
    this.#surely(() => this.#db.writeLazily(work));
  }

  #surely<T>(write: () => T): T {
    try {
      return write();
    } catch (error) {
      if (!isFull(error) || !this.#release()) throw error;
      return write();
    } finally {
      this.afterCommit();
    }
  }

  /** Keep the WAL within its share. It is beyond it after a large transaction, or while a reader holds it. */
  afterCommit(): void {
    this.#walBytes = sizeOf(this.#walPath);
    this.#trimWal();
  }

  #trimWal(): void {
    if (this.#walBytes <= this.#shares.walBytes) return;
    this.#truncateWal();
    this.#walBytes = sizeOf(this.#walPath);
  }

  get #walPath(): string {
    return `${this.#path}-wal`;
  }

  get #reservePath(): string {
    return `${this.#path}.reserve`;
  }

  #release(): boolean {
    if (!this.#hasReserve) return false;
    rmSync(this.#reservePath, { force: true });
    this.#hasReserve = false;
    this.#limitPages(this.#shares.databaseBytes + this.#shares.reserveBytes);
    this.#truncateWal();
    return true;
  }

  #restore(): boolean {
    if (this.#hasReserve) return true;
    if (performance.now() < this.#restoreAfterMs) return false;
    this.#truncateWal();
    this.#hasReserve = writeReserve(this.#reservePath, this.#shares.reserveBytes);
    if (this.#hasReserve) this.#limitPages(this.#shares.databaseBytes);
    else this.#restoreAfterMs = performance.now() + restoreIntervalMs;
    return this.#hasReserve;
  }

  /**
   * Best effort: a checkpoint that fails, for want of space or because of a reader, is tried again after a later
   * commit. What was committed before it is on disk all the same. It does not wait for readers, because every
   * append would wait with it.
   */
  #truncateWal(): void {
    try {
      this.#db.execNow("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // An error that lasts shows at the next write.
    }
  }

  #limitPages(bytes: number): void {
    this.#db.exec(`PRAGMA max_page_count = ${Math.floor(bytes / pageBytes)}`);
  }
}

/** Give up the reserve of a store that cannot even be opened for want of space. */
export function removeReserve(path: string): void {
  rmSync(`${path}.reserve`, { force: true });
}

/** False: the disk has no space for it; nothing is left behind then. */
function writeReserve(path: string, bytes: number): boolean {
  if (sizeOf(path) === bytes) return true;
  const block = randomFillSync(new Uint8Array(Math.min(bytes, 2 ** 20)));
  const file = openSync(path, "w");
  try {
    for (let written = 0; written < bytes; ) {
      written += writeSync(file, block, 0, Math.min(block.length, bytes - written));
    }
    return true;
  } catch (error) {
    if (!isFull(error)) throw error;
    rmSync(path, { force: true });
    return false;
  } finally {
    closeSync(file);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
