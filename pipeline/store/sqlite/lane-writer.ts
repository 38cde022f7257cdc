import { systemClock } from "../../clock.ts";
import {
  type Batch,
  type Burial,
  isEmptyAfter,
  type Lane,
  type Settlement,
  type StateChange,
} from "../batch-store.ts";
import { createBurials } from "../burials.ts";
import type { DeadLetters, Death } from "./dead-letters.ts";
import type { Database, Statement } from "./driver.ts";
import type { LaneRecord } from "./lanes.ts";
import type { Space } from "./space.ts";

type Settled = Exclude<Settlement, { kind: "unsealed" }>;
type Row = [
  id: number,
  source: string,
  topic: string,
  properties: string | null,
  payload: Uint8Array,
  arrivedAtUs: number,
];

type LaneColumns = [
  cursor: number,
  unansweredLastId: number,
  firstId: number | null,
  lastId: number | null,
  sealedAtUs: number | null,
];

interface Open {
  cursor: number;
  unansweredLastId: number;
  firstId: number;
  lastId: number;
  sealedAtUs: number;
}

interface Rooms {
  db: Database;
  space: Space;
  deadLetters: DeadLetters;
  /** Called after a settlement: rows may be owed by nobody now. */
  onSettled: () => void;
}

/** What a lane writes. Only the connection that owns all writes has it. */
export class LaneWriter implements Pick<Lane, "seal" | "settle" | "postpone"> {
  readonly #rooms: Rooms;
  readonly #lane: LaneRecord;
  readonly #open: Statement<LaneColumns>;
  readonly #seal: Statement<[]>;
  readonly #unseal: Statement<[]>;
  readonly #settle: Statement<[]>;
  readonly #postpone: Statement<[]>;
  readonly #message: Statement<Row>;
  readonly #unexpired: Statement<Row>;
  readonly #clearState: Statement<[]>;
  readonly #dropState: Statement<[]>;
  readonly #appendState: Statement<[]>;

  constructor(lane: LaneRecord, rooms: Rooms) {
    const { db } = rooms;
    this.#rooms = rooms;
    this.#lane = lane;
    this.#open = db.prepare(
      "SELECT cursor, unanswered_last_id, open_first_id, open_last_id, open_sealed_us FROM lanes WHERE bit = ?",
    );
    this.#seal = db.prepare(
      `UPDATE lanes SET open_first_id = ?, open_last_id = ?, open_sealed_us = ?3, open_not_before_us = ?3
       WHERE bit = ?4`,
    );
    this.#unseal = db.prepare(
      `UPDATE lanes SET open_first_id = NULL, open_last_id = NULL, open_sealed_us = NULL, open_not_before_us = NULL
       WHERE bit = ?`,
    );
    this.#settle = db.prepare(
      `UPDATE lanes SET cursor = ?, delivered = delivered + ?, expired = expired + ?,
         dead_lettered = dead_lettered + ?, exported_items = exported_items + ?,
         rejected_items = rejected_items + ?
       WHERE bit = ?`,
    );
    this.#postpone = db.prepare(
      "UPDATE lanes SET open_not_before_us = ?, unanswered_last_id = max(unanswered_last_id, ?) WHERE bit = ?",
    );
    this.#message = db.prepare(
      `SELECT id, source, topic, properties, payload, arrived_us FROM messages
       WHERE id = ? AND id BETWEEN ? AND ? AND lanes & ? <> 0`,
    );
    this.#unexpired = db.prepare(
      `SELECT id, source, topic, properties, payload, arrived_us FROM messages
       WHERE id BETWEEN ? AND ? AND lanes & ? <> 0 AND (expires_us IS NULL OR expires_us > ?) ORDER BY id`,
    );
    this.#clearState = db.prepare("DELETE FROM state WHERE lane = ?");
    this.#dropState = db.prepare(
      "DELETE FROM state WHERE id IN (SELECT id FROM state WHERE lane = ? ORDER BY id LIMIT ?)",
    );
    this.#appendState = db.prepare("INSERT INTO state(lane, bytes) VALUES (?, ?)");
  }

  async seal(batch: Batch): Promise<void> {
    this.#rooms.space.settling(() => {
      const [cursor, , firstId, lastId] = this.#position();
      if (firstId !== null) {
        throw new Error(`Cannot seal ${batch.firstId}–${batch.lastId}: batch ${firstId}–${lastId} is open`);
      }
      this.#sealAfter(cursor, batch);
    });
  }

  async settle(settlement: Settlement, next?: Batch): Promise<readonly Burial[]> {
    const burials = this.#rooms.space.settling(() => {
      const open = this.#openBatch("settle");
      this.#unseal.run(this.#lane.bit);
      const buried = settlement.kind === "unsealed" ? [] : this.#record(settlement, open);
      if (next) this.#sealAfter(settlement.kind === "unsealed" ? open.cursor : open.lastId, next);
      return buried;
    });
    if (settlement.kind !== "unsealed") this.#rooms.onSettled();
    return burials;
  }

  async postpone({ notBeforeUs, unanswered }: { notBeforeUs: number; unanswered: boolean }): Promise<void> {
    this.#rooms.space.settling(() => {
      const { lastId } = this.#openBatch("postpone");
      this.#postpone.run(notBeforeUs, unanswered ? lastId : 0, this.#lane.bit);
    });
  }

  #record(settlement: Settled, open: Open): readonly Burial[] {
    const delivered = settlement.kind === "delivered" ? settlement : undefined;
    const burials = this.#bury(settlement, open);
    this.#settle.run(
      open.lastId,
      delivered?.messages ?? 0,
      settlement.expired,
      burials.reduce((sum, { count }) => sum + count, 0),
      delivered?.items ?? 0,
      delivered?.rejectedItems ?? 0,
      this.#lane.bit,
    );
    this.#saveState(settlement.state);
    return burials;
  }

  #bury(settlement: Settled, { firstId, lastId, sealedAtUs, unansweredLastId }: Open): readonly Burial[] {
    const mask = 2 ** this.#lane.bit;
    const burials = createBurials();
    switch (settlement.kind) {
      case "delivered":
        break;
      case "dead": {
        const { messageId, reason, path = "", detail, possiblyDelivered } = settlement;
        const found = this.#message.get(messageId, firstId, lastId, mask);
        if (found === undefined) {
          throw new Error(`Cannot bury message ${messageId}: not in batch ${firstId}–${lastId}`);
        }
        this.#insertDead(found, { reason, path, detail, possiblyDelivered }, burials);
        break;
      }
      case "overdue": {
        const found = this.#unexpired.all(firstId, lastId, mask, sealedAtUs);
        for (const message of found) {
          const possiblyDelivered = message[0] <= unansweredLastId;
          const { detail } = settlement;
          this.#insertDead(message, { reason: "overdue", path: "", detail, possiblyDelivered }, burials);
        }
        break;
      }
      default:
        return settlement satisfies never;
    }
    return burials.list();
  }

  #insertDead(
    [, source, topic, properties, payload, arrivedAtUs]: Row,
    death: Pick<Death, "reason" | "path" | "detail" | "possiblyDelivered">,
    burials: ReturnType<typeof createBurials>,
  ): void {
    const row = { source, topic, properties, payload, arrivedAtUs };
    const diedAtUs = systemClock.nowUs();
    const id = this.#rooms.deadLetters.insert({ row, diedAtUs, lane: this.#lane.name, ...death });
    burials.add(id, { message: row, ...death });
  }

  #saveState(change: StateChange | undefined): void {
    if (change === undefined) return;
    if (change.kind === "replace") this.#clearState.run(this.#lane.bit);
    if (change.dropOldest) this.#dropState.run(this.#lane.bit, change.dropOldest);
    this.#appendState.run(this.#lane.bit, change.bytes);
  }

  #position(): LaneColumns {
    const row = this.#open.get(this.#lane.bit);
    if (row === undefined) throw new Error(`Cannot use lane ${this.#lane.bit}: it is not in the store`);
    return row;
  }

  #openBatch(what: string): Open {
    const [cursor, unansweredLastId, firstId, lastId, sealedAtUs] = this.#position();
    if (firstId === null || lastId === null || sealedAtUs === null)
      throw new Error(`Cannot ${what} a batch: none is open`);
    return { cursor, unansweredLastId, firstId, lastId, sealedAtUs };
  }

  #sealAfter(cursor: number, batch: Batch): void {
    const { firstId, lastId, sealedAtUs } = batch;
    if (firstId <= cursor || (lastId < firstId && !isEmptyAfter(batch, cursor))) {
      throw new Error(`Cannot seal ${firstId}–${lastId}: wanted a range of ids after ${cursor}`);
    }
    this.#seal.run(firstId, lastId, sealedAtUs, this.#lane.bit);
  }
}
