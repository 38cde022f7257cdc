import type { LaneName } from "../message.ts";
import {
  type Backlog,
  type Batch,
  type Burial,
  isEmptyAfter,
  type Lane,
  type LaneLedger,
  type OpenBatch,
  readBytesMax,
  type SavedState,
  type Settlement,
  type StateChange,
  type StoredMessage,
} from "./batch-store.ts";
import { createBurials } from "./burials.ts";
import type { LaneDebt } from "./dedupe.ts";

/** A message and how many lanes still owe it. */
export interface Row {
  message: StoredMessage;
  bytes: number;
  owedBy: number;
}

/** What the store does for a lane. */
export interface LaneOwner {
  lastId(): number;
  /** The lane has settled these rows. */
  release(rows: readonly Row[]): void;
  bury(
    row: Row,
    lane: LaneName,
    death: Omit<Settlement & { kind: "dead" }, "kind" | "messageId">,
    burials: ReturnType<typeof createBurials>,
  ): void;
}

/** One lane of the store in memory: the rows that it owes, in order, and its counters. */
export class MemoryLane implements Lane {
  readonly name: LaneName;
  readonly mask: number;
  readonly #owner: LaneOwner;
  #queue: Row[] = [];
  #cursor = 0;
  #open: OpenBatch | undefined;
  #unansweredLastId = 0;
  #state: SavedState[] = [];
  #stateLastId = 0;
  readonly #counts = {
    owed: 0,
    delivered: 0,
    expired: 0,
    deadLettered: 0,
    exportedItems: 0,
    rejectedItems: 0,
  };

  constructor(name: LaneName, mask: number, owner: LaneOwner) {
    this.name = name;
    this.mask = mask;
    this.#owner = owner;
  }

  owe(row: Row) {
    this.#queue.push(row);
    this.#counts.owed += 1;
    row.owedBy += 1;
  }

  /** Undefined: it owes nothing. */
  debt(): LaneDebt | undefined {
    return this.#queue.length === 0 ? undefined : { mask: this.mask, settledId: this.#cursor };
  }

  ledger(): LaneLedger {
    return {
      name: this.name,
      isConfigured: true,
      ...this.#counts,
      pending: this.#queue.length,
      oldestArrivedAtUs: this.#queue[0]?.message.arrivedAtUs,
    };
  }

  async position() {
    return {
      cursor: this.#cursor,
      open: this.#open && { ...this.#open },
      unansweredLastId: this.#unansweredLastId,
    };
  }

  async backlog(): Promise<Backlog> {
    const { pending: messages, oldestArrivedAtUs } = this.ledger();
    return { messages, oldestArrivedAtUs, lastId: this.#owner.lastId() };
  }

  async read(afterId: number, rowsMax: number): Promise<StoredMessage[]> {
    const messages: StoredMessage[] = [];
    let bytes = 0;
    const end = this.#queue.length;
    for (let at = this.#countUpTo(Math.max(afterId, this.#cursor)); at < end; at += 1) {
      const row = this.#queue[at];
      if (row === undefined || messages.length >= rowsMax || bytes >= readBytesMax) break;
      messages.push(row.message);
      bytes += row.message.payload.length;
    }
    return messages;
  }

  async state(afterId: number): Promise<SavedState | undefined> {
    return this.#state.find(({ id }) => id > afterId);
  }

  async seal(batch: Batch): Promise<void> {
    this.#checkSealable(batch, this.#cursor);
    if (this.#open) {
      throw new Error(`Cannot seal ${rangeText(batch)}: batch ${rangeText(this.#open)} is open`);
    }
    this.#open = { ...batch, notBeforeUs: batch.sealedAtUs };
  }

  async settle(settlement: Settlement, next?: Batch): Promise<readonly Burial[]> {
    const burials = createBurials();
    const open = this.#openBatch("settle");
    if (next) this.#checkSealable(next, settlement.kind === "unsealed" ? this.#cursor : open.lastId);
    const rows = settlement.kind === "unsealed" ? [] : this.#queue.slice(0, this.#countUpTo(open.lastId));
    if (settlement.kind === "dead") {
      const row = rows.find(({ message }) => message.id === settlement.messageId);
      if (!row) throw new Error(`Cannot bury message ${settlement.messageId}: not in ${rangeText(open)}`);
      this.#bury(row, settlement, burials);
    }
    if (settlement.kind === "overdue") {
      const { detail, expired } = settlement;
      for (const row of rows) {
        const { id, expiresAtUs = Number.POSITIVE_INFINITY } = row.message;
        const possiblyDelivered = id <= this.#unansweredLastId;
        if (expiresAtUs > open.sealedAtUs)
          this.#bury(row, { reason: "overdue", detail, possiblyDelivered, expired }, burials);
      }
    }
    this.#open = next && { ...next, notBeforeUs: next.sealedAtUs };
    if (settlement.kind === "unsealed") return burials.list();

    this.#queue.splice(0, rows.length);
    this.#cursor = open.lastId;
    this.#counts.expired += settlement.expired;
    if (settlement.kind === "delivered") {
      this.#counts.delivered += settlement.messages;
      this.#counts.exportedItems += settlement.items;
      this.#counts.rejectedItems += settlement.rejectedItems;
    }
    this.#owner.release(rows);
    if (settlement.state) this.#save(settlement.state);
    return burials.list();
  }

  async postpone({ notBeforeUs, unanswered }: { notBeforeUs: number; unanswered: boolean }): Promise<void> {
    const open = this.#openBatch("postpone");
    open.notBeforeUs = notBeforeUs;
    if (unanswered) this.#unansweredLastId = Math.max(this.#unansweredLastId, open.lastId);
  }

  #bury(row: Row, death: Parameters<LaneOwner["bury"]>[2], burials: Parameters<LaneOwner["bury"]>[3]) {
    this.#owner.bury(row, this.name, death, burials);
    this.#counts.deadLettered += 1;
  }

  #save({ kind, bytes, dropOldest = 0 }: StateChange) {
    if (kind === "replace") this.#state = [];
    this.#state.splice(0, dropOldest);
    this.#state.push({ id: ++this.#stateLastId, bytes: bytes.slice() });
  }

  #openBatch(what: string): OpenBatch {
    if (!this.#open) throw new Error(`Cannot ${what} a batch: none is open`);
    return this.#open;
  }

  #checkSealable(batch: Batch, cursor: number) {
    if (batch.firstId <= cursor || (batch.lastId < batch.firstId && !isEmptyAfter(batch, cursor))) {
      throw new Error(`Cannot seal ${rangeText(batch)}: wanted a range of ids after ${cursor}`);
    }
  }

  /** How many rows of the queue have ids up to `id`. */
  #countUpTo(id: number): number {
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = this.#queue[middle];
      if (row && row.message.id <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function rangeText({ firstId, lastId }: Batch): string {
  return `${firstId}–${lastId}`;
}
