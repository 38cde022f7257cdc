import type { SourceLedger } from "../batch-store.ts";
import type { Database, Statement } from "./driver.ts";

/** What a commit adds to one source's counters. */
export type SourceChange = Partial<SourceLedger>;

type Columns = [string, number, number, number, number, number, number, number, number | null];

/** The counters of what arrived, by source. */
export class Sources {
  readonly #add: Statement<[]>;
  readonly #all: Statement<Columns>;

  constructor(db: Database) {
    this.#add = db.prepare(
      `INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         received = received + excluded.received,
         accepted = accepted + excluded.accepted,
         duplicates = duplicates + excluded.duplicates,
         id_conflicts = id_conflicts + excluded.id_conflicts,
         expired = expired + excluded.expired,
         filtered = filtered + excluded.filtered,
         dead_lettered = dead_lettered + excluded.dead_lettered,
         last_received_us = coalesce(excluded.last_received_us, last_received_us)`,
    );
    this.#all = db.prepare("SELECT * FROM sources");
  }

  add(name: string, change: SourceChange): void {
    this.#add.run(
      name,
      change.received ?? 0,
      change.accepted ?? 0,
      change.duplicates ?? 0,
      change.idConflicts ?? 0,
      change.expired ?? 0,
      change.filtered ?? 0,
      change.deadLettered ?? 0,
      change.lastReceivedAtUs ?? null,
    );
  }

  ledger(): Record<string, SourceLedger> {
    return Object.fromEntries(
      this.#all.all().map(([name, received, accepted, duplicates, idConflicts, ...rest]) => {
        const [expired, filtered, deadLettered, lastReceivedUs] = rest;
        return [
          name,
          {
            received,
            accepted,
            duplicates,
            idConflicts,
            expired,
            filtered,
            deadLettered,
            lastReceivedAtUs: lastReceivedUs ?? undefined,
          },
        ];
      }),
    );
  }
}
