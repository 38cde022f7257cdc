import { replaying, toError } from "../../errors.ts";
import type { LaneName, Signal } from "../../message.ts";
import type { DeadLetter, DeadLetterReason, DeadLetterStore, Ledger, ReplayVerdict } from "../batch-store.ts";
import type { Counters } from "./counters.ts";
import { type Database, isFull, type Statement } from "./driver.ts";
import type { LaneCounters } from "./lanes.ts";
import { type ArrivalRow, type Messages, rowBytes } from "./messages.ts";
import { packProperties, unpackProperties } from "./properties.ts";
import type { Sources } from "./sources.ts";
import type { Space } from "./space.ts";

type Columns = [
  id: number,
  destination: string | null,
  signal: Signal | null,
  arrivedUs: number,
  diedUs: number,
  source: string,
  topic: string,
  properties: string | null,
  reason: DeadLetterReason,
  path: string,
  detail: string,
  possiblyDelivered: number,
  payload: Uint8Array,
  bytes: number,
];

const columns = `id, destination, signal, arrived_us, died_us, source, topic, properties, reason, path, detail,
  possibly_delivered, payload, bytes`;

export interface Death {
  row: Pick<ArrivalRow, "source" | "topic" | "properties" | "payload" | "arrivedAtUs">;
  diedAtUs: number;
  reason: DeadLetterReason;
  path: string;
  detail: string;
  lane: LaneName | undefined;
  possiblyDelivered: boolean;
}

interface Rooms {
  db: Database;
  counters: Counters;
  messages: Messages;
  lanes: LaneCounters;
  sources: Sources;
  space: Space;
}

/** Dead letters, with a quota of their own: the oldest make room for the newest. */
export class DeadLetters implements DeadLetterStore {
  readonly #rooms: Rooms;
  readonly #insert: Statement<[]>;
  readonly #die: Statement<[]>;
  readonly #oldest: Statement<[id: number, bytes: number]>;
  readonly #delete: Statement<[]>;
  readonly #list: Statement<Columns>;
  readonly #get: Statement<Columns>;
  readonly #deaths: Statement<["arrival" | "delivery", DeadLetterReason, number]>;

  constructor(rooms: Rooms) {
    const { db } = rooms;
    this.#rooms = rooms;
    this.#insert = db.prepare(`INSERT INTO dead_letters(${columns}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)`);
    this.#die = db.prepare(
      "INSERT INTO deaths VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
    );
    this.#oldest = db.prepare("SELECT id, bytes FROM dead_letters ORDER BY id LIMIT 1");
    this.#delete = db.prepare("DELETE FROM dead_letters WHERE id = ?");
    this.#list = db.prepare(
      `SELECT ${columns} FROM dead_letters
       WHERE id > ?1 AND (?2 IS NULL OR source = ?2) AND (?3 IS NULL OR reason = ?3) ORDER BY id LIMIT ?4`,
    );
    this.#get = db.prepare(`SELECT ${columns} FROM dead_letters WHERE id = ?`);
    this.#deaths = db.prepare("SELECT stage, reason, count FROM deaths ORDER BY stage, reason");
  }

  /**
   * Within a transaction: keep one more, and discard the oldest beyond the quota; one beyond it alone is discarded.
   * Gives the id of one that is kept.
   */
  insert({ row, diedAtUs, reason, path, detail, lane, possiblyDelivered }: Death): number | undefined {
    const { counters, space } = this.#rooms;
    const id = counters.get("lastDeadLetterId") + 1;
    const bytes = rowBytes(row) + path.length + detail.length;
    counters.add("lastDeadLetterId", 1);
    this.#die.run(lane === undefined ? "arrival" : "delivery", reason, 1);
    if (bytes > space.deadLetterBytesMax) {
      counters.add("deadLettersDiscarded", 1);
      return undefined;
    }
    this.#insert.run(
      id,
      lane?.destination ?? null,
      lane?.signal ?? null,
      row.arrivedAtUs,
      diedAtUs,
      row.source,
      row.topic,
      row.properties,
      reason,
      path,
      detail,
      possiblyDelivered ? 1 : 0,
      row.payload,
      bytes,
    );
    counters.add("deadLettersKept", 1);
    counters.add("deadLetterBytes", bytes);
    for (let kept = counters.get("deadLetterBytes"); kept > space.deadLetterBytesMax; ) {
      const oldest = this.#oldest.get();
      if (oldest === undefined) break;
      this.#remove(oldest[0], oldest[1]);
      counters.add("deadLettersDiscarded", 1);
      kept -= oldest[1];
    }
    return id;
  }

  /** Within a transaction: so many died in delivery, and none of them is kept. */
  discard(reason: DeadLetterReason, count: number): void {
    if (count === 0) return;
    this.#die.run("delivery", reason, count);
    this.#rooms.counters.add("deadLettersDiscarded", count);
  }

  async list(options: {
    afterId: number;
    limit: number;
    source?: string | undefined;
    reason?: string | undefined;
  }): Promise<DeadLetter[]> {
    const { afterId, limit, source = null, reason = null } = options;
    return this.#list.all(afterId, source, reason, limit).map(toDeadLetter);
  }

  async get(id: number): Promise<DeadLetter | undefined> {
    const row = this.#get.get(id);
    return row === undefined ? undefined : toDeadLetter(row);
  }

  async delete(id: number): Promise<boolean> {
    return this.#rooms.space.settling(() => {
      const bytes = this.#get.get(id)?.[13];
      if (bytes === undefined) return false;
      this.#remove(id, bytes);
      return true;
    });
  }

  async replay(id: number, { lastValues, ...verdict }: ReplayVerdict): Promise<boolean> {
    const { db, counters, messages, lanes, sources, space } = this.#rooms;
    const found = this.#get.get(id);
    if (found === undefined) return false;
    const [, destination, , arrivedAtUs, , source, topic, packed, , , , , payload, bytes] = found;
    const before = unpackProperties(packed);
    const properties = packProperties({
      ...before,
      isReplay: true,
      lastValues: lastValues ?? before.lastValues,
    });
    const row = { source, topic, properties, payload, arrivedAtUs };
    const owing = lanes.known(verdict.lanes);
    if (owing !== 0 && rowBytes(row) > space.room()) throw space.refusal(replaying);
    try {
      db.write(() => {
        this.#remove(id, bytes);
        if (destination === null) sources.add(source, { received: 1, accepted: 1 });
        counters.add("lastMessageId", 1);
        if (owing === 0) return;
        messages.insert([{ row, ...verdict, id: counters.get("lastMessageId"), lanes: owing }]);
        lanes.owe(owing, 1);
      });
      return true;
    } catch (error) {
      throw isFull(error) ? space.refusal(replaying, toError(error)) : error;
    }
  }

  /** Within a transaction. */
  ledger(): Pick<Ledger, "deadLettered" | "deadLetters"> {
    const { counters } = this.#rooms;
    return {
      deadLettered: this.#deaths.all().map(([stage, reason, count]) => ({ stage, reason, count })),
      deadLetters: {
        kept: counters.get("deadLettersKept"),
        discarded: counters.get("deadLettersDiscarded"),
      },
    };
  }

  #remove(id: number, bytes: number): void {
    this.#delete.run(id);
    this.#rooms.counters.add("deadLettersKept", -1);
    this.#rooms.counters.add("deadLetterBytes", -bytes);
  }
}

function toDeadLetter(row: Columns): DeadLetter {
  const [id, destination, signal, arrivedAtUs, diedAtUs, source, topic, properties, ...rest] = row;
  const [reason, path, detail, possiblyDelivered, payload] = rest;
  return {
    id,
    message: { source, topic, payload, ...unpackProperties(properties) },
    arrivedAtUs,
    diedAtUs,
    reason,
    path,
    detail,
    lane: destination === null || signal === null ? undefined : { destination, signal },
    possiblyDelivered: possiblyDelivered === 1,
  };
}
