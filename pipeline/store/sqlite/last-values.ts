import type { LastValue, RuleInput } from "../../message.ts";
import type { StoredLastValue } from "../batch-store.ts";
import type { Database, Statement } from "./driver.ts";
import type { ArrivalRow } from "./messages.ts";
import { packLastValue, unpackLastValue } from "./properties.ts";

type Columns = [
  rule: string,
  input: string,
  member: string,
  source: string,
  topic: string,
  value: string,
  metUs: number,
];

/** Values that a message met, as one text for the way to the writer; null: none. */
export function packMet(met: readonly LastValue[] | undefined): string | null {
  return met === undefined ? null : JSON.stringify(met.map(packLastValue));
}

/** The last value of each input on each topic. */
export class LastValueRows {
  readonly #db: Database;
  readonly #put: Statement<[]>;

  constructor(db: Database) {
    this.#db = db;
    this.#put = db.prepare(
      `INSERT INTO last_values(rule, input, member, source, topic, value, met_us) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET value = excluded.value, met_us = excluded.met_us`,
    );
  }

  /** Within a transaction: what a message met takes the place of what was there. */
  put({
    source,
    topic,
    arrivedAtUs,
    met,
  }: Pick<ArrivalRow, "source" | "topic" | "arrivedAtUs" | "met">): void {
    if (met === null) return;
    for (const { rule, input, member, value } of JSON.parse(met).map(unpackLastValue)) {
      this.#put.run(rule, input, member, source, topic, value, arrivedAtUs);
    }
  }

  list(): StoredLastValue[] {
    return this.#db
      .prepare<Columns>("SELECT rule, input, member, source, topic, value, met_us FROM last_values")
      .all()
      .map(([rule, input, member, source, topic, value, metAtUs]) => ({
        rule,
        input,
        member,
        source,
        topic,
        value,
        metAtUs,
      }));
  }

  /** Forget those of other inputs. `write` runs a transaction that must succeed on a full disk too. */
  keepOnly(inputs: readonly RuleInput[], write: (work: () => void) => void): void {
    const wanted = JSON.stringify(inputs.map(({ rule, input }) => [rule, input]));
    // One look at each value, however many rules have changed.
    const forget = this.#db.prepare(
      `DELETE FROM last_values
       WHERE (rule, input) NOT IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))`,
    );
    write(() => {
      forget.run(wanted);
    });
  }
}
