import { rmSync } from "node:fs";
import { join } from "node:path";
import { runScript, startScript } from "./child.ts";
import type { FillOptions } from "./fill.ts";
import { type DestinationSettings, startGateway } from "./gateway.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { gauges, type Workload } from "./messages.ts";
import { median, perSecond, show } from "./numbers.ts";
import { type Bench, type Row, ratioRow } from "./report.ts";

export interface BesideOptions {
  name: string;
  rounds: number;
  /** What waits to be flushed. */
  backlog: { messages: number; workload?: Workload };
  /** Of ingest alone. */
  durationMs: number;
  settings?: DestinationSettings;
  environment?: Record<string, string>;
}

const load = { connections: 64, messagesPerRequest: 1, warmupMs: 1000 };

/** Ingest for exactly as long as a flush of a backlog takes, against the same gateway's ingest alone. */
export async function ingestBeside({ folder, note }: Bench, options: BesideOptions): Promise<Row[]> {
  const { name, rounds, backlog, durationMs, settings = {}, environment = {} } = options;
  const { messages, workload = gauges } = backlog;
  const sink = startScript("sink.ts");
  const { port: sinkPort } = await sink.next<{ port: number }>();
  const results: { alone: LoadResult; beside: LoadResult; flushed: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const storePath = join(folder, "beside.db");
    await runScript("fill.ts", { path: storePath, messages, workload } satisfies FillOptions);
    const gateway = await startGateway({ folder, storePath, sinkPort, settings, environment });
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
  const flushed = show(median(results.map(({ flushed }) => flushed)));
  const longestMs = (when: "alone" | "beside") => show(median(results.map((result) => result[when].maxMs)));
  note(
    `${name}: ${flushed} messages/s were flushed meanwhile; the longest answer took ${longestMs("beside")} ms, alone ${longestMs("alone")} ms`,
  );

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
