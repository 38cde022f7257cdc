import {
  type Backlog,
  type Lane,
  type LanePosition,
  readBytesMax,
  type StoredMessage,
} from "../batch-store.ts";
import type { Database, Statement } from "./driver.ts";
import { type MessageColumns, toStoredMessage } from "./messages.ts";

type RowColumns = [
  id: number,
  source: string,
  topic: string,
  arrivedUs: number,
  expiresUs: number | null,
  properties: string | null,
  inline: Uint8Array | null,
];

type LaneColumns = [
  cursor: number,
  unansweredLastId: number,
  firstId: number | null,
  lastId: number | null,
  sealedUs: number | null,
  notBeforeUs: number | null,
];

/** Payloads up to this size come with their rows; a larger one is read by itself, when its turn comes. */
const inlineBytesMax = 8_192;

/**
 * What a lane reads. Works on any connection, the writer's or a read-only one.
 *
 * A lane may owe one message behind a million that are others'. They are passed over once: `#noneBefore` remembers
 * up to where it owes nothing but what it has settled, which stays true because messages are only appended.
 */
export class LaneReader implements Pick<Lane, "position" | "backlog" | "read" | "state"> {
  readonly #db: Database;
  readonly #bit: number;
  readonly #mask: number;
  readonly #position: Statement<LaneColumns>;
  readonly #pending: Statement<[cursor: number, pending: number, lastMessageId: number]>;
  readonly #oldest: Statement<[id: number, arrivedUs: number]>;
  readonly #rows: Statement<RowColumns>;
  readonly #payload: Statement<[Uint8Array]>;
  readonly #state: Statement<[Uint8Array]>;
  #noneBefore = 0;

  constructor(db: Database, bit: number) {
    this.#db = db;
    this.#bit = bit;
    this.#mask = 2 ** bit;
    this.#position = db.prepare(
      `SELECT cursor, unanswered_last_id, open_first_id, open_last_id, open_sealed_us, open_not_before_us
       FROM lanes WHERE bit = ?`,
    );
    this.#pending = db.prepare(
      `SELECT cursor, owed - delivered - expired - dead_lettered,
         coalesce((SELECT value FROM counters WHERE name = 'lastMessageId'), 0)
       FROM lanes WHERE bit = ?`,
    );
    this.#oldest = db.prepare(
      "SELECT id, arrived_us FROM messages WHERE id > ? AND lanes & ? <> 0 ORDER BY id LIMIT 1",
    );
    this.#rows = db.prepare(
      `SELECT id, source, topic, arrived_us, expires_us, properties,
         CASE WHEN length(payload) <= ${inlineBytesMax} THEN payload END
       FROM messages
       WHERE id > max(?, (SELECT cursor FROM lanes WHERE bit = ?)) AND lanes & ? <> 0 ORDER BY id LIMIT ?`,
    );
    this.#payload = db.prepare("SELECT payload FROM messages WHERE id = ?");
    this.#state = db.prepare("SELECT bytes FROM state WHERE lane = ? ORDER BY id");
  }

  async position(): Promise<LanePosition> {
    const row = this.#position.get(this.#bit);
    if (row === undefined) throw new Error(`Cannot read position: lane ${this.#bit} is not in the store`);
    const [cursor, unansweredLastId, firstId, lastId, sealedAtUs, notBeforeUs] = row;
    const isOpen = firstId !== null && lastId !== null && sealedAtUs !== null && notBeforeUs !== null;
    return {
      cursor,
      unansweredLastId,
      open: isOpen ? { firstId, lastId, sealedAtUs, notBeforeUs } : undefined,
    };
  }

  async backlog(): Promise<Backlog> {
    return this.#db.read(() => this.backlogNow());
  }

  /** The backlog, within a transaction of the caller's. */
  backlogNow(): Backlog {
    const [cursor, messages, lastId] = this.#pending.get(this.#bit) ?? [0, 0, 0];
    if (messages === 0) {
      this.#noneBefore = Math.max(this.#noneBefore, lastId);
      return { messages, oldestArrivedAtUs: undefined, lastId };
    }
    const oldest = this.#oldest.get(Math.max(cursor, this.#noneBefore), this.#mask);
    if (oldest !== undefined) this.#noneBefore = oldest[0] - 1;
    return { messages, oldestArrivedAtUs: oldest?.[1], lastId };
  }

  async read(afterId: number, rowsMax: number): Promise<StoredMessage[]> {
    const rows = this.#rows.all(Math.max(afterId, this.#noneBefore), this.#bit, this.#mask, rowsMax);
    const messages: StoredMessage[] = [];
    let bytes = 0;
    for (const row of rows) {
      if (bytes >= readBytesMax) break;
      const message = toStoredMessage(isWhole(row) ? row : this.#complete(row));
      messages.push(message);
      bytes += message.payload.length;
    }
    return messages;
  }

  #complete([id, source, topic, arrivedUs, expiresUs, properties]: RowColumns): MessageColumns {
    const [payload] = this.#payload.get(id) ?? [];
    if (payload === undefined) throw new Error(`Cannot read message ${id}: it is no longer there`);
    return [id, source, topic, arrivedUs, expiresUs, properties, payload];
  }

  async state(): Promise<Uint8Array[]> {
    return this.#state.all(this.#bit).map(([bytes]) => bytes);
  }
}

function isWhole(row: RowColumns): row is MessageColumns {
  return row[6] !== null;
}
