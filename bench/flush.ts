import { rmSync } from "node:fs";
import { join } from "node:path";
import { runScript, startScript } from "./child.ts";
import type { EncodeOptions } from "./encode-reference.ts";
import type { FillOptions } from "./fill.ts";
import { type DestinationSettings, startGateway } from "./gateway.ts";
import { gauges, type Workload } from "./messages.ts";
import { median, perSecond, show } from "./numbers.ts";
import { type Bench, type Row, ratioRow } from "./report.ts";
import type { SinkOptions } from "./sink.ts";

interface Variant {
  name: string;
  workload: Workload;
  settings: DestinationSettings;
}

const series = 4096;
const variants: Variant[] = [
  { name: "flush", workload: gauges, settings: { protocol: "grpc" } },
  { name: "flush, http/protobuf", workload: gauges, settings: { protocol: "http/protobuf" } },
  { name: "flush, delta", workload: { kind: "counters", series }, settings: { temporality: "delta" } },
  { name: "flush, cumulative", workload: { kind: "counters", series }, settings: {} },
  {
    name: "flush, exponential",
    workload: { kind: "histograms", series },
    settings: { histogramAggregation: "exponential" },
  },
];

/** Stored points to a receiver, against the same points encoded in memory. */
export async function flush(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const variant of variants) rows.push(await measure(bench, variant));
  return rows;
}

/** Each round has processes of its own. */
async function measure({ size, folder, note }: Bench, { name, workload, settings }: Variant): Promise<Row> {
  const [rounds, points] = size === "quick" ? [2, 50_000] : [3, 1_000_000];
  const { protocol = "grpc", temporality = "cumulative" } = settings;
  const results: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const path = join(folder, `flush-${round}.db`);
    const filling: FillOptions = { path, messages: points, workload };
    const { bytes } = await runScript<{ bytes: number }>("fill.ts", filling);

    const sink = startScript("sink.ts", { protocol } satisfies SinkOptions);
    const { port: sinkPort } = await sink.next<{ port: number }>();
    const gateway = await startGateway({
      folder,
      storePath: path,
      sinkPort,
      settings: { ...settings, protocol },
    });
    const { messages, durationMs } = await gateway.flush();
    sink.process.stdin?.write("\n");
    const { requests } = await sink.next<{ requests: number }>();
    if (messages !== points) throw new Error(`Cannot use this run: ${messages} of ${points} were sent`);
    if (round === 0) {
      const residentMegabytes = show(gateway.residentBytes().max / 2 ** 20);
      note(
        `${name}: ${show(bytes / points)} bytes a message in the store, ${requests} requests, resident memory at most ${residentMegabytes} MB`,
      );
    }
    await gateway.end();
    await sink.end();
    rmSync(path);

    const pointsPerRequest = Math.ceil(points / requests);
    const encoding: EncodeOptions = { points, pointsPerRequest, workload, temporality };
    const { pointsPerSecond } = await runScript<{ pointsPerSecond: number }>("encode-reference.ts", encoding);
    results.push({ ours: perSecond(points, durationMs), theirs: pointsPerSecond });
  }
  return ratioRow({
    name,
    figure: `${show(median(results.map(({ ours }) => ours)))} points/s`,
    reference: `${show(median(results.map(({ theirs }) => theirs)))} points/s`,
    ratio: median(results.map(({ ours, theirs }) => ours / theirs)),
    min: 0.35,
  });
}
