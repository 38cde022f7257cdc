import { rmSync } from "node:fs";
import { join } from "node:path";
import { ingestBeside } from "./beside.ts";
import { runScript, startScript } from "./child.ts";
import type { FillOptions } from "./fill.ts";
import { startGateway } from "./gateway.ts";
import type { Workload } from "./messages.ts";
import { median, show } from "./numbers.ts";
import type { Bench, Row } from "./report.ts";

const manySeries = 100_000;
const fewSeries = 64;
const kinds = ["counters", "histograms"] as const;
const moreBytesMax = 150 * 2 ** 20;
const settings = { temporality: "cumulative", histogramAggregation: "exponential" } as const;

interface Resident {
  /** While messages are flushed, at most. */
  flushingBytes: number;
  /** Of the next process, which loaded the series that were saved. */
  loadedBytes: number;
}

/** What many series cost: ingest while they are settled and saved, and memory. */
export async function series(bench: Bench): Promise<Row[]> {
  const [rounds, perSeries, durationMs] = bench.size === "quick" ? [1, 2, 2000] : [3, 5, 6000];
  const messages = perSeries * manySeries;
  const rows: Row[] = [];
  for (const kind of kinds) {
    const name = `${show(manySeries)} ${kind}`;
    const backlog = { messages, workload: { kind, series: manySeries } };
    rows.push(...(await ingestBeside(bench, { name, rounds, backlog, durationMs, settings })));
    rows.push(...(await memory(bench, { name, kind, rounds, messages })));
  }
  return rows;
}

async function memory(
  { folder }: Bench,
  {
    name,
    kind,
    rounds,
    messages,
  }: { name: string; kind: Workload["kind"]; rounds: number; messages: number },
): Promise<Row[]> {
  const results: { many: Resident; few: Resident }[] = [];
  for (let round = 0; round < rounds; round++) {
    results.push({
      few: await measureResident(folder, { messages, workload: { kind, series: fewSeries } }),
      many: await measureResident(folder, { messages, workload: { kind, series: manySeries } }),
    });
  }
  const row = (name: string, field: keyof Resident, moreBytesMax?: number): Row => {
    const moreBytes = median(results.map(({ many, few }) => many[field] - few[field]));
    return {
      name,
      figure: megabytes(median(results.map(({ many }) => many[field]))),
      reference: megabytes(median(results.map(({ few }) => few[field]))),
      ratio: `+ ${megabytes(moreBytes)}`,
      aim: moreBytesMax === undefined ? "" : `≤ + ${megabytes(moreBytesMax)}`,
      isMet: moreBytesMax === undefined ? undefined : moreBytes <= moreBytesMax,
    };
  };
  return [
    row(`${name}: memory`, "loadedBytes", moreBytesMax),
    row("· while they are flushed, at most", "flushingBytes"),
  ];
}

function megabytes(bytes: number): string {
  return `${show(bytes / 2 ** 20)} MB`;
}

async function measureResident(folder: string, filling: Omit<FillOptions, "path">): Promise<Resident> {
  const storePath = join(folder, "series.db");
  await runScript("fill.ts", { path: storePath, ...filling } satisfies FillOptions);
  const sink = startScript("sink.ts");
  const { port: sinkPort } = await sink.next<{ port: number }>();
  const open = () => startGateway({ folder, storePath, sinkPort, settings });

  const first = await open();
  await first.flush();
  const flushingBytes = first.residentBytes().max;
  await first.end();

  const second = await open();
  await second.flush();
  const loadedBytes = second.residentBytes().now;
  await second.end();
  await sink.end();
  rmSync(storePath);
  return { flushingBytes, loadedBytes };
}
