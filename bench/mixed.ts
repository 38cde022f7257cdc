import { toError } from "../pipeline/errors.ts";
import { ingestBeside } from "./beside.ts";
import { delayedFsync } from "./fsync.ts";
import type { Bench, Row } from "./report.ts";

const fsyncDelayMs = 5;

/** Ingest while a backlog flushes, against ingest alone; on a fast and on a slow disk. */
export async function mixed(bench: Bench): Promise<Row[]> {
  const [rounds, messages, durationMs] = bench.size === "quick" ? [1, 100_000, 2000] : [3, 1_000_000, 6000];
  const options = { rounds, backlog: { messages }, durationMs };
  const rows = await ingestBeside(bench, { name: "mixed", ...options });
  let environment: Record<string, string>;
  try {
    environment = delayedFsync(bench.folder, fsyncDelayMs);
  } catch (error) {
    bench.note(`mixed: the run with slow fsync was left out: ${toError(error).message}`);
    return rows;
  }
  const name = `mixed, fsync + ${fsyncDelayMs} ms`;
  return [...rows, ...(await ingestBeside(bench, { name, ...options, environment }))];
}
