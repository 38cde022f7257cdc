import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { percentile } from "./numbers.ts";

/** How long the disk takes for one page and its sync. */
export function measureFsync(folder: string): { p50Ms: number; p99Ms: number } {
  const page = Buffer.alloc(4096, 1);
  const file = openSync(join(folder, "fsync"), "w");
  const times = Float64Array.from({ length: 300 }, () => {
    const startMs = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    return performance.now() - startMs;
  }).sort();
  closeSync(file);
  return { p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) };
}

/**
 * Environment under which each fsync of a process takes `delayMs` longer.
 *
 * Errors: when there is no C compiler, or this is not Linux.
 */
export function delayedFsync(folder: string, delayMs: number): Record<string, string> {
  if (process.platform !== "linux") throw new Error(`Cannot delay fsync: this is ${process.platform}`);
  const library = join(folder, "fsync-delay.so");
  const code = fileURLToPath(new URL("fsync-delay.c", import.meta.url));
  execFileSync("cc", ["-shared", "-fPIC", "-O2", "-o", library, code, "-ldl"], { stdio: "pipe" });
  return { LD_PRELOAD: library, FSYNC_DELAY_US: String(delayMs * 1000) };
}
