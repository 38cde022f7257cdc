import { storing, toError } from "../../errors.ts";
import type { AppendResult, CommitObserver } from "../batch-store.ts";
import { createBurials } from "../burials.ts";
import { createOwedIds } from "../owed-ids.ts";
import type { Counters } from "./counters.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { DedupeRows } from "./dedupe-rows.ts";
import { type Database, isFull, isIoError } from "./driver.ts";
import type { LaneCounters } from "./lanes.ts";
import type { LastValueRows } from "./last-values.ts";
import { type ArrivalRow, type Messages, type NewMessage, rowBytes } from "./messages.ts";
import type { SourceChange, Sources } from "./sources.ts";
import type { Space } from "./space.ts";
import { SyncTime } from "./sync-time.ts";

interface Request {
  rows: readonly ArrivalRow[];
  bytes: number;
  resolve: (result: AppendResult) => void;
  reject: (error: Error) => void;
}

interface Rooms {
  db: Database;
  space: Space;
  counters: Counters;
  messages: Messages;
  lanes: LaneCounters;
  sources: Sources;
  deadLetters: DeadLetters;
  dedupe: DedupeRows;
  lastValues: LastValueRows;
  /** Delete some rows that no lane owes; false when there are none. */
  sweep: () => boolean;
  reportsOwed: boolean;
  onCommit: CommitObserver | undefined;
}

/** Bytes of one transaction, beyond which requests wait for the next one. */
const groupBytesMax = 4 * 2 ** 20;
/** Slices swept to make room for one group before it is refused. */
const sweepsMax = 8;

/** On a slow disk a short wait gathers a larger group: measured 1.2–1.5 times the rate from 2 ms a sync on. */
const gatherFromMs = 2;
const gatherShare = 0.15;
const gatherMsMax = 2;

/**
 * Group commit: requests gather while others are written, and go to disk in one transaction.
 *
 * Each request is stored as a whole or not at all. A failure that is not the disk's is narrowed down to the requests
 * that cause it by writing each in a transaction of its own.
 */
export class Appender {
  readonly #rooms: Rooms;
  #queue: Request[] = [];
  #scheduled = false;
  readonly #syncTime = new SyncTime();

  constructor(rooms: Rooms) {
    this.#rooms = rooms;
  }

  append(rows: readonly ArrivalRow[]): Promise<AppendResult> {
    if (rows.length === 0) return Promise.resolve(noResult());
    return new Promise((resolve, reject) => {
      const bytes = rows.reduce((sum, row) => sum + rowBytes(row) + Buffer.byteLength(row.met ?? ""), 0);
      this.#queue.push({ rows, bytes, resolve, reject });
      this.#schedule();
    });
  }

  /** Write all that waits, now. */
  drain(): void {
    while (this.#queue.length > 0) this.#commitNext();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const commit = () => {
      this.#scheduled = false;
      this.#commitNext();
      if (this.#queue.length > 0) this.#schedule();
    };
    const { ms } = this.#syncTime;
    if (ms < gatherFromMs) setImmediate(commit);
    else setTimeout(commit, Math.min(gatherMsMax, ms * gatherShare));
  }

  #commitNext(): void {
    let bytes = 0;
    let count = 0;
    for (const request of this.#queue) {
      bytes += request.bytes;
      if (count > 0 && bytes > groupBytesMax) break;
      count++;
    }
    const requests = this.#queue.splice(0, count);
    try {
      const group = this.#admit(requests);
      if (group.length > 0) this.#commit(group);
    } catch (error) {
      // Those that are answered already stay as they are.
      for (const { reject } of requests) reject(toError(error));
    }
  }

  /** Refuse what does not fit. */
  #admit(group: readonly Request[]): Request[] {
    const { space, sweep } = this.#rooms;
    let room = space.room();
    let bytes = 0;
    return group.filter((request) => {
      for (let sweeps = 0; bytes + request.bytes > room && sweeps < sweepsMax && sweep(); sweeps++) {
        room = space.room();
      }
      const fits = bytes + request.bytes <= room;
      if (fits) bytes += request.bytes;
      else request.reject(space.refusal(storing));
      return fits;
    });
  }

  #commit(group: readonly Request[]): void {
    const { db, dedupe, space, onCommit } = this.#rooms;
    const startMs = performance.now();
    const arrivedAtUs = group.at(-1)?.rows.at(-1)?.arrivedAtUs ?? 0;
    let syncFromMs = startMs;
    let results: AppendResult[];
    try {
      results = db.write(() => {
        const stored = this.#store(group);
        dedupe.save(arrivedAtUs);
        syncFromMs = performance.now();
        return stored;
      });
    } catch (error) {
      dedupe.rolledBack();
      this.#failed(group, toError(error));
      return;
    }
    this.#syncTime.add(performance.now() - syncFromMs);
    dedupe.committed(arrivedAtUs);
    const durationMs = performance.now() - startMs;
    for (const [index, { resolve }] of group.entries()) resolve(results[index] ?? noResult());
    onCommit?.({ durationMs, messages: group.reduce((sum, { rows }) => sum + rows.length, 0) });
    space.afterCommit();
  }

  #failed(group: readonly Request[], error: Error): void {
    if (isFull(error)) {
      for (const { reject } of group) reject(this.#rooms.space.refusal(storing, error));
    } else if (group.length > 1 && !isIoError(error)) {
      for (const request of group) this.#commit([request]);
    } else {
      for (const { reject } of group) reject(error);
    }
  }

  /** Within a transaction. */
  #store(group: readonly Request[]): AppendResult[] {
    const { counters, sources, lanes, messages, deadLetters, dedupe, lastValues, reportsOwed } = this.#rooms;
    const table = dedupe.table.enabled ? dedupe.table : undefined;
    const firstId = counters.get("lastMessageId");
    let lastId = firstId;
    const changes = new Map<string, Required<SourceChange>>();
    const owed = new Map<number, number>();
    const accepted: NewMessage[] = [];
    const results = group.map(({ rows }) => {
      const result = noResult();
      const owedIds = reportsOwed ? createOwedIds() : undefined;
      const burials = createBurials();
      const repeats: number[] = [];
      for (const [index, row] of rows.entries()) {
        const { verdict } = row;
        const change = changeOf(changes, row.source);
        change.received++;
        change.lastReceivedAtUs = row.arrivedAtUs;
        if (verdict.kind !== "expired" && row.identity !== undefined && table !== undefined) {
          const debt = verdict.kind === "accepted" ? { id: lastId + 1, lanes: verdict.lanes } : undefined;
          const finding = table.add(row.identity, row.arrivedAtUs, debt);
          if (finding === "idConflict") change.idConflicts++;
          if (finding === "duplicate") {
            change.duplicates++;
            result.duplicates++;
            if (owedIds && debt)
              owedIds.add(lanes.known(debt.lanes), table.idOf(row.identity, row.arrivedAtUs, debt.lanes));
            if (row.met !== null) repeats.push(index);
            continue;
          }
        }
        change[verdict.kind]++;
        result[verdict.kind]++;
        lastValues.put(row);
        if (verdict.kind === "accepted") {
          lastId++;
          const mask = lanes.known(verdict.lanes);
          if (mask === 0) continue;
          accepted.push({ row, id: lastId, lanes: mask, expiresAtUs: verdict.expiresAtUs });
          owedIds?.add(mask, lastId);
          owed.set(mask, (owed.get(mask) ?? 0) + 1);
        } else if (verdict.kind === "deadLettered") {
          const { reason, path, detail } = verdict;
          const death = { reason, path, detail, possiblyDelivered: false };
          const id = deadLetters.insert({ row, diedAtUs: row.arrivedAtUs, lane: undefined, ...death });
          burials.add(id, { message: row, ...death });
        }
      }
      if (owedIds) result.owed = owedIds.list();
      if (result.deadLettered > 0) result.burials = burials.list();
      if (repeats.length > 0) result.repeats = repeats;
      return result;
    });
    messages.insert(accepted);
    counters.add("lastMessageId", lastId - firstId);
    for (const [mask, count] of owed) lanes.owe(mask, count);
    for (const [name, change] of changes) sources.add(name, change);
    return results;
  }
}

function noResult(): AppendResult {
  return { accepted: 0, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 };
}

function changeOf(changes: Map<string, Required<SourceChange>>, source: string): Required<SourceChange> {
  let change = changes.get(source);
  if (change === undefined) {
    change = {
      received: 0,
      accepted: 0,
      duplicates: 0,
      idConflicts: 0,
      expired: 0,
      filtered: 0,
      deadLettered: 0,
      lastReceivedAtUs: undefined,
    };
    changes.set(source, change);
  }
  return change;
}
