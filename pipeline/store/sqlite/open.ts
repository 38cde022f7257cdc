import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { StoreLockedError } from "../../errors.ts";
import { applicationId, migrate, refuseNewer } from "../migrations.ts";
import { suspect } from "./damage.ts";
import { Database, isFull, isIoError, isLocked } from "./driver.ts";
import { pageBytes, removeReserve, type SpaceShares } from "./space.ts";

/** `PRAGMA synchronous` reads back as a number. Source: SQLite, "PRAGMA synchronous". */
const synchronousFull = 2;
const cacheKib = 16_000;
/** A lane reads its rows once, in order. */
const readerCacheKib = 2_000;

/**
 * Hold the store for this process, with a lock of SQLite's on a file beside it. The operating system drops it with
 * the process, however that ends. A lock on the database itself would shut out our own read-only connections.
 *
 * Errors: StoreLockedError when another process holds it.
 */
export function lockStore(path: string): Database {
  makeFolder(resolve(dirname(path)));
  const lock = new Database(`${path}.lock`, { busyTimeoutMs: 0 });
  try {
    // Nothing is ever written through this connection, so that it works on a full disk too.
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (!isLocked(error)) throw error;
    throw new StoreLockedError(`Cannot open store ${path}: another process has it open`, { cause: error });
  }
}

/**
 * SQLite syncs the folder that holds its files, but not those above it: a new folder is lost with all that is in it
 * until the one above it is synced. Folders are made one by one, as making them at a stroke never ends on Node where
 * the system lets nobody make any, such as in /proc. Source: fsync(2), Linux manual page.
 */
function makeFolder(folder: string): void {
  const above = dirname(folder);
  try {
    mkdirSync(folder);
  } catch (error) {
    const met = statSync(folder, { throwIfNoEntry: false });
    if (met?.isDirectory()) return;
    if (met !== undefined) throw new Error(`${folder} is a file, wanted a directory`, { cause: error });
    if (above === folder) throw error;
    makeFolder(above);
    mkdirSync(folder);
  }
  syncFolder(above);
}

function syncFolder(folder: string): void {
  let file: number | undefined;
  try {
    file = openSync(folder, "r");
    fsyncSync(file);
  } catch {
    // Some systems cannot sync a folder, or do not let us; those who can keep its entries.
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * Open the database for writing, with its schema brought up to date.
 *
 * Errors: StoreVersionError when a newer version wrote it; the file is as it was then.
 */
export function openWriter(path: string, shares: SpaceShares): Database {
  try {
    return openOnce(path, shares);
  } catch (error) {
    // On a full disk even the WAL's index cannot be made: the reserve makes room for it.
    if (!isFull(error) && !isIoError(error)) throw error;
    removeReserve(path);
    return openOnce(path, shares);
  }
}

/** A connection that only reads, for another thread of the process that has the store open. */
export function openReader(path: string): Database {
  const db = new Database(path, { readOnly: true, onDamage: () => suspect(path) });
  db.exec(`PRAGMA cache_size = -${readerCacheKib}`);
  return db;
}

function openOnce(path: string, shares: SpaceShares): Database {
  checkHeader(path);
  const db = new Database(path, { onDamage: () => suspect(path) });
  try {
    refuseNewer(Number(db.pragma("user_version")));
    db.exec(`PRAGMA page_size = ${pageBytes}`);
    set(db, "journal_mode", "WAL", "wal");
    set(db, "synchronous", "FULL", synchronousFull);
    // On macOS a plain fsync leaves the data in the drive's cache. Source: SQLite, "PRAGMA fullfsync". A container may
    // have nothing to write to but the store's folder: what SQLite keeps for a while, it keeps in memory.
    db.exec(`
      PRAGMA fullfsync = ON;
      PRAGMA temp_store = MEMORY;
      PRAGMA wal_autocheckpoint = ${shares.walPages};
      PRAGMA journal_size_limit = ${shares.walBytes};
      PRAGMA cache_size = -${cacheKib};
    `);
    migrate(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Durability is a promise: a setting that does not stick is no store. */
function set(db: Database, name: string, value: string, wanted: string | number): void {
  db.exec(`PRAGMA ${name} = ${value}`);
  const met = db.pragma(name);
  if (met !== wanted) {
    throw new Error(
      `Cannot open store: ${name} is ${met} after it was set, wanted ${wanted}; is it on a local disk?`,
    );
  }
}

/**
 * What the first page says, read without SQLite, which would already write beside a file that is not ours.
 * Source: SQLite, "Database File Format", 1.3 The Database Header.
 */
function checkHeader(path: string): void {
  if (!existsSync(path)) return;
  const header = Buffer.alloc(100);
  const file = openSync(path, "r");
  try {
    if (readSync(file, header) < header.length) return;
  } finally {
    closeSync(file);
  }
  if (header.toString("latin1", 0, 15) !== "SQLite format 3") {
    // A store whose beginning is damaged has its other files beside it still.
    if (["-wal", ".reserve"].some((suffix) => existsSync(path + suffix))) return;
    throw new Error(
      `Cannot open store ${path}: met a file that is no SQLite database and no store's, wanted none`,
    );
  }
  const application = header.readUInt32BE(68);
  const schemaChanges = header.readUInt32BE(40);
  // Ours gets its schema and its number in one transaction; before that it has neither.
  if (application !== applicationId && (application !== 0 || schemaChanges !== 0)) {
    throw new Error(`Cannot open store ${path}: it is a database of another application`);
  }
  refuseNewer(header.readUInt32BE(60));
}
