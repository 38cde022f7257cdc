import { DedupeTable, identityBytes } from "../dedupe.ts";
import type { Database, Statement } from "./driver.ts";

/** The dedupe table and its copy on disk: one packed row for each commit, deleted once all of it is forgotten. */
export class DedupeRows {
  readonly table: DedupeTable;
  readonly #insert: Statement<[]>;
  readonly #prune: Statement<[]>;
  #saved: number;

  constructor(db: Database, options: { windowSeconds: number; entriesMax: number }) {
    this.#insert = db.prepare("INSERT INTO dedupe VALUES (?, ?, ?)");
    this.#prune = db.prepare(
      `DELETE FROM dedupe WHERE first < ?1 AND first + length(packed) / ${identityBytes} <= ?1`,
    );
    this.table = load(db, options);
    this.#saved = this.table.nextSequence;
  }

  /** Within a transaction: write what the table took in since the last commit. */
  save(arrivedAtUs: number): void {
    const { nextSequence, firstSequence } = this.table;
    if (nextSequence === this.#saved) return;
    this.#insert.run(this.#saved, arrivedAtUs, this.table.packFrom(this.#saved));
    this.#prune.run(firstSequence);
  }

  committed(arrivedAtUs: number): void {
    this.#saved = this.table.nextSequence;
    this.table.evict(arrivedAtUs);
  }

  rolledBack(): void {
    this.table.rollback(this.#saved);
  }
}

function load(db: Database, options: { windowSeconds: number; entriesMax: number }): DedupeTable {
  const rows = db.prepare<[number, number, Uint8Array]>(
    "SELECT first, arrived_us, packed FROM dedupe WHERE first > ? ORDER BY first LIMIT 1000",
  );
  let table: DedupeTable | undefined;
  for (let after = -1; ; ) {
    const slice = rows.all(after);
    if (slice.length === 0) return table ?? new DedupeTable(options);
    for (const [first, arrivedAtUs, packed] of slice) {
      table ??= new DedupeTable({ ...options, firstSequence: first });
      for (let at = 0; at < packed.length; at += identityBytes) {
        table.add(packed.subarray(at, at + identityBytes), arrivedAtUs);
      }
      after = first;
    }
    const newest = slice.at(-1)?.[1] ?? 0;
    table?.evict(newest);
  }
}
