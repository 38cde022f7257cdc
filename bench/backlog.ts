import { rmSync } from "node:fs";
import { join } from "node:path";
import { runScript, startScript } from "./child.ts";
import { type BenchGateway, startGateway } from "./gateway.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { median, show } from "./numbers.ts";
import { type Bench, type Row, ratioRow } from "./report.ts";

/** The first one is the reference. */
const backlogs = {
  quick: [10_000, 100_000],
  full: [10_000, 100_000, 1_000_000],
  large: [10_000, 100_000, 1_000_000, 10_000_000],
};
/** The same for each backlog: a process that has worked longer is faster, whatever it stores. */
const rounds = { quick: 3, full: 5, large: 2 };
const residentBytesLimit = 300 * 2 ** 20;
const mebibyte = 2 ** 20;

interface Cost {
  stored: number;
  ingestUs: number;
  flushUs: number;
  residentBytes: number;
}

/** What a message costs at growing backlogs. */
export async function backlog({ size, folder }: Bench): Promise<Row[]> {
  const costs: Cost[] = [];
  for (const stored of backlogs[size]) costs.push(await measure(folder, stored, rounds[size]));
  const [first, ...others] = costs;
  if (first === undefined) return [];
  return others.flatMap((cost) => [
    costRow("ingest", cost.ingestUs, first.ingestUs, cost.stored),
    costRow("flush", cost.flushUs, first.flushUs, cost.stored),
    memoryRow(cost),
  ]);
}

/** In one process, which fills and flushes its store again and again. */
async function measure(folder: string, stored: number, rounds: number): Promise<Cost> {
  const sink = startScript("sink.ts");
  const { port: sinkPort } = await sink.next<{ port: number }>();
  const storePath = join(folder, "backlog.db");
  const gateway = await startGateway({ folder, storePath, sinkPort });
  await sample(gateway, 50_000);
  const samples: { ingestUs: number; flushUs: number }[] = [];
  for (let round = 0; round < rounds; round++) samples.push(await sample(gateway, stored));
  const residentBytes = gateway.residentBytes().max;
  await gateway.end();
  await sink.end();
  rmSync(storePath);
  return {
    stored,
    ingestUs: median(samples.map(({ ingestUs }) => ingestUs)),
    flushUs: median(samples.map(({ flushUs }) => flushUs)),
    residentBytes,
  };
}

async function sample({ port, flush }: BenchGateway, stored: number) {
  const load = (options: Omit<LoadOptions, "port">) => runScript<LoadResult>("load.ts", { ...options, port });
  await load({ connections: 16, messagesPerRequest: 100, requests: Math.ceil(stored / 100) });
  const ingested = await load({ connections: 64, messagesPerRequest: 1, requests: 10_000 });
  const { messages, durationMs } = await flush();
  return { ingestUs: 1e6 / ingested.messagesPerSecond, flushUs: (durationMs * 1000) / messages };
}

function costRow(what: string, costUs: number, referenceUs: number, stored: number): Row {
  return ratioRow({
    name: `backlog of ${show(stored)}: ${what}`,
    figure: `${show(costUs)} µs/msg`,
    reference: `${show(referenceUs)} µs/msg`,
    ratio: costUs / referenceUs,
    max: 1.2,
  });
}

function memoryRow({ stored, residentBytes }: Cost): Row {
  return {
    name: `backlog of ${show(stored)}: memory`,
    figure: `${show(residentBytes / mebibyte)} MB`,
    reference: "",
    ratio: "",
    aim: `≤ ${residentBytesLimit / mebibyte} MB`,
    isMet: residentBytes <= residentBytesLimit,
  };
}
