import { StoreVersionError } from "../errors.ts";
import type { Database } from "./sqlite/driver.ts";

/** "MOGw": tells our files from databases of other applications. Source: SQLite, "PRAGMA application_id". */
export const applicationId = 0x4d4f4777;

/** The schema's steps; a store at version n has the first n of them. Steps are added, never changed. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE messages(
    id INTEGER PRIMARY KEY,
    lanes INTEGER NOT NULL,
    arrived_us INTEGER NOT NULL,
    expires_us INTEGER,
    source TEXT NOT NULL,
    topic TEXT NOT NULL,
    properties TEXT,
    payload BLOB NOT NULL
  ) STRICT;

  CREATE TABLE sources(
    name TEXT PRIMARY KEY,
    received INTEGER NOT NULL DEFAULT 0,
    accepted INTEGER NOT NULL DEFAULT 0,
    duplicates INTEGER NOT NULL DEFAULT 0,
    id_conflicts INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    filtered INTEGER NOT NULL DEFAULT 0,
    dead_lettered INTEGER NOT NULL DEFAULT 0,
    last_received_us INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE lanes(
    bit INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    signal TEXT NOT NULL,
    cursor INTEGER NOT NULL,
    swept INTEGER NOT NULL,
    unanswered_last_id INTEGER NOT NULL DEFAULT 0,
    open_first_id INTEGER,
    open_last_id INTEGER,
    open_sealed_us INTEGER,
    open_not_before_us INTEGER,
    owed INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    dead_lettered INTEGER NOT NULL DEFAULT 0,
    exported_items INTEGER NOT NULL DEFAULT 0,
    rejected_items INTEGER NOT NULL DEFAULT 0,
    UNIQUE (destination, signal)
  ) STRICT;

  CREATE TABLE state(id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
  CREATE INDEX state_lane ON state(lane);

  CREATE TABLE dead_letters(
    id INTEGER PRIMARY KEY,
    bytes INTEGER NOT NULL,
    destination TEXT,
    signal TEXT,
    arrived_us INTEGER NOT NULL,
    died_us INTEGER NOT NULL,
    source TEXT NOT NULL,
    topic TEXT NOT NULL,
    properties TEXT,
    reason TEXT NOT NULL,
    path TEXT NOT NULL,
    detail TEXT NOT NULL,
    possibly_delivered INTEGER NOT NULL,
    payload BLOB NOT NULL
  ) STRICT;

  CREATE TABLE deaths(
    stage TEXT NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (stage, reason)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE dedupe(first INTEGER PRIMARY KEY, arrived_us INTEGER NOT NULL, packed BLOB NOT NULL) STRICT;
  `,
  `
  CREATE TABLE last_values(
    source TEXT NOT NULL,
    topic TEXT NOT NULL,
    rule TEXT NOT NULL,
    input TEXT NOT NULL,
    member TEXT NOT NULL,
    value TEXT NOT NULL,
    met_us INTEGER NOT NULL,
    PRIMARY KEY (source, topic, rule, input, member)
  ) STRICT, WITHOUT ROWID;
  `,
];

/**
 * Bring the schema to `steps`, each step in a transaction with its number.
 *
 * Errors: StoreVersionError when a newer version wrote the store; nothing was changed then.
 */
export function migrate(db: Database, steps: readonly string[] = migrations): void {
  const version = Number(db.pragma("user_version"));
  refuseNewer(version, steps.length);
  for (const [index, step] of steps.entries()) {
    if (index < version) continue;
    db.write(() => {
      db.exec(step);
      db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${index + 1}`);
    });
  }
}

/** Errors: StoreVersionError when `version` is beyond what this program knows. */
export function refuseNewer(version: number, newest: number = migrations.length): void {
  if (version <= newest) return;
  throw new StoreVersionError(
    `Cannot open store: its schema has version ${version}, this program knows versions up to ${newest}`,
  );
}
