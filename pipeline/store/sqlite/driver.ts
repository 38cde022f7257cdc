import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

type Value = string | number | Uint8Array | null;

/** A row as an array, in the order of the statement's columns: half the cost of objects. */
export type Row = readonly Value[];

export interface Statement<R extends Row> {
  run(...values: SQLInputValue[]): number;
  get(...values: SQLInputValue[]): R | undefined;
  all(...values: SQLInputValue[]): R[];
}

/** One connection, and the only place where the SQLite driver of the runtime is known. */
export class Database {
  readonly #connection: DatabaseSync;

  constructor(path: string, options: { readOnly?: boolean; busyTimeoutMs?: number } = {}) {
    this.#connection = new DatabaseSync(path, { readOnly: options.readOnly ?? false });
    this.exec(`PRAGMA busy_timeout = ${options.busyTimeoutMs ?? 5000}`);
  }

  exec(sql: string): void {
    this.#connection.exec(sql);
  }

  prepare<R extends Row = Row>(sql: string): Statement<R> {
    const statement = this.#connection.prepare(sql);
    statement.setReturnArrays(true);
    return new ArrayStatement<R>(statement);
  }

  /** The first column of a PRAGMA's answer. */
  pragma(text: string): Value | undefined {
    return this.prepare(`PRAGMA ${text}`).get()?.[0];
  }

  /** Run `work` in a transaction that takes the write lock at once; all of it is on disk afterwards, or nothing. */
  write<T>(work: () => T): T {
    return this.#transaction("BEGIN IMMEDIATE", work);
  }

  /** Run `work` on one snapshot. */
  read<T>(work: () => T): T {
    return this.#transaction("BEGIN", work);
  }

  close(): void {
    this.#connection.close();
  }

  #transaction<T>(begin: string, work: () => T): T {
    this.#connection.exec(begin);
    try {
      const result = work();
      this.#connection.exec("COMMIT");
      return result;
    } catch (error) {
      // SQLite rolls back by itself after some errors, such as a full disk.
      if (this.#connection.isTransaction) this.#connection.exec("ROLLBACK");
      throw error;
    }
  }
}

class ArrayStatement<R extends Row> implements Statement<R> {
  readonly #statement: StatementSync;

  constructor(statement: StatementSync) {
    this.#statement = statement;
  }

  run(...values: SQLInputValue[]): number {
    return Number(this.#statement.run(...values).changes);
  }

  get(...values: SQLInputValue[]): R | undefined {
    return this.#statement.get(...values) as unknown as R | undefined;
  }

  all(...values: SQLInputValue[]): R[] {
    return this.#statement.all(...values) as unknown as R[];
  }
}

/** Deno gives no code with an error, so the message decides. Source: SQLite, "Result and Error Codes". */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "";
}

/** The disk or the quota of the database is full. */
export function isFull(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOSPC" || code === "EDQUOT" || /database or disk is full/.test(messageOf(error));
}

/** The file is not what SQLite wrote. */
export function isDamaged(error: unknown): boolean {
  return /file is not a database|malformed/.test(messageOf(error));
}

/** The operating system failed to read or write. */
export function isIoError(error: unknown): boolean {
  return /disk I\/O error/.test(messageOf(error));
}

/** Another connection holds the lock. */
export function isLocked(error: unknown): boolean {
  return /database is locked/.test(messageOf(error));
}
