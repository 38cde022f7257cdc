import {
  type Backlog,
  type Lane,
  type LanePosition,
  readBytesMax,
  type SavedState,
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

/** Payloads and properties up to this size come with their row; larger ones are read by themselves, when their turn comes. */
const inlineBytesMax = 8_192;
/** In the place of properties that are larger. */
const laterProperties = "";

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
  readonly #large: Statement<[properties: string | null, payload: Uint8Array]>;
  readonly #state: Statement<[id: number, bytes: Uint8Array]>;
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
      `SELECT id, source, topic, arrived_us, expires_us,
         CASE WHEN octet_length(properties) > ${inlineBytesMax} THEN '${laterProperties}' ELSE properties END,
         CASE WHEN length(payload) <= ${inlineBytesMax} THEN payload END
       FROM messages
       WHERE id > max(?, (SELECT cursor FROM lanes WHERE bit = ?)) AND lanes & ? <> 0 ORDER BY id LIMIT ?`,
    );
    this.#large = db.prepare("SELECT properties, payload FROM messages WHERE id = ?");
    this.#state = db.prepare("SELECT id, bytes FROM state WHERE lane = ? AND id > ? ORDER BY id LIMIT 1");
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
      const columns = isWhole(row) ? row : this.#complete(row);
      messages.push(toStoredMessage(columns));
      const [, , , , , properties, payload] = columns;
      bytes += payload.length + (properties?.length ?? 0);
    }
    return messages;
  }

  #complete([id, source, topic, arrivedUs, expiresUs]: RowColumns): MessageColumns {
    const large = this.#large.get(id);
    if (large === undefined) throw new Error(`Cannot read message ${id}: it is no longer there`);
    return [id, source, topic, arrivedUs, expiresUs, ...large];
  }

  async state(afterId: number): Promise<SavedState | undefined> {
    const row = this.#state.get(this.#bit, afterId);
    return row && { id: row[0], bytes: row[1] };
  }
}

function isWhole(row: RowColumns): row is MessageColumns {
  return row[6] !== null && row[5] !== laterProperties;
}
