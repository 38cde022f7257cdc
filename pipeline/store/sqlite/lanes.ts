import { type LaneName, laneKey } from "../../message.ts";
import type { LaneLedger } from "../batch-store.ts";
import type { Database, Statement } from "./driver.ts";
import { LaneReader } from "./lane-reader.ts";

/** Bits of a lane mask that a number holds exactly with room to spare, so that sums stay exact too. */
const lanesMax = 48;

export interface LaneRecord {
  name: LaneName;
  bit: number;
}

/**
 * Give every configured lane its row and its bit. A lane that is new owes from now; one that comes back continues.
 * A batch that was open counts as unanswered.
 *
 * Gives the configured lanes, and a notice for each other one that still keeps messages in the store.
 */
export function registerLanes(
  db: Database,
  names: readonly LaneName[],
): { lanes: LaneRecord[]; notices: string[] } {
  return db.write(() => {
    db.exec("UPDATE lanes SET unanswered_last_id = max(unanswered_last_id, coalesce(open_last_id, 0))");
    const known = new Map(
      db
        .prepare<[number, string, LaneName["signal"], number]>(
          "SELECT bit, destination, signal, owed - delivered - expired - dead_lettered FROM lanes",
        )
        .all()
        .map(([bit, destination, signal, pending]) => [laneKey({ destination, signal }), { bit, pending }]),
    );
    const lanes = names.map((name) => {
      const key = laneKey(name);
      const bit = known.get(key)?.bit ?? insertLane(db, name, new Set(names.map(laneKey)));
      known.delete(key);
      return { name, bit };
    });
    const notices = [...known]
      .filter(([, { pending }]) => pending > 0)
      .map(
        ([key, { pending }]) =>
          `Lane ${key} is no longer configured and keeps ${pending} messages until it is`,
      );
    return { lanes, notices };
  });
}

function insertLane(db: Database, name: LaneName, configured: ReadonlySet<string>): number {
  const rows = db
    .prepare<[number, string, LaneName["signal"], number, number]>(
      "SELECT bit, destination, signal, owed - delivered - expired - dead_lettered, swept FROM lanes ORDER BY bit",
    )
    .all();
  const taken = new Set(rows.map(([bit]) => bit));
  let bit = 0;
  while (taken.has(bit)) bit++;
  let swept: number | undefined;
  if (bit >= lanesMax) {
    const idle = rows.find(
      ([, destination, signal, pending]) =>
        pending === 0 && !configured.has(laneKey({ destination, signal })),
    );
    if (idle === undefined) {
      throw new Error(
        `Cannot add lane ${laneKey(name)}: the store knows ${rows.length} lanes, at most ${lanesMax} are possible`,
      );
    }
    bit = idle[0];
    // What it settled and did not sweep yet is left to the new one.
    swept = idle[4];
    db.prepare("DELETE FROM lanes WHERE bit = ?").run(bit);
    db.prepare("DELETE FROM state WHERE lane = ?").run(bit);
  }
  db.prepare(
    `INSERT INTO lanes(bit, destination, signal, cursor, swept)
     SELECT ?, ?, ?, last, coalesce(?, last)
     FROM (SELECT coalesce((SELECT value FROM counters WHERE name = 'lastMessageId'), 0) AS last)`,
  ).run(bit, name.destination, name.signal, swept ?? null);
  return bit;
}

/** The bits of a mask. Its numbers may be beyond 32 bits, where the operators of the language end. */
export function bitsOf(mask: number): number[] {
  const bits: number[] = [];
  for (let bit = 0, rest = mask; rest > 0; bit++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) bits.push(bit);
  }
  return bits;
}

/** The lanes' counters as a whole. */
export class LaneCounters {
  readonly #owe: Statement<[]>;
  readonly #row: Statement<[number, number, number, number, number, number]>;
  readonly #readers: { record: LaneRecord; reader: LaneReader }[];
  readonly #knownBits = new Map<number, number[]>();

  constructor(db: Database, lanes: readonly LaneRecord[]) {
    this.#owe = db.prepare("UPDATE lanes SET owed = owed + ? WHERE bit = ?");
    this.#row = db.prepare(
      "SELECT owed, delivered, expired, dead_lettered, exported_items, rejected_items FROM lanes WHERE bit = ?",
    );
    this.#readers = lanes.map((record) => ({ record, reader: new LaneReader(db, record.bit) }));
  }

  /** The part of a mask that is lanes of this store: a row for any other would never be settled. */
  known(mask: number): number {
    return this.#bits(mask).reduce((sum, bit) => sum + 2 ** bit, 0);
  }

  /** Within a transaction: `count` more messages are owed by each lane of the mask. */
  owe(mask: number, count: number): void {
    for (const bit of this.#bits(mask)) this.#owe.run(count, bit);
  }

  /** Within a transaction. */
  ledger(): LaneLedger[] {
    return this.#readers.map(({ record, reader }) => {
      const [owed, delivered, expired, deadLettered, exportedItems, rejectedItems] = this.#row.get(
        record.bit,
      ) ?? [0, 0, 0, 0, 0, 0];
      const { messages, oldestArrivedAtUs } = reader.backlogNow();
      return {
        name: record.name,
        owed,
        delivered,
        expired,
        deadLettered,
        pending: messages,
        oldestArrivedAtUs,
        exportedItems,
        rejectedItems,
      };
    });
  }

  /** Few masks are in use, so each is taken apart once. */
  #bits(mask: number): readonly number[] {
    let bits = this.#knownBits.get(mask);
    if (bits === undefined) {
      bits = bitsOf(mask).filter((bit) => this.#readers.some(({ record }) => record.bit === bit));
      this.#knownBits.set(mask, bits);
    }
    return bits;
  }
}
