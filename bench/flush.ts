import { rmSync } from "node:fs";
import { join } from "node:path";
import { runScript, startScript } from "./child.ts";
import { startGateway } from "./gateway.ts";
import { median, perSecond, show } from "./numbers.ts";
import { type Bench, type Row, ratioRow } from "./report.ts";

/** Stored points to a receiver, against the same points encoded in memory. Each round has processes of its own. */
export async function flush({ size, folder, note }: Bench): Promise<Row[]> {
  const [rounds, points] = size === "quick" ? [2, 50_000] : [3, 1_000_000];
  const results: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const storePath = join(folder, `flush-${round}.db`);
    const { bytes } = await runScript<{ bytes: number }>("fill.ts", { path: storePath, messages: points });
    if (round === 0) note(`flush: a message of 150 bytes takes ${show(bytes / points)} bytes in the store`);

    const sink = startScript("sink.ts");
    const { port: sinkPort } = await sink.next<{ port: number }>();
    const gateway = await startGateway({ folder, storePath, sinkPort });
    const { messages, durationMs } = await gateway.flush();
    sink.process.stdin?.write("\n");
    const { requests } = await sink.next<{ requests: number }>();
    if (messages !== points) throw new Error(`Cannot use this run: ${messages} of ${points} were sent`);
    if (round === 0)
      note(
        `flush: ${requests} requests, resident memory at most ${show(gateway.residentBytesMax() / 2 ** 20)} MB`,
      );
    await gateway.end();
    await sink.end();
    rmSync(storePath);

    const { pointsPerSecond } = await runScript<{ pointsPerSecond: number }>("encode-reference.ts", {
      points,
      pointsPerRequest: Math.ceil(points / requests),
    });
    results.push({ ours: perSecond(points, durationMs), theirs: pointsPerSecond });
  }
  return [
    ratioRow({
      name: "flush",
      figure: `${show(median(results.map(({ ours }) => ours)))} points/s`,
      reference: `${show(median(results.map(({ theirs }) => theirs)))} points/s`,
      ratio: median(results.map(({ ours, theirs }) => ours / theirs)),
      min: 0.35,
    }),
  ];
}
