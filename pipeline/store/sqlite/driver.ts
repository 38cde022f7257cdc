import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

export type Value = string | number | Uint8Array | null;

/** A row as an array, in the order of the statement's columns: half the cost of objects. */
export type Row = readonly Value[];

export interface Statement<R extends Row> {
  run(...values: SQLInputValue[]): number;
  get(...values: SQLInputValue[]): R | undefined;
  all(...values: SQLInputValue[]): R[];
}

export interface DatabaseOptions {
  readOnly?: boolean;
  busyTimeoutMs?: number;
  /** Called when a statement meets a page that is not what SQLite wrote. */
  onDamage?: () => void;
}

/** One connection, and the only place where the SQLite driver of the runtime is known. */
export class Database {
  readonly #connection: DatabaseSync;
  readonly #busyTimeoutMs: number;
  readonly #onDamage: () => void;

  constructor(path: string, options: DatabaseOptions = {}) {
    this.#connection = new DatabaseSync(path, { readOnly: options.readOnly ?? false });
    this.#busyTimeoutMs = options.busyTimeoutMs ?? 5000;
    this.#onDamage = options.onDamage ?? (() => {});
    this.exec(`PRAGMA busy_timeout = ${this.#busyTimeoutMs}`);
  }

  exec(sql: string): void {
    this.#connection.exec(sql);
  }

  /** Run `sql` without waiting for the locks of other connections. */
  execNow(sql: string): void {
    this.exec("PRAGMA busy_timeout = 0");
    try {
      this.exec(sql);
    } finally {
      this.exec(`PRAGMA busy_timeout = ${this.#busyTimeoutMs}`);
    }
  }

  prepare<R extends Row = Row>(sql: string): Statement<R> {
    const statement = this.#connection.prepare(sql);
    statement.setReturnArrays(true);
    return new ArrayStatement<R>(statement, this.#onDamage);
  }

  /** The first column of a PRAGMA's answer. */
  pragma(text: string): Value | undefined {
    return this.prepare(`PRAGMA ${text}`).get()?.[0];
  }

  /** Run `work` in a transaction that takes the write lock at once; all of it is on disk afterwards, or nothing. */
  write<T>(work: () => T): T {
    return this.#transaction("BEGIN IMMEDIATE", work);
  }

  /**
   * Like `write`, but on disk only with the next `write`: for work that is done again when it is lost. A connection
   * whose commits cannot be made safe again is closed, and the thread ends with an uncaught error: nothing could be
   * stored any more, and who called may take every failure for one that passes.
   *
   * Source: SQLite, "PRAGMA synchronous", NORMAL in WAL mode.
   */
  writeLazily<T>(work: () => T): T {
    this.exec("PRAGMA synchronous = NORMAL");
    try {
      return this.write(work);
    } finally {
      this.#syncAgain();
    }
  }

  /** Run `work` on one snapshot. */
  read<T>(work: () => T): T {
    return this.#transaction("BEGIN", work);
  }

  close(): void {
    this.#connection.close();
  }

  #syncAgain(): void {
    try {
      this.exec("PRAGMA synchronous = FULL");
    } catch (error) {
      this.close();
      setImmediate(() => {
        throw error;
      });
      throw error;
    }
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
  readonly #onDamage: () => void;

  constructor(statement: StatementSync, onDamage: () => void) {
    this.#statement = statement;
    this.#onDamage = onDamage;
  }

  run(...values: SQLInputValue[]): number {
    try {
      return Number(this.#statement.run(...values).changes);
    } catch (error) {
      throw this.#met(error);
    }
  }

  get(...values: SQLInputValue[]): R | undefined {
    try {
      return this.#statement.get(...values) as unknown as R | undefined;
    } catch (error) {
      throw this.#met(error);
    }
  }

  all(...values: SQLInputValue[]): R[] {
    try {
      return this.#statement.all(...values) as unknown as R[];
    } catch (error) {
      throw this.#met(error);
    }
  }

  #met(error: unknown): unknown {
    if (isDamaged(error)) this.#onDamage();
    return error;
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
