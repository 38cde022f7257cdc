import type { Database, Statement } from "./driver.ts";

/** The numbers that no other table has a place for. */
export type CounterName =
  | "lastMessageId"
  | "lastDeadLetterId"
  | "deadLettersKept"
  | "deadLettersDiscarded"
  | "deadLetterBytes";

/** Counters in rows of their own, changed in the transactions of what they count. */
export class Counters {
  readonly #get: Statement<[number]>;
  readonly #add: Statement<[]>;

  constructor(db: Database) {
    this.#get = db.prepare("SELECT value FROM counters WHERE name = ?");
    this.#add = db.prepare(
      "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
    );
  }

  get(name: CounterName): number {
    return this.#get.get(name)?.[0] ?? 0;
  }

  add(name: CounterName, count: number): void {
    if (count !== 0) this.#add.run(name, count);
  }
}
