import { rmSync } from "node:fs";
import { join } from "node:path";
import { toError } from "../pipeline/errors.ts";
import { runScript, startScript } from "./child.ts";
import { delayedFsync } from "./fsync.ts";
import { startGateway } from "./gateway.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { median, perSecond, show } from "./numbers.ts";
import { type Bench, type Row, ratioRow } from "./report.ts";

const fsyncDelayMs = 5;
const load = { connections: 64, messagesPerRequest: 1, warmupMs: 1000 };

/** Ingest while a backlog flushes, against the same gateway's ingest alone; on a fast and on a slow disk. */
export async function mixed(bench: Bench): Promise<Row[]> {
  const rows = await measure(bench, "mixed", {});
  let environment: Record<string, string>;
  try {
    environment = delayedFsync(bench.folder, fsyncDelayMs);
  } catch (error) {
    bench.note(`mixed: the run with slow fsync was left out: ${toError(error).message}`);
    return rows;
  }
  return [...rows, ...(await measure(bench, `mixed, fsync + ${fsyncDelayMs} ms`, environment))];
}

async function measure(
  { size, folder, note }: Bench,
  name: string,
  environment: Record<string, string>,
): Promise<Row[]> {
  const [rounds, messages, durationMs] = size === "quick" ? [1, 100_000, 2000] : [3, 1_000_000, 6000];
  const sink = startScript("sink.ts");
  const { port: sinkPort } = await sink.next<{ port: number }>();
  const results: { alone: LoadResult; beside: LoadResult; flushed: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const storePath = join(folder, "mixed.db");
    await runScript("fill.ts", { path: storePath, messages });
    const gateway = await startGateway({ folder, storePath, sinkPort, environment });
    const { port } = gateway;
    const alone = await runScript<LoadResult>("load.ts", {
      ...load,
      port,
      durationMs,
    } satisfies LoadOptions);

    const running = startScript("load.ts", { ...load, port } satisfies LoadOptions);
    await running.next();
    const flushed = await gateway.flush();
    running.process.stdin?.end();
    const beside = await running.next<LoadResult>();
    results.push({ alone, beside, flushed: perSecond(flushed.messages, flushed.durationMs) });
    await running.end();
    await gateway.end();
    rmSync(storePath);
  }
  await sink.end();
  note(`${name}: ${show(median(results.map(({ flushed }) => flushed)))} points/s were flushed meanwhile`);

  const rows = [
    { name: `${name}: rate`, field: "requestsPerSecond", unit: "msg/s", aim: { min: 0.6 } },
    { name: `${name}: p99`, field: "p99Ms", unit: "ms", aim: { max: 3 } },
  ] as const;
  return rows.map(({ name, field, unit, aim }) =>
    ratioRow({
      name,
      figure: `${show(median(results.map(({ beside }) => beside[field])))} ${unit}`,
      reference: `${show(median(results.map(({ alone }) => alone[field])))} ${unit}`,
      ratio: median(results.map(({ alone, beside }) => beside[field] / alone[field])),
      ...aim,
    }),
  );
}
