import { join } from "node:path";
import { runScript } from "./child.ts";
import { startGateway } from "./gateway.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { median, show } from "./numbers.ts";
import { type Bench, type Row, ratioRow } from "./report.ts";

/** Requests of 100 messages, against SQLite alone. They take turns. */
export async function ingestBatch({ size, folder }: Bench): Promise<Row[]> {
  const [rounds, durationMs] = size === "quick" ? [2, 1500] : [3, 5000];
  const results: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const gateway = await startGateway({ folder, storePath: join(folder, `batch-${round}.db`) });
    const { messagesPerSecond } = await runScript<LoadResult>("load.ts", {
      port: gateway.port,
      connections: 16,
      messagesPerRequest: 100,
      warmupMs: 1000,
      durationMs,
    } satisfies LoadOptions);
    await gateway.end();
    const { rowsPerSecond } = await runScript<{ rowsPerSecond: number }>("insert-reference.ts", {
      path: join(folder, `insert-${round}.db`),
      durationMs,
    });
    results.push({ ours: messagesPerSecond, theirs: rowsPerSecond });
  }
  return [
    ratioRow({
      name: "ingest-batch",
      figure: `${show(median(results.map(({ ours }) => ours)))} msg/s`,
      reference: `${show(median(results.map(({ theirs }) => theirs)))} rows/s`,
      ratio: median(results.map(({ ours, theirs }) => ours / theirs)),
      min: 0.5,
    }),
  ];
}
