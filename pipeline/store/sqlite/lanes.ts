import { type LaneName, laneKey, lanesMax, type Signal } from "../../message.ts";
import type { LaneLedger, LaneOptions } from "../batch-store.ts";
import type { LaneDebt } from "../dedupe.ts";
import { beginClaim, endClaim } from "./claim.ts";
import type { Database, Statement } from "./driver.ts";
import { LaneReader } from "./lane-reader.ts";

export interface LaneRecord {
  name: LaneName;
  bit: number;
}

type Known = [
  bit: number,
  destination: string,
  signal: Signal,
  pending: number,
  cursor: number,
  swept: number,
];

/**
 * Give every configured lane its row and its bit. A lane that is new owes from now, or claims what others owe; one
 * that comes back continues. A batch that was open counts as unanswered.
 *
 * Gives the configured lanes in the order of `lanes`, and all others that the store knows with what they owe.
 */
export function registerLanes(
  db: Database,
  lanes: readonly LaneOptions[],
): { configured: LaneRecord[]; removed: (LaneRecord & { pending: number })[] } {
  return db.write(() => {
    db.exec("UPDATE lanes SET unanswered_last_id = max(unanswered_last_id, coalesce(open_last_id, 0))");
    const names = new Set(lanes.map(laneKey));
    const bits = new Map(knownLanes(db).map((row) => [keyOf(row), row[0]]));
    const configured = lanes.map((lane) => ({
      name: { destination: lane.destination, signal: lane.signal },
      bit: bits.get(laneKey(lane)) ?? insertLane(db, lane, names),
    }));
    const removed = knownLanes(db)
      .filter((row) => !names.has(keyOf(row)))
      .map(([bit, destination, signal, pending]) => ({ name: { destination, signal }, bit, pending }));
    return { configured, removed };
  });
}

function knownLanes(db: Database): Known[] {
  return db
    .prepare<Known>(
      `SELECT bit, destination, signal, owed - delivered - expired - dead_lettered, cursor, swept
       FROM lanes ORDER BY bit`,
    )
    .all();
}

function keyOf([, destination, signal]: Known): string {
  return laneKey({ destination, signal });
}

function insertLane(
  db: Database,
  { destination, signal, startAt }: LaneOptions,
  configured: ReadonlySet<string>,
): number {
  const rows = knownLanes(db);
  const taken = new Set(rows.map(([bit]) => bit));
  let bit = 0;
  while (taken.has(bit)) bit++;
  let unswept = Number.POSITIVE_INFINITY;
  if (bit >= lanesMax) {
    const idle = rows.find((row) => row[3] === 0 && !configured.has(keyOf(row)));
    if (idle === undefined) {
      const key = laneKey({ destination, signal });
      throw new Error(
        `Cannot add lane ${key}: the store knows ${rows.length} lanes, at most ${lanesMax} are possible`,
      );
    }
    bit = idle[0];
    // What it settled and did not sweep yet is left to the new one.
    unswept = idle[5];
    db.prepare("DELETE FROM lanes WHERE bit = ?").run(bit);
    forgetLane(db, bit);
  }
  const lastId =
    db.prepare<[number]>("SELECT value FROM counters WHERE name = 'lastMessageId'").get()?.[0] ?? 0;
  const waiting = rows.filter(([, , other, pending]) => other === signal && pending > 0);
  const oldest = Math.min(lastId, ...waiting.map(([, , , , cursor]) => cursor));
  const cursor = startAt === "oldest" ? oldest : lastId;
  if (cursor < lastId) beginClaim(db, bit, { afterId: cursor, lastId });
  db.prepare("INSERT INTO lanes(bit, destination, signal, cursor, swept) VALUES (?, ?, ?, ?, ?)").run(
    bit,
    destination,
    signal,
    cursor,
    Math.min(cursor, unswept),
  );
  return bit;
}

/** Within a transaction: the lane's series, and what it still wanted to claim. */
function forgetLane(db: Database, bit: number): void {
  db.prepare("DELETE FROM state WHERE lane = ?").run(bit);
  endClaim(db, bit);
}

/**
 * Within a transaction: what the lane still owes is counted as dead and owed no more, and its series are forgotten,
 * because what was under way may have been delivered. Gives how many messages these were.
 */
export function dropOwed(db: Database, bit: number): number {
  const [pending = 0] =
    db
      .prepare<[number]>("SELECT owed - delivered - expired - dead_lettered FROM lanes WHERE bit = ?")
      .get(bit) ?? [];
  db.prepare(
    `UPDATE lanes SET dead_lettered = dead_lettered + ?,
       cursor = max(cursor, coalesce((SELECT value FROM counters WHERE name = 'lastMessageId'), 0)),
       open_first_id = NULL, open_last_id = NULL, open_sealed_us = NULL, open_not_before_us = NULL
     WHERE bit = ?`,
  ).run(pending, bit);
  forgetLane(db, bit);
  return pending;
}

/** The bits of a mask. Its numbers may be beyond 32 bits, where the operators of the language end. */
export function bitsOf(mask: number): number[] {
  const bits: number[] = [];
  for (let bit = 0, rest = mask; rest > 0; bit++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) bits.push(bit);
  }
  return bits;
}

interface Counted {
  record: LaneRecord;
  reader: LaneReader;
  isConfigured: boolean;
}

/** The lanes' counters as a whole. */
export class LaneCounters {
  readonly #owe: Statement<[]>;
  readonly #debts: Statement<[bit: number, settledId: number]>;
  readonly #row: Statement<[number, number, number, number, number, number]>;
  readonly #lanes: readonly Counted[];
  readonly #knownBits = new Map<number, number[]>();

  constructor(db: Database, lanes: { configured: readonly LaneRecord[]; removed: readonly LaneRecord[] }) {
    this.#owe = db.prepare("UPDATE lanes SET owed = owed + ? WHERE bit = ?");
    this.#debts = db.prepare(
      "SELECT bit, cursor FROM lanes WHERE owed > delivered + expired + dead_lettered",
    );
    this.#row = db.prepare(
      "SELECT owed, delivered, expired, dead_lettered, exported_items, rejected_items FROM lanes WHERE bit = ?",
    );
    const count = (isConfigured: boolean) => (record: LaneRecord) => ({
      record,
      reader: new LaneReader(db, record.bit),
      isConfigured,
    });
    this.#lanes = [...lanes.configured.map(count(true)), ...lanes.removed.map(count(false))];
  }

  /** The part of a mask that is configured lanes of this store: a row for any other would never be settled. */
  known(mask: number): number {
    return this.#bits(mask).reduce((sum, bit) => sum + 2 ** bit, 0);
  }

  /** Within a transaction: `count` more messages are owed by each lane of the mask. */
  owe(mask: number, count: number): void {
    for (const bit of this.#bits(mask)) this.#owe.run(count, bit);
  }

  /** The configured lanes that owe something. */
  debts(): LaneDebt[] {
    return this.#debts
      .all()
      .map(([bit, settledId]) => ({ mask: 2 ** bit, settledId }))
      .filter(({ mask }) => this.known(mask) > 0);
  }

  /** Within a transaction. */
  ledger(): LaneLedger[] {
    return this.#lanes.map((lane) => this.#read(lane));
  }

  #read({ record: { name, bit }, reader, isConfigured }: Counted): LaneLedger {
    const counts = this.#row.get(bit) ?? [0, 0, 0, 0, 0, 0];
    const [owed, delivered, expired, deadLettered, exportedItems, rejectedItems] = counts;
    const { messages: pending, oldestArrivedAtUs } = reader.backlogNow();
    return {
      name,
      isConfigured,
      owed,
      delivered,
      expired,
      deadLettered,
      pending,
      oldestArrivedAtUs,
      exportedItems,
      rejectedItems,
    };
  }

  /** Few masks are in use, so each is taken apart once. */
  #bits(mask: number): readonly number[] {
    let bits = this.#knownBits.get(mask);
    if (bits === undefined) {
      bits = bitsOf(mask).filter((bit) =>
        this.#lanes.some(({ record, isConfigured }) => isConfigured && record.bit === bit),
      );
      this.#knownBits.set(mask, bits);
    }
    return bits;
  }
}
