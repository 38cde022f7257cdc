import { join } from "node:path";
import { runScript, startScript } from "./child.ts";
import { type BenchGateway, startGateway } from "./gateway.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import type { LoiterOptions, LoiterResult } from "./loiter.ts";
import { median, show } from "./numbers.ts";
import { type Bench, type Row, ratioRow } from "./report.ts";

const p99RatioMax = 3;
const residentBytesMax = 300 * 2 ** 20;

type Sending = Omit<LoadOptions, "port">;

/** Far below what the gateway can take. */
const wellBehaved: Sending = {
  connections: 4,
  messagesPerRequest: 1,
  pace: { everyMs: 2, atOnce: 1 },
  warmupMs: 1000,
};
const atOnce: Sending = { connections: 64, messagesPerRequest: 1, pace: { everyMs: 100, atOnce: 64 } };
const unpaced: Sending = { connections: 64, messagesPerRequest: 1 };

/** Who else is there. */
interface Crowd {
  name: string;
  slow?: number;
  idle?: number;
  sending?: Sending;
}

const crowds: Crowd[] = [
  { name: "50 slow", slow: 50 },
  { name: "1,000 idle", idle: 1000 },
  { name: "64 at once", sending: atOnce },
  { name: "64 without pause", sending: unpaced },
  { name: "all, at once", slow: 50, idle: 1000, sending: atOnce },
  { name: "all, without pause", slow: 50, idle: 1000, sending: unpaced },
];

/** What a sender that behaves well notices of others. */
export async function crowd({ size, folder }: Bench): Promise<Row[]> {
  const [rounds, durationMs] = size === "quick" ? [1, 2000] : [5, 6000];
  const gateway = await startGateway({ folder, storePath: join(folder, "crowd.db") });
  // A process that has worked longer answers sooner, whoever asks.
  await sendBeside(gateway, { name: "warm-up", sending: unpaced }, durationMs);
  const aloneMs: number[] = [];
  const besideMs = crowds.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    aloneMs.push((await sendBeside(gateway, { name: "alone" }, durationMs)).p99Ms);
    for (const [index, crowd] of crowds.entries())
      besideMs[index]?.push((await sendBeside(gateway, crowd, durationMs)).p99Ms);
  }
  const residentBytes = gateway.residentBytes().max;
  await gateway.end();
  return [
    ...crowds.map(({ name }, index) => {
      const p99Ms = besideMs[index] ?? [];
      return ratioRow({
        name: `crowd, ${name}: p99`,
        figure: `${show(median(p99Ms))} ms`,
        reference: `${show(median(aloneMs))} ms`,
        ratio: median(p99Ms.map((ms, round) => ms / (aloneMs[round] ?? Number.NaN))),
        max: p99RatioMax,
      });
    }),
    {
      name: "crowd: memory",
      figure: `${show(residentBytes / 2 ** 20)} MB`,
      reference: "",
      ratio: "",
      aim: `≤ ${residentBytesMax / 2 ** 20} MB`,
      isMet: residentBytes <= residentBytesMax,
    },
  ];
}

/** The well-behaved sender's figures while the others are there. */
async function sendBeside({ port }: BenchGateway, crowd: Crowd, durationMs: number): Promise<LoadResult> {
  const { slow = 0, idle = 0, sending } = crowd;
  const loiterers = startScript("loiter.ts", { port, slow, idle } satisfies LoiterOptions);
  await loiterers.next();
  const others = sending && startScript("load.ts", { ...sending, port } satisfies LoadOptions);
  await others?.next();
  const options: LoadOptions = { ...wellBehaved, port, durationMs };
  const result = await runScript<LoadResult>("load.ts", options);
  others?.process.stdin?.end();
  await others?.next();
  await others?.end();
  loiterers.process.stdin?.end();
  const { idleClosed } = await loiterers.next<LoiterResult>();
  await loiterers.end();
  if (idleClosed > 0)
    throw new Error(`Cannot measure: ${idleClosed} of ${idle} idle connections were closed`);
  return result;
}
