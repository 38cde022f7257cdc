import type { Arrival, StoredMessage, Verdict } from "../batch-store.ts";
import type { Database, Statement } from "./driver.ts";
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

/** The log itself: rows are appended, read, and deleted once no lane owes them. */
export class Messages {
  readonly #insert: Statement<[]>;

  constructor(db: Database) {
    this.#insert = db.prepare(
      `INSERT INTO messages(id, lanes, arrived_us, expires_us, source, topic, properties, payload)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  insert(
    row: Pick<ArrivalRow, "source" | "topic" | "properties" | "payload" | "arrivedAtUs">,
    { id, lanes, expiresAtUs }: { id: number; lanes: number; expiresAtUs?: number | undefined },
  ): void {
    this.#insert.run(
      id,
      lanes,
      row.arrivedAtUs,
      expiresAtUs ?? null,
      row.source,
      row.topic,
      row.properties,
      row.payload,
    );
  }
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
