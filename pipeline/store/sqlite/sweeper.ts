import type { Database, Statement } from "./driver.ts";

/** Rows looked at in one transaction, and about the bytes of them, so that appends wait for no more than this. */
const sliceRows = 2000;
const sliceBytes = 8 * 2 ** 20;

type LaneCursor = [bit: number, cursor: number, swept: number];

/**
 * Deletes rows that no lane owes any more. Each lane that has settled a range goes over it once, up to its `swept`
 * mark; the last of the lanes that owed a row deletes it.
 */
export class Sweeper {
  readonly #write: (work: () => void) => void;
  readonly #cursors: Statement<LaneCursor>;
  readonly #slice: Statement<[rows: number, bytes: number, lastId: number]>;
  readonly #delete: Statement<[]>;
  readonly #mark: Statement<[]>;

  /**
   * `write` runs a transaction that must succeed on a full disk too: deleting is what makes space. It need not reach
   * the disk by itself, since what is lost of it is swept again.
   */
  constructor(db: Database, write: (work: () => void) => void) {
    this.#write = write;
    this.#cursors = db.prepare("SELECT bit, cursor, swept FROM lanes ORDER BY cursor");
    this.#slice = db.prepare(
      `SELECT count(*), coalesce(sum(bytes), 0), max(id) FROM (
         SELECT id, length(payload) + coalesce(octet_length(properties), 0) AS bytes
         FROM messages WHERE id > ? AND id <= ? ORDER BY id LIMIT ?)`,
    );
    this.#delete = db.prepare("DELETE FROM messages WHERE id > ? AND id <= ? AND lanes & ? = 0");
    this.#mark = db.prepare("UPDATE lanes SET swept = ? WHERE bit = ?");
  }

  /** Sweep one slice. False: there was nothing to do. */
  slice(): boolean {
    const cursors = this.#cursors.all();
    const behind = cursors.find(([, cursor, swept]) => swept < cursor);
    if (behind === undefined) return false;
    const [bit, cursor, swept] = behind;
    this.#write(() => {
      const end = this.#sliceEnd(swept, cursor);
      this.#deleteSettled(swept, end, cursors);
      this.#mark.run(end, bit);
    });
    return true;
  }

  #sliceEnd(after: number, cursor: number): number {
    for (let rowsMax = sliceRows; ; rowsMax = Math.ceil(rowsMax / 2)) {
      const [rows, bytes, lastId] = this.#slice.get(after, cursor, rowsMax) ?? [0, 0, cursor];
      if (rows > 1 && bytes > sliceBytes) continue;
      return rows < rowsMax ? cursor : lastId;
    }
  }

  /** Between two neighbouring cursors the lanes that still owe are the same ones. */
  #deleteSettled(after: number, end: number, cursors: readonly LaneCursor[]): void {
    let start = after;
    while (start < end) {
      const owing = cursors.filter(([, cursor]) => cursor <= start);
      const next = cursors.find(([, cursor]) => cursor > start)?.[1] ?? end;
      const segmentEnd = Math.min(next, end);
      const mask = owing.reduce((sum, [bit]) => sum + 2 ** bit, 0);
      this.#delete.run(start, segmentEnd, mask);
      start = segmentEnd;
    }
  }
}
