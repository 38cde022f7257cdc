import type { Arrival, StoredMessage, Verdict } from "../batch-store.ts";
import type { Database, Statement, Value } from "./driver.ts";
import { packMet } from "./last-values.ts";
import { packProperties, unpackProperties } from "./properties.ts";

/** An arrival as the writer takes it: what has no column of its own is packed already. */
export interface ArrivalRow {
  source: string;
  topic: string;
  properties: string | null;
  payload: Uint8Array;
  arrivedAtUs: number;
  identity: Uint8Array | undefined;
  verdict: Verdict;
  /** What `packMet` gives. */
  met: string | null;
}

export function toArrivalRow({ message, arrivedAtUs, identity, verdict, met }: Arrival): ArrivalRow {
  return {
    source: message.source,
    topic: message.topic,
    properties: packProperties(message),
    payload: message.payload,
    arrivedAtUs,
    identity,
    verdict,
    met: packMet(met),
  };
}

/** What a row takes on its page besides its text and payload. */
const rowOverheadBytes = 48;
const pageBytes = 4096;
/** Beyond this a payload moves to pages of its own, of which the last is half empty on average. */
const overflowBytes = 1000;

/** About how much of the database file a row takes. */
export function rowBytes(row: Pick<ArrivalRow, "source" | "topic" | "properties" | "payload">): number {
  const { source, topic, properties, payload } = row;
  const textBytes =
    Buffer.byteLength(source) + Buffer.byteLength(topic) + Buffer.byteLength(properties ?? "");
  const bytes = payload.length + textBytes + rowOverheadBytes;
  return bytes < overflowBytes ? bytes : (Math.ceil(bytes / pageBytes) + 1) * pageBytes;
}

export type MessageColumns = [
  id: number,
  source: string,
  topic: string,
  arrivedUs: number,
  expiresUs: number | null,
  properties: string | null,
  payload: Uint8Array,
];

/** A message that is owed by `lanes`. */
export interface NewMessage {
  row: Pick<ArrivalRow, "source" | "topic" | "properties" | "payload" | "arrivedAtUs">;
  id: number;
  lanes: number;
  expiresAtUs?: number | undefined;
}

/** One statement takes so many: 0.6 µs for each of 200 bytes, and 1.1 one by one. */
const togetherCount = 8;

/** The log itself: rows are appended, read, and deleted once no lane owes them. */
export class Messages {
  readonly #insertOne: Statement<[]>;
  readonly #insertTogether: Statement<[]>;

  constructor(db: Database) {
    this.#insertOne = db.prepare(insertOf(1));
    this.#insertTogether = db.prepare(insertOf(togetherCount));
  }

  /** Within a transaction, which is to be rolled back if this fails. */
  insert(messages: readonly NewMessage[]): void {
    const aloneFrom = messages.length - (messages.length % togetherCount);
    for (let at = 0; at < aloneFrom; at += togetherCount) {
      this.#insertTogether.run(...columnsOf(messages, at, togetherCount));
    }
    for (let at = aloneFrom; at < messages.length; at++) this.#insertOne.run(...columnsOf(messages, at, 1));
  }
}

/** By `OR ROLLBACK` SQLite keeps no journal of the statement alone, which is of no use in a transaction for all or nothing. */
function insertOf(count: number): string {
  const row = "(?, ?, ?, ?, ?, ?, ?, ?)";
  return `INSERT OR ROLLBACK
          INTO messages(id, lanes, arrived_us, expires_us, source, topic, properties, payload)
          VALUES ${Array(count).fill(row).join(", ")}`;
}

function columnsOf(messages: readonly NewMessage[], first: number, count: number): Value[] {
  const columns: Value[] = [];
  for (const { row, id, lanes, expiresAtUs } of messages.slice(first, first + count)) {
    const { arrivedAtUs, source, topic, properties, payload } = row;
    columns.push(id, lanes, arrivedAtUs, expiresAtUs ?? null, source, topic, properties, payload);
  }
  return columns;
}

export function toStoredMessage(columns: MessageColumns): StoredMessage {
  const [id, source, topic, arrivedAtUs, expiresUs, properties, payload] = columns;
  return {
    id,
    source,
    topic,
    payload,
    arrivedAtUs,
    expiresAtUs: expiresUs ?? undefined,
    ...unpackProperties(properties),
  };
}
