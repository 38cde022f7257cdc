/**
 * A new lane that starts at the oldest claims what still waits in the store for another lane of its signal: its bit
 * is added to the masks of those messages, slice by slice. How far it is stands in the store, so that a start that
 * is cut short goes on where it was.
 */
import { createLaneFilter, type LaneFilter } from "../../lane-filter.ts";
import { laneKey } from "../../message.ts";
import { type Database, isFull } from "./driver.ts";
import type { LaneRecord } from "./lanes.ts";

/** Rows looked at in one transaction, and about the bytes of those that are written again. */
const sliceRows = 2000;
const sliceBytes = 8 * 2 ** 20;

type Message = [id: number, bytes: number, own: number, waits: number, source: string, topic: string];

interface Claimant extends LaneRecord {
  filter?: LaneFilter | undefined;
}

/** Within the transaction that makes the lane: it claims messages with ids behind `afterId` up to `lastId`. */
export function beginClaim(db: Database, bit: number, range: { afterId: number; lastId: number }): void {
  db.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)").run(nameOf(bit), JSON.stringify(range));
}

/** Within a transaction: the lane claims no more. */
export function endClaim(db: Database, bit: number): void {
  db.prepare("DELETE FROM meta WHERE name = ?").run(nameOf(bit));
}

/**
 * Finish the claims of these lanes. `write` runs a transaction that must succeed on a full disk too.
 *
 * Gives a notice for each lane that could not claim everything yet, for want of space.
 */
export function finishClaims(
  db: Database,
  lanes: readonly Claimant[],
  write: (work: () => void) => void,
): string[] {
  return lanes.flatMap((lane) => {
    try {
      finishClaim(db, lane, write);
      return [];
    } catch (error) {
      if (!isFull(error)) throw error;
      return [`Lane ${laneKey(lane.name)} could not begin with all that is stored: the disk is full`];
    }
  });
}

function finishClaim(db: Database, { bit, name, filter }: Claimant, write: (work: () => void) => void): void {
  const claim = db.prepare<[string]>("SELECT value FROM meta WHERE name = ?").get(nameOf(bit));
  if (claim === undefined) return;
  const { afterId, lastId }: { afterId: number; lastId: number } = JSON.parse(claim[0]);
  const wants = filter && createLaneFilter(filter);
  // A bit that was another lane's once may still be set in messages which that one settled. It means nothing before
  // the claim is finished, here and in the other lanes that are new.
  const others = db
    .prepare<[number, number]>(
      `SELECT bit, cursor FROM lanes
       WHERE signal = ? AND NOT EXISTS (SELECT 1 FROM meta WHERE name = 'claim/' || bit)`,
    )
    .all(name.signal)
    .map(([bit, cursor]) => `(id > ${cursor} AND lanes & ${2 ** bit} <> 0)`);
  const own = 2 ** bit;
  const slice = db.prepare<Message>(
    `SELECT id, length(payload), lanes & ${own}, ${others.join(" OR ") || "0"}, source, topic FROM messages
     WHERE id > ? AND id <= ? ORDER BY id LIMIT ${sliceRows}`,
  );
  const mark = db.prepare(`UPDATE messages SET lanes = (lanes & ~${own}) | ? WHERE id = ?`);
  const owe = db.prepare("UPDATE lanes SET owed = owed + ? WHERE bit = ?");

  /** Gives the last id looked at. */
  function claimSlice(after: number): number {
    let at = after;
    let bytes = 0;
    let claimed = 0;
    const rows = slice.all(after, lastId);
    for (const [id, payloadBytes, before, waits, source, topic] of rows) {
      const isClaimed = waits === 1 && (wants === undefined || wants({ source, topic }));
      const mask = isClaimed ? own : 0;
      if (mask !== before) {
        if (bytes > 0 && bytes + payloadBytes > sliceBytes) break;
        bytes += payloadBytes;
        mark.run(mask, id);
      }
      if (isClaimed) claimed += 1;
      at = id;
    }
    owe.run(claimed, bit);
    return rows.length === 0 ? lastId : at;
  }

  // What the lane has passed while a claim was unfinished stays others' alone.
  const [passedId = 0] =
    db.prepare<[number]>("SELECT max(cursor, coalesce(open_last_id, 0)) FROM lanes WHERE bit = ?").get(bit) ??
    [];
  for (let at = Math.max(afterId, passedId); at < lastId; ) {
    let next = at;
    write(() => {
      next = claimSlice(at);
      beginClaim(db, bit, { afterId: next, lastId });
    });
    at = next;
  }
  write(() => endClaim(db, bit));
}

function nameOf(bit: number): string {
  return `claim/${bit}`;
}
