import { basename } from "node:path";
import { toError } from "../../errors.ts";
import { Database, type Row } from "./driver.ts";

/** Without these nobody knows which message is owed to whom, so that nothing is carried over. */
const ledgerTables = ["meta", "counters", "sources", "lanes", "deaths"];
/** A part of them is of use; series state is not among these, because an older sum would make a series go back. */
const logTables = ["messages", "dead_letters", "dedupe"];

const sliceRows = 500;

/**
 * Carry over what can still be read of a damaged database into a fresh one. What is lost is owed no longer.
 *
 * Gives the notice for the operator.
 */
export function salvage(damagedPath: string, db: Database): string {
  const notice = `The store was damaged and is set aside as ${basename(damagedPath)}`;
  let damaged: Database | undefined;
  try {
    damaged = new Database(damagedPath, { readOnly: true });
    const from = damaged;
    return db.write(() => {
      for (const table of ledgerTables) copyWhole(from, db, table);
      let isWhole = copyState(from, db);
      for (const table of logTables) isWhole = copyReadable(from, db, table) && isWhole;
      recount(db);
      const messages = db.prepare<[number]>("SELECT count(*) FROM messages").get()?.[0] ?? 0;
      return `${notice}; ${messages} messages were carried over, ${isWhole ? "nothing else was lost" : "others may be lost"}`;
    });
  } catch (error) {
    return `${notice}; nothing could be carried over: ${toError(error).message}`;
  } finally {
    damaged?.close();
  }
}

function copyWhole(from: Database, to: Database, table: string): void {
  const rows = from.prepare(`SELECT * FROM ${table}`).all();
  for (const row of rows) insert(to, table, row);
}

function insert(to: Database, table: string, row: Row): void {
  const values = row.map(() => "?").join(", ");
  to.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${values})`).run(...row);
}

/** All of it or nothing. */
function copyState(from: Database, to: Database): boolean {
  try {
    copyWhole(from, to, "state");
    return true;
  } catch {
    to.exec("DELETE FROM state");
    return false;
  }
}

/** From both ends up to where reading fails. */
function copyReadable(from: Database, to: Database, table: string): boolean {
  try {
    copySlices(from, to, { table, order: "ASC", compare: ">", start: -1 });
    return true;
  } catch {
    try {
      copySlices(from, to, { table, order: "DESC", compare: "<", start: Number.MAX_SAFE_INTEGER });
    } catch {
      // What lies between the two places where reading failed is lost.
    }
    return false;
  }
}

function copySlices(
  from: Database,
  to: Database,
  { table, order, compare, start }: { table: string; order: string; compare: string; start: number },
): void {
  const slice = from.prepare(
    `SELECT * FROM ${table} WHERE rowid ${compare} ? ORDER BY rowid ${order} LIMIT ?`,
  );
  let rowsMax = sliceRows;
  for (let at = start; ; ) {
    try {
      const rows = slice.all(at, rowsMax);
      for (const row of rows) insert(to, table, row);
      const last = rows.at(-1)?.[0];
      if (typeof last !== "number") return;
      at = last;
    } catch (error) {
      if (rowsMax === 1) throw error;
      // Row by row up to the very place that cannot be read.
      rowsMax = 1;
    }
  }
}

/** Make the counters say what is there, so that the ledger adds up. */
function recount(db: Database): void {
  db.exec(`
    UPDATE lanes SET owed = delivered + expired + dead_lettered
      + (SELECT count(*) FROM messages WHERE id > lanes.cursor AND messages.lanes & (1 << lanes.bit) <> 0);
    INSERT OR REPLACE INTO counters SELECT 'lastMessageId', max(
      (SELECT coalesce(max(id), 0) FROM messages), (SELECT max(cursor) FROM lanes),
      coalesce((SELECT value FROM counters WHERE name = 'lastMessageId'), 0));
    INSERT OR REPLACE INTO counters SELECT 'deadLettersKept', count(*) FROM dead_letters;
    INSERT OR REPLACE INTO counters SELECT 'deadLetterBytes', coalesce(sum(bytes), 0) FROM dead_letters;
  `);
}
