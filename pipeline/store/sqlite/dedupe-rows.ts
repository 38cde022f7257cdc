import { type DedupeOptions, DedupeTable, identityBytes } from "../dedupe.ts";
import type { Database, Statement } from "./driver.ts";

/** Up to so many, small commits share a row: opening takes seven times as long with a row for each entry. */
const rowEntriesMax = 64;
/** Entries of a row share the instant of the newest, so that they must have come at about the same time. */
const rowSpanUs = 1e6;

interface OpenRow {
  first: number;
  sinceUs: number;
}

/** The dedupe table and its copy on disk: packed rows, each deleted once all of it is forgotten. */
export class DedupeRows {
  readonly table: DedupeTable;
  readonly #insert: Statement<[]>;
  readonly #prune: Statement<[]>;
  #saved: number;
  #row: OpenRow | undefined;
  #rowAfterCommit: OpenRow | undefined;

  /** `lastMessageId`: of the newest message in the store, for entries whose own ids are not on disk. */
  constructor(db: Database, options: DedupeOptions, lastMessageId: number) {
    this.#insert = db.prepare("INSERT OR REPLACE INTO dedupe VALUES (?, ?, ?)");
    this.#prune = db.prepare(
      `DELETE FROM dedupe WHERE first < ?1 AND first + length(packed) / ${identityBytes} <= ?1`,
    );
    this.table = load(db, options, lastMessageId);
    this.#saved = this.table.nextSequence;
  }

  /** Within a transaction: write what the table took in since the last commit. */
  save(arrivedAtUs: number): void {
    const { nextSequence, firstSequence } = this.table;
    if (nextSequence === this.#saved) return;
    const row = this.#openRow(arrivedAtUs) ?? { first: this.#saved, sinceUs: arrivedAtUs };
    this.#insert.run(row.first, arrivedAtUs, this.table.packFrom(row.first));
    this.#prune.run(firstSequence);
    this.#rowAfterCommit = row;
  }

  /** The newest row, when it can take what came since. */
  #openRow(arrivedAtUs: number): OpenRow | undefined {
    const row = this.#row;
    if (row === undefined || row.first < this.table.firstSequence) return undefined;
    if (this.table.nextSequence - row.first > rowEntriesMax) return undefined;
    return Math.abs(arrivedAtUs - row.sinceUs) <= rowSpanUs ? row : undefined;
  }

  committed(arrivedAtUs: number): void {
    this.#saved = this.table.nextSequence;
    this.#row = this.#rowAfterCommit;
    this.table.evict(arrivedAtUs);
  }

  rolledBack(): void {
    this.table.rollback(this.#saved);
  }
}

/** Where numbers are missing, as in what was salvaged, all before them is forgotten. */
function load(db: Database, options: DedupeOptions, lastMessageId: number): DedupeTable {
  const rows = db.prepare<[number, number, Uint8Array]>(
    "SELECT first, arrived_us, packed FROM dedupe WHERE first > ? ORDER BY first LIMIT 1000",
  );
  let table = new DedupeTable(options);
  for (let after = -1; ; ) {
    const slice = rows.all(after);
    if (slice.length === 0) return table;
    for (const [first, arrivedAtUs, packed] of slice) {
      if (first !== table.nextSequence) table = new DedupeTable({ ...options, firstSequence: first });
      for (let at = 0; at < packed.length; at += identityBytes) {
        table.restore(packed, at, arrivedAtUs, lastMessageId);
      }
      after = first;
    }
    table.evict(slice.at(-1)?.[1] ?? 0);
  }
}
