import { join } from "node:path";
import { runScript, startScript } from "./child.ts";
import { measureFsync } from "./fsync.ts";
import { startGateway } from "./gateway.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { median, show } from "./numbers.ts";
import { type Bench, type Row, ratioRow } from "./report.ts";

/** One message a request, against a server that only reads, parses and answers. They take turns. */
export async function ingest({ size, folder, note }: Bench): Promise<Row[]> {
  const [rounds, durationMs] = size === "quick" ? [2, 2000] : [5, 8000];
  const fsync = measureFsync(folder);
  note(
    `ingest: a write of 4 KiB and its fdatasync take ${show(fsync.p50Ms)} ms, p99 ${show(fsync.p99Ms)} ms here`,
  );
  const bare = startScript("bare-server.ts");
  const gateway = await startGateway({ folder, storePath: join(folder, "ingest.db") });
  const { port } = await bare.next<{ port: number }>();
  const load = (port: number) =>
    runScript<LoadResult>("load.ts", {
      port,
      connections: 64,
      messagesPerRequest: 1,
      warmupMs: 1000,
      durationMs,
    } satisfies LoadOptions);

  const results: { ours: LoadResult; theirs: LoadResult }[] = [];
  for (let round = 0; round < rounds; round++) {
    results.push({ ours: await load(gateway.port), theirs: await load(port) });
  }
  await gateway.end();
  await bare.end();

  const rows = [
    { name: "ingest rate", field: "requestsPerSecond", unit: "msg/s", aim: { min: 0.75 } },
    { name: "ingest p99", field: "p99Ms", unit: "ms", aim: { max: 4 } },
  ] as const;
  return rows.map(({ name, field, unit, aim }) =>
    ratioRow({
      name,
      figure: `${show(median(results.map(({ ours }) => ours[field])))} ${unit}`,
      reference: `${show(median(results.map(({ theirs }) => theirs[field])))} ${unit}`,
      ratio: median(results.map(({ ours, theirs }) => ours[field] / theirs[field])),
      ...aim,
    }),
  );
}
