import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Database } from "./driver.ts";
import { pageBytes } from "./space.ts";

/** Checking takes about 2 ms a megabyte. */
const checkedBytesMax = 16 * 2 ** 20;

/**
 * Look for damaged pages. A large database is checked only when one was met in it before: a message that cannot be
 * read would hold up its lanes for ever, and opening must not take longer with each message that waits.
 */
export function checkPages(db: Database, path: string): void {
  const bytes = Number(db.pragma("page_count")) * pageBytes;
  if (bytes > checkedBytesMax && !existsSync(suspectPath(path))) return;
  const met = db.pragma("quick_check(1)");
  if (met !== "ok") throw new Error(`Cannot open store ${path}: the database is malformed: ${met}`);
  rmSync(suspectPath(path), { force: true });
}

/** Have the next opening check every page. */
export function suspect(path: string): void {
  tryWrite(suspectPath(path), "");
}

/**
 * Give a damaged database a new name, together with its WAL, and say which. It is never deleted. A note of the name
 * is kept until `salvaged()`, so that a salvage that is interrupted starts again at the next opening.
 */
export function setAside(path: string): string {
  const stamp = new Date().toISOString().replace(/[:.]/g, "-");
  const damagedPath = unfinishedSalvage(path) ?? `${path}.damaged-${stamp}`;
  tryWrite(notePath(path), basename(damagedPath));
  // The database last: what stands under the old name after it is the fresh one's.
  for (const suffix of ["-wal", "-shm", ""]) {
    if (existsSync(damagedPath)) break;
    if (existsSync(path + suffix)) renameSync(path + suffix, damagedPath + suffix);
  }
  rmSync(suspectPath(path), { force: true });
  return damagedPath;
}

/** The new name of a damaged database that was not, or not wholly, salvaged. */
export function unfinishedSalvage(path: string): string | undefined {
  if (!existsSync(notePath(path))) return undefined;
  const name = readFileSync(notePath(path), "utf8");
  return name === "" ? undefined : join(dirname(path), name);
}

export function salvaged(path: string): void {
  rmSync(notePath(path), { force: true });
}

function suspectPath(path: string): string {
  return `${path}.suspect`;
}

function notePath(path: string): string {
  return `${path}.salvage`;
}

/** A help for the next opening; on a full disk this one goes on without. */
function tryWrite(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    rmSync(path, { force: true });
  }
}
