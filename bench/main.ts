/** `node bench/main.ts [NAME…] [--quick | --large]`: the benchmarks, and one table of what they found. */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { backlog } from "./backlog.ts";
import { bridge } from "./bridge.ts";
import { crowd } from "./crowd.ts";
import { flush } from "./flush.ts";
import { ingest } from "./ingest.ts";
import { ingestBatch } from "./ingest-batch.ts";
import { mapping } from "./mapping.ts";
import { mixed } from "./mixed.ts";
import { type Bench, formatTable, type Row } from "./report.ts";
import { series } from "./series.ts";
import { start } from "./start.ts";

const benches: Record<string, (bench: Bench) => Promise<Row[]>> = {
  ingest,
  "ingest-batch": ingestBatch,
  flush,
  mixed,
  series,
  backlog,
  start,
  crowd,
  bridge,
  mapping,
};

const { values, positionals } = parseArgs({
  options: { quick: { type: "boolean" }, large: { type: "boolean" } },
  allowPositionals: true,
});
const size = values.quick ? "quick" : values.large ? "large" : "full";
const names = positionals.length > 0 ? positionals : Object.keys(benches);
for (const name of names) {
  if (!(name in benches))
    throw new Error(`Unknown benchmark "${name}", wanted ${Object.keys(benches).join(", ")}`);
}

const note = (text: string) => process.stdout.write(`${text}\n`);
// What else runs takes from every figure, and not from all alike.
const busy = loadavg()[0]?.toFixed(1);
note(`Node ${process.version}, ${availableParallelism()} cores, load ${busy} before, ${size} sizes`);
const rows: Row[] = [];
for (const name of names) {
  const folder = mkdtempSync(join(tmpdir(), "gateway-bench-"));
  try {
    rows.push(...((await benches[name]?.({ size, folder, note })) ?? []));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
note(`\n${formatTable(rows)}`);
