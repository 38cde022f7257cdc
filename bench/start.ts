import { spawn } from "node:child_process";
import { once } from "node:events";
import { get } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { endProcess, runScript } from "./child.ts";
import { spawnGateway, writeConfiguration } from "./gateway.ts";
import { median, show } from "./numbers.ts";
import type { Bench, Row } from "./report.ts";

const moreMsMax = 300;
const pollMs = 3;

/** From the start of the process to the first 200 on /readyz, against a Node process that does nothing. */
export async function start({ size, folder }: Bench): Promise<Row[]> {
  const [rounds, messages] = size === "quick" ? [3, 100_000] : [11, 1_000_000];
  const filled = join(folder, "start.db");
  await runScript("fill.ts", { path: filled, messages });
  const port = await freePort();
  const configuration = (storePath: string) => writeConfiguration({ folder, storePath, sinkPort: 9, port });

  const samples: { nothing: number; empty: number; full: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    samples.push({
      nothing: await timeNothing(),
      empty: await timeReady(configuration(join(folder, `empty-${round}.db`)), port),
      full: await timeReady(configuration(filled), port),
    });
  }
  const nothingMs = median(samples.map(({ nothing }) => nothing));
  return (["empty", "full"] as const).map((store) => {
    const readyMs = median(samples.map((sample) => sample[store]));
    const moreMs = median(samples.map((sample) => sample[store] - sample.nothing));
    return {
      name: store === "empty" ? "start, empty store" : `start, ${show(messages)} stored`,
      figure: `${show(readyMs)} ms`,
      reference: `${show(nothingMs)} ms`,
      ratio: `+ ${show(moreMs)} ms`,
      aim: `≤ + ${moreMsMax} ms`,
      isMet: moreMs <= moreMsMax,
    };
  });
}

async function timeNothing(): Promise<number> {
  const startMs = performance.now();
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit");
  return performance.now() - startMs;
}

async function timeReady(configPath: string, port: number): Promise<number> {
  const startMs = performance.now();
  const child = spawnGateway(configPath);
  while (!(await isReady(port))) {
    if (child.exitCode !== null) throw new Error(`The gateway exited with ${child.exitCode}`);
    await delay(pollMs);
  }
  const elapsedMs = performance.now() - startMs;
  await endProcess(child);
  return elapsedMs;
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ port, host: "127.0.0.1", path: "/readyz", agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("error", () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
