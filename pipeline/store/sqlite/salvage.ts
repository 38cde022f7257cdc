import { basename } from "node:path";
import { toError } from "../../errors.ts";
import { Database, isFull, isIoError, type Row, type Statement } from "./driver.ts";

/** Without it nobody knows which message is owed to whom, so that nothing is carried over. */
const neededTable = "lanes";
/** All of it or nothing: of series state, an older sum would make a series go back. */
const wholeTables = ["meta", "counters", "sources", "deaths", "state", "last_values"];

/** Each may have megabytes. */
const sliceRows = 50;

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
      copyWhole(from, db, neededTable);
      let isWhole = true;
      for (const table of wholeTables.filter((name) => hasTable(from, name))) {
        isWhole = tryWhole(from, db, table) && isWhole;
      }
      const hasMessages = copyReadable(from, db, "messages") && !lacksMessages(db);
      isWhole = copyReadable(from, db, "dead_letters") && hasMessages && isWhole;
      // Nobody knows which messages were lost: the repeat of one of these must not pass for known.
      if (hasMessages) isWhole = copyReadable(from, db, "dedupe") && isWhole;
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

/** An earlier version of the gateway may have left the database as it was. */
function hasTable(db: Database, name: string): boolean {
  return db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(name) !== undefined;
}

function copyWhole(from: Database, to: Database, table: string): void {
  const rows = from.prepare(`SELECT * FROM ${table}`).all();
  const insert = insertInto(to, table);
  for (const row of rows) insert.run(...row);
}

function insertInto(db: Database, table: string): Statement<Row> {
  const [columns = 0] = db.prepare<[number]>("SELECT count(*) FROM pragma_table_info(?)").get(table) ?? [];
  return db.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${Array(columns).fill("?").join(", ")})`);
}

/** False: nothing of it was carried over. */
function tryWhole(from: Database, to: Database, table: string): boolean {
  try {
    copyWhole(from, to, table);
    return true;
  } catch (error) {
    refuseDisk(error);
    to.exec(`DELETE FROM ${table}`);
    return false;
  }
}

/** Around the places that cannot be read. False: there are some. */
function copyReadable(from: Database, to: Database, table: string): boolean {
  const slice = from.prepare(`SELECT * FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ?`);
  const insert = insertInto(to, table);
  let isWhole = true;
  let rowsMax = sliceRows;
  for (let at: number | undefined = -1; at !== undefined; ) {
    const found = readAfter(slice, at, rowsMax);
    if (found !== undefined) {
      for (const row of found.rows) isWhole = keep(insert, row) && isWhole;
      at = found.lastId;
      continue;
    }
    isWhole = false;
    // Row by row up to the very place that cannot be read, and then beyond it.
    if (rowsMax === 1) at = nextReadable(slice, at);
    rowsMax = rowsMax === 1 ? sliceRows : 1;
  }
  return isWhole;
}

/** Undefined: it cannot be read. `lastId` is undefined when there are no rows. */
function readAfter(
  slice: Statement<Row>,
  after: number,
  rowsMax: number,
): { rows: Row[]; lastId: number | undefined } | undefined {
  try {
    const rows = slice.all(after, rowsMax);
    let lastId = after;
    for (const [id] of rows) {
      // A damaged page may give rows in any order.
      if (typeof id !== "number" || id <= lastId) return undefined;
      lastId = id;
    }
    return { rows, lastId: rows.length === 0 ? undefined : lastId };
  } catch {
    return undefined;
  }
}

/** About the lowest rowid behind which reading works again, found by doubling and then halving the distance. */
function nextReadable(slice: Statement<Row>, after: number): number | undefined {
  let far = 1;
  while (readAfter(slice, after + far, 1) === undefined) {
    far *= 2;
    if (after + far > Number.MAX_SAFE_INTEGER) return undefined;
  }
  let near = Math.floor(far / 2);
  while (far - near > 1) {
    const middle = Math.floor((near + far) / 2);
    if (readAfter(slice, after + middle, 1) === undefined) near = middle;
    else far = middle;
  }
  return after + far;
}

/** False: the row is not one that was written. */
function keep(insert: Statement<Row>, row: Row): boolean {
  try {
    insert.run(...row);
    return true;
  } catch (error) {
    refuseDisk(error);
    return false;
  }
}

/** What the disk does not take is no fault of a row's. */
function refuseDisk(error: unknown): void {
  if (isFull(error) || isIoError(error)) throw error;
}

/** Whether some that a lane owes are not there, though nothing said so when they were read. */
function lacksMessages(db: Database): boolean {
  const lacking = db.prepare<[number]>(
    `SELECT count(*) FROM lanes WHERE owed - delivered - expired - dead_lettered
       > (SELECT count(*) FROM messages WHERE id > lanes.cursor AND messages.lanes & (1 << lanes.bit) <> 0)`,
  );
  return lacking.get()?.[0] !== 0;
}

/** Make the counters say what is there, so that the ledger adds up. */
function recount(db: Database): void {
  db.exec(`
    UPDATE lanes SET owed = delivered + expired + dead_lettered
      + (SELECT count(*) FROM messages WHERE id > lanes.cursor AND messages.lanes & (1 << lanes.bit) <> 0);
    INSERT OR REPLACE INTO counters SELECT 'lastMessageId', max(
      (SELECT coalesce(max(id), 0) FROM messages), (SELECT max(cursor) FROM lanes),
      coalesce((SELECT value FROM counters WHERE name = 'lastMessageId'), 0));
    INSERT OR REPLACE INTO counters SELECT 'lastDeadLetterId', max(
      (SELECT coalesce(max(id), 0) FROM dead_letters),
      coalesce((SELECT value FROM counters WHERE name = 'lastDeadLetterId'), 0));
    INSERT OR REPLACE INTO counters SELECT 'deadLettersKept', count(*) FROM dead_letters;
    INSERT OR REPLACE INTO counters SELECT 'deadLetterBytes', coalesce(sum(bytes), 0) FROM dead_letters;
  `);
}
