import { toError } from "../errors.ts";
import { type LaneName, laneKey } from "../message.ts";
import type { Arrival, BatchStore, Lane, Ledger, StoreOptions } from "./batch-store.ts";
import { Appender } from "./sqlite/appender.ts";
import { finishClaims } from "./sqlite/claim.ts";
import { Counters } from "./sqlite/counters.ts";
import { checkPages, salvaged, setAside, unfinishedSalvage } from "./sqlite/damage.ts";
import { DeadLetters } from "./sqlite/dead-letters.ts";
import { DedupeRows } from "./sqlite/dedupe-rows.ts";
import { type Database, isDamaged } from "./sqlite/driver.ts";
import { LaneReader } from "./sqlite/lane-reader.ts";
import { LaneWriter } from "./sqlite/lane-writer.ts";
import { dropOwed, LaneCounters, type LaneRecord, registerLanes } from "./sqlite/lanes.ts";
import { LastValueRows } from "./sqlite/last-values.ts";
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
  /** Lanes that the store knows and that are not configured. */
  readonly removedLanes: readonly LaneName[];
  /**
   * Drop what the removed lanes of a destination still owe: counted as dead letters, of which none is kept. Gives
   * how many messages each of these lanes owed.
   */
  dropDestination(destination: string): Promise<{ lane: LaneName; messages: number }[]>;
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
  const counters = new Counters(db);
  const space = new Space({ db, counters, path, bytesMax, shares });
  const claimants = registered.configured.map((record, at) => ({
    ...record,
    filter: options.lanes[at]?.filter,
  }));
  notices.push(...finishClaims(db, claimants, (work) => space.settling(work)));
  for (const { name, pending } of registered.removed) {
    if (pending > 0) notices.push(keptFor(name, pending));
  }
  const messages = new Messages(db);
  const sources = new Sources(db);
  const lanes = new LaneCounters(db, registered);
  const deadLetters = new DeadLetters({ db, counters, messages, lanes, sources, space });
  const { windowSeconds } = options.dedupe;
  const debts = options.reportsOwed ? () => lanes.debts() : undefined;
  const dedupeOptions = { windowSeconds, entriesMax: shares.dedupeEntries, debts };
  const dedupe = new DedupeRows(db, dedupeOptions, counters.get("lastMessageId"));
  const lastValues = new LastValueRows(db);
  if (options.rememberedInputs) lastValues.keepOnly(options.rememberedInputs, (work) => space.settling(work));
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
    lastValues,
    sweep,
    reportsOwed: options.reportsOwed ?? false,
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
    registered.configured.map((record) => {
      const writer = new LaneWriter(record, { db, space, deadLetters, onSettled: sweepOn });
      return [laneKey(record.name), joinLane(record, new LaneReader(db, record.bit), writer)];
    }),
  );

  return {
    instanceId: instanceIdOf(db),
    notices,
    laneRecords: registered.configured,
    removedLanes: registered.removed.map(({ name }) => name),
    async dropDestination(destination) {
      return space.settling(() =>
        registered.removed
          .filter(({ name }) => name.destination === destination)
          .map(({ name, bit }) => {
            const messages = dropOwed(db, bit);
            deadLetters.discard("dropped", messages);
            return { lane: name, messages };
          }),
      );
    },
    deadLetters,
    append: async (arrivals: readonly Arrival[]) => appender.append(arrivals.map(toArrivalRow)),
    appendRows: (rows) => appender.append(rows),
    lane(name: LaneName) {
      const lane = laneOf.get(laneKey(name));
      if (lane === undefined)
        throw new Error(`Cannot use lane ${laneKey(name)}: the store was opened without it`);
      return lane;
    },
    lastValues: async () => lastValues.list(),
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
    state: (afterId) => reader.state(afterId),
    seal: (batch) => writer.seal(batch),
    settle: (settlement, next) => writer.settle(settlement, next),
    postpone: (options) => writer.postpone(options),
  };
}

function keptFor(name: LaneName, messages: number): string {
  const kept = `Lane ${laneKey(name)} is no longer configured and keeps ${messages} messages`;
  return `${kept} until it is, or until mqtt-otlp-gateway drop-destination ${name.destination} gives them up`;
}

function instanceIdOf(db: Database): string {
  db.prepare("INSERT OR IGNORE INTO meta VALUES ('instanceId', ?)").run(crypto.randomUUID());
  return String(db.prepare("SELECT value FROM meta WHERE name = 'instanceId'").get()?.[0]);
}
