/** Inserts of the same rows by SQLite alone: one process, 256 a commit, as durable as the store's own. */
import { DatabaseSync } from "node:sqlite";
import { scriptOptions, tell } from "./child.ts";
import { payloadOf, source, topicOf } from "./messages.ts";
import { perSecond } from "./numbers.ts";

const { path, durationMs } = scriptOptions<{ path: string; durationMs: number }>();
const rowsPerCommit = 256;

const db = new DatabaseSync(path);
db.exec(`
  PRAGMA page_size = 4096;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
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
`);
const insert = db.prepare("INSERT INTO messages VALUES (?, 1, ?, NULL, ?, ?, NULL, ?)");
const varieties = Array.from({ length: 6400 }, (_, index) => ({
  topic: topicOf(index),
  payload: Buffer.from(payloadOf(index)),
}));

const startMs = performance.now();
let rows = 0;
while (performance.now() - startMs < durationMs) {
  db.exec("BEGIN IMMEDIATE");
  const arrivedAtUs = Date.now() * 1000;
  for (let index = 0; index < rowsPerCommit; index++) {
    const { topic, payload } = varieties[rows % varieties.length] as (typeof varieties)[number];
    insert.run(++rows, arrivedAtUs, source.one, topic, payload);
  }
  db.exec("COMMIT");
}
tell({ rowsPerSecond: perSecond(rows, performance.now() - startMs) });
db.close();
