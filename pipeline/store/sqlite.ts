import { toError } from "../errors.ts";
import { type LaneName, laneKey } from "../message.ts";
import type { Arrival, BatchStore, Lane, Ledger, StoreOptions } from "./batch-store.ts";
import { Appender } from "./sqlite/appender.ts";
import { Counters } from "./sqlite/counters.ts";
import { checkPages, salvaged, setAside, unfinishedSalvage } from "./sqlite/damage.ts";
import { DeadLetters } from "./sqlite/dead-letters.ts";
import { DedupeRows } from "./sqlite/dedupe-rows.ts";
import { type Database, isDamaged } from "./sqlite/driver.ts";
import { LaneReader } from "./sqlite/lane-reader.ts";
import { LaneWriter } from "./sqlite/lane-writer.ts";
import { LaneCounters, type LaneRecord, registerLanes } from "./sqlite/lanes.ts";
import { type ArrivalRow, Messages, toArrivalRow } from "./sqlite/messages.ts";
import { lockStore, openWriter } from "./sqlite/open.ts";
import { salvage } from "./sqlite/salvage.ts";
import { Sources } from "./sqlite/sources.ts";
import { divideSpace, Space, type SpaceShares } from "./sqlite/space.ts";
import { Sweeper } from "./sqlite/sweeper.ts";

/** The store in SQLite, for a thread that serves nothing else. */
export interface SqliteStore extends BatchStore {
  /** Arrivals that were packed elsewhere. */
  appendRows(rows: readonly ArrivalRow[]): ReturnType<BatchStore["append"]>;
  readonly laneRecords: readonly LaneRecord[];
}

/**
 * Open the durable store in this thread. Every commit blocks the thread until it is on disk.
 *
 * Errors: StoreLockedError, StoreVersionError.
 * Source: SQLite, "Write-Ahead Logging".
 */
export async function openSqliteStore(options: StoreOptions): Promise<SqliteStore> {
  let lock: Database | undefined;
  try {
    lock = lockStore(options.path);
    return openLocked(options, lock);
  } catch (error) {
    lock?.close();
    const { message } = toError(error);
    if (message.startsWith("Cannot open store")) throw error;
    throw new Error(`Cannot open store ${options.path}: ${message}`, { cause: error });
  }
}

/** A damaged database is set aside, and a fresh one takes over what can still be read of it. */
function openLocked(options: StoreOptions, lock: Database): SqliteStore {
  const { path } = options;
  if (unfinishedSalvage(path) === undefined) {
    try {
      return openWith(options, lock, (db) => {
        checkPages(db, path);
        return [];
      });
    } catch (error) {
      if (!isDamaged(error)) throw error;
    }
  }
  const damagedPath = setAside(path);
  const store = openWith(options, lock, (db) => [salvage(damagedPath, db)]);
  salvaged(path);
  return store;
}

function openWith(options: StoreOptions, lock: Database, fill: (db: Database) => string[]): SqliteStore {
  const shares = divideSpace(options);
  const db = openWriter(options.path, shares);
  try {
    return assemble(options, { db, lock, shares, notices: fill(db) });
  } catch (error) {
    db.close();
    throw error;
  }
}

function assemble(
  options: StoreOptions,
  { db, lock, shares, notices }: { db: Database; lock: Database; shares: SpaceShares; notices: string[] },
): SqliteStore {
  const { path, bytesMax } = options;
  const registered = registerLanes(db, options.lanes);
  notices.push(...registered.notices);

  const counters = new Counters(db);
  const space = new Space({ db, counters, path, bytesMax, shares });
  const messages = new Messages(db);
  const sources = new Sources(db);
  const lanes = new LaneCounters(db, registered.lanes);
  const deadLetters = new DeadLetters({ db, counters, messages, lanes, sources, space });
  const dedupe = new DedupeRows(db, {
    windowSeconds: options.dedupe.windowSeconds,
    entriesMax: shares.dedupeEntries,
  });
  const sweeper = new Sweeper(db, (work) => space.sweeping(work));
  /** False too when it fails, as on a disk without any space left: the next settlement or append tries again. */
  function sweep(): boolean {
    try {
      return sweeper.slice();
    } catch {
      return false;
    }
  }
  const appender = new Appender({
    db,
    space,
    counters,
    messages,
    lanes,
    sources,
    deadLetters,
    dedupe,
    sweep,
    onCommit: options.onCommit,
  });

  let isClosed = false;
  let isSweeping = false;
  /** One slice a turn, so that appends come in between. */
  function sweepOn(): void {
    if (isSweeping || isClosed) return;
    isSweeping = true;
    setImmediate(() => {
      isSweeping = false;
      if (!isClosed && sweep()) sweepOn();
    });
  }
  sweepOn();

  const laneOf = new Map(
    registered.lanes.map((record) => {
      const writer = new LaneWriter(record, { db, space, deadLetters, onSettled: sweepOn });
      return [laneKey(record.name), joinLane(record, new LaneReader(db, record.bit), writer)];
    }),
  );

  return {
    instanceId: instanceIdOf(db),
    notices,
    laneRecords: registered.lanes,
    deadLetters,
    append: async (arrivals: readonly Arrival[]) => appender.append(arrivals.map(toArrivalRow)),
    appendRows: (rows) => appender.append(rows),
    lane(name: LaneName) {
      const lane = laneOf.get(laneKey(name));
      if (lane === undefined)
        throw new Error(`Cannot use lane ${laneKey(name)}: the store was opened without it`);
      return lane;
    },
    async ledger(): Promise<Ledger> {
      return db.read(() => ({
        sources: sources.ledger(),
        lanes: lanes.ledger(),
        ...deadLetters.ledger(),
        store: { bytes: space.bytes(), bytesMax },
      }));
    },
    async close() {
      if (isClosed) return;
      appender.drain();
      isClosed = true;
      db.close();
      lock.close();
    },
  };
}

/** One lane from the part that reads and the part that writes. */
export function joinLane(
  { name, bit }: LaneRecord,
  reader: Pick<Lane, "position" | "backlog" | "read" | "state">,
  writer: Pick<Lane, "seal" | "settle" | "postpone">,
): Lane {
  return {
    name,
    mask: 2 ** bit,
    position: () => reader.position(),
    backlog: () => reader.backlog(),
    read: (afterId, rowsMax) => reader.read(afterId, rowsMax),
    state: () => reader.state(),
    seal: (batch) => writer.seal(batch),
    settle: (settlement, next) => writer.settle(settlement, next),
    postpone: (options) => writer.postpone(options),
  };
}

function instanceIdOf(db: Database): string {
  db.prepare("INSERT OR IGNORE INTO meta VALUES ('instanceId', ?)").run(crypto.randomUUID());
  return String(db.prepare("SELECT value FROM meta WHERE name = 'instanceId'").get()?.[0]);
}
