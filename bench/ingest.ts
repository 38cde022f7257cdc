import { join } from "node:path";
import { runScript, startScript } from "./child.ts";
import { measureFsync } from "./fsync.ts";
import { startGateway } from "./gateway.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { median, show } from "./numbers.ts";
import { type Bench, type Row, ratioRow, shareRow } from "./report.ts";

interface Round {
  ours: LoadResult;
  bare: LoadResult;
  hono: LoadResult;
  store: LoadResult;
}

/**
 * One message a request, against a server that only reads, parses and answers. They take turns, and with them two
 * servers that do one half of the gateway's work each, which say where its time goes.
 */
export async function ingest({ size, folder, note }: Bench): Promise<Row[]> {
  const [rounds, durationMs] = size === "quick" ? [2, 2000] : [5, 8000];
  const fsync = measureFsync(folder);
  note(
    `ingest: a write of 4 KiB and its fdatasync take ${show(fsync.p50Ms)} ms, p99 ${show(fsync.p99Ms)} ms here`,
  );
  const gateway = await startGateway({ folder, storePath: join(folder, "ingest.db") });
  const servers = {
    bare: startScript("bare-server.ts"),
    hono: startScript("hono-server.ts"),
    store: startScript("store-server.ts", { path: join(folder, "store-server.db") }),
  };
  const portOf = async (name: keyof typeof servers) => (await servers[name].next<{ port: number }>()).port;
  const ports = { bare: await portOf("bare"), hono: await portOf("hono"), store: await portOf("store") };
  const load = (port: number) =>
    runScript<LoadResult>("load.ts", {
      port,
      connections: 64,
      messagesPerRequest: 1,
      warmupMs: 1000,
      durationMs,
    } satisfies LoadOptions);

  const results: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    results.push({
      ours: await load(gateway.port),
      bare: await load(ports.bare),
      hono: await load(ports.hono),
      store: await load(ports.store),
    });
  }
  await gateway.end();
  await Promise.all(Object.values(servers).map((server) => server.end()));

  const figure = (who: keyof Round, field: "requestsPerSecond" | "p99Ms") =>
    show(median(results.map((result) => result[who][field])));
  const ratio = (who: keyof Round, field: "requestsPerSecond" | "p99Ms") =>
    median(results.map((result) => result[who][field] / result.bare[field]));
  const share = (name: string, who: keyof Round) =>
    shareRow({
      name,
      figure: `${figure(who, "requestsPerSecond")} req/s`,
      reference: `${figure("bare", "requestsPerSecond")} req/s`,
      ratio: ratio(who, "requestsPerSecond"),
    });
  return [
    ratioRow({
      name: "ingest: rate",
      figure: `${figure("ours", "requestsPerSecond")} msg/s`,
      reference: `${figure("bare", "requestsPerSecond")} req/s`,
      ratio: ratio("ours", "requestsPerSecond"),
      min: 0.75,
    }),
    ratioRow({
      name: "ingest: p99",
      figure: `${figure("ours", "p99Ms")} ms`,
      reference: `${figure("bare", "p99Ms")} ms`,
      ratio: ratio("ours", "p99Ms"),
      max: 4,
    }),
    share("· Hono without a store", "hono"),
    share("· the store without Hono", "store"),
  ];
}
