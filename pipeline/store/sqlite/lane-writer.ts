import { systemClock } from "../../clock.ts";
import type { Batch, Lane, Settlement, StateChange } from "../batch-store.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Database, Statement } from "./driver.ts";
import type { LaneRecord } from "./lanes.ts";
import type { Space } from "./space.ts";

type Settled = Exclude<Settlement, { kind: "unsealed" }>;
type Buried = [
  source: string,
  topic: string,
  properties: string | null,
  payload: Uint8Array,
  arrivedAtUs: number,
];

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
  readonly #open: Statement<[cursor: number, firstId: number | null, lastId: number | null]>;
  readonly #seal: Statement<[]>;
  readonly #unseal: Statement<[]>;
  readonly #settle: Statement<[]>;
  readonly #postpone: Statement<[]>;
  readonly #message: Statement<Buried>;
  readonly #clearState: Statement<[]>;
  readonly #appendState: Statement<[]>;

  constructor(lane: LaneRecord, rooms: Rooms) {
    const { db } = rooms;
    this.#rooms = rooms;
    this.#lane = lane;
    this.#open = db.prepare("SELECT cursor, open_first_id, open_last_id FROM lanes WHERE bit = ?");
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
      `SELECT source, topic, properties, payload, arrived_us FROM messages
       WHERE id = ? AND id BETWEEN ? AND ? AND lanes & ? <> 0`,
    );
    this.#clearState = db.prepare("DELETE FROM state WHERE lane = ?");
    this.#appendState = db.prepare("INSERT INTO state(lane, bytes) VALUES (?, ?)");
  }

  async seal(batch: Batch): Promise<void> {
    this.#rooms.space.settling(() => {
      const [cursor, firstId, lastId] = this.#position();
      if (firstId !== null) {
        throw new Error(`Cannot seal ${batch.firstId}–${batch.lastId}: batch ${firstId}–${lastId} is open`);
      }
      this.#sealAfter(cursor, batch);
    });
  }

  async settle(settlement: Settlement, next?: Batch): Promise<void> {
    this.#rooms.space.settling(() => {
      const { cursor, firstId, lastId } = this.#openBatch("settle");
      this.#unseal.run(this.#lane.bit);
      if (settlement.kind !== "unsealed") this.#record(settlement, { firstId, lastId });
      if (next) this.#sealAfter(settlement.kind === "unsealed" ? cursor : lastId, next);
    });
    if (settlement.kind !== "unsealed") this.#rooms.onSettled();
  }

  async postpone({ notBeforeUs, unanswered }: { notBeforeUs: number; unanswered: boolean }): Promise<void> {
    this.#rooms.space.settling(() => {
      const { lastId } = this.#openBatch("postpone");
      this.#postpone.run(notBeforeUs, unanswered ? lastId : 0, this.#lane.bit);
    });
  }

  #record(settlement: Settled, range: { firstId: number; lastId: number }): void {
    const delivered = settlement.kind === "delivered" ? settlement : undefined;
    if (settlement.kind === "dead") this.#bury(settlement, range);
    this.#settle.run(
      range.lastId,
      delivered?.messages ?? 0,
      settlement.expired,
      settlement.kind === "dead" ? 1 : 0,
      delivered?.items ?? 0,
      delivered?.rejectedItems ?? 0,
      this.#lane.bit,
    );
    this.#saveState(settlement.state);
  }

  #bury(
    settlement: Settled & { kind: "dead" },
    { firstId, lastId }: { firstId: number; lastId: number },
  ): void {
    const { messageId, reason, path = "", detail, possiblyDelivered } = settlement;
    const found = this.#message.get(messageId, firstId, lastId, 2 ** this.#lane.bit);
    if (found === undefined) {
      throw new Error(`Cannot bury message ${messageId}: not in batch ${firstId}–${lastId}`);
    }
    const [source, topic, properties, payload, arrivedAtUs] = found;
    this.#rooms.deadLetters.insert({
      row: { source, topic, properties, payload, arrivedAtUs },
      diedAtUs: systemClock.nowUs(),
      reason,
      path,
      detail,
      lane: this.#lane.name,
      possiblyDelivered,
    });
  }

  #saveState(change: StateChange | undefined): void {
    if (change === undefined) return;
    if (change.kind === "replace") this.#clearState.run(this.#lane.bit);
    this.#appendState.run(this.#lane.bit, change.bytes);
  }

  #position(): [cursor: number, firstId: number | null, lastId: number | null] {
    const row = this.#open.get(this.#lane.bit);
    if (row === undefined) throw new Error(`Cannot use lane ${this.#lane.bit}: it is not in the store`);
    return row;
  }

  #openBatch(what: string): { cursor: number; firstId: number; lastId: number } {
    const [cursor, firstId, lastId] = this.#position();
    if (firstId === null || lastId === null) throw new Error(`Cannot ${what} a batch: none is open`);
    return { cursor, firstId, lastId };
  }

  #sealAfter(cursor: number, { firstId, lastId, sealedAtUs }: Batch): void {
    if (firstId <= cursor || lastId < firstId) {
      throw new Error(`Cannot seal ${firstId}–${lastId}: wanted a range of ids after ${cursor}`);
    }
    this.#seal.run(firstId, lastId, sealedAtUs, this.#lane.bit);
  }
}
