import { EventEmitter, once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import {
  type GatewayProcess,
  lanesOf,
  ledgerFaults,
  postStatus,
  untilSettled,
} from "../../support/gateway-process.ts";
import { createRandom } from "../../support/random.ts";
import { createRecorder } from "../recorder.ts";
import { openSink, start, writeConfiguration } from "../workbench.ts";

const senderCount = 16;
const seriesCount = 4;

/**
 * Aim: nothing acknowledged is lost, and nothing counts twice, whenever the process dies.
 * Method: senders post counter increments and log lines, each with a message id, and repeat a post until its 2xx;
 * meanwhile the gateway is killed and started again at random moments and the receiver goes away and comes back.
 * In the end every acknowledged log line has arrived, the cumulative counters equal the sum of the increments, and
 * a point that was sent again is equal to its first sending.
 */
export async function killUnderLoad({ kills, seed }: { kills: number; seed: number }): Promise<void> {
  const random = createRandom(seed);
  const recorder = createRecorder();
  const listenAgain = (port: number) => openSink({ port, onMetrics: recorder.add, onLogs: recorder.add });
  let sink = await listenAgain(0);
  let isAway = false;
  const { port, url } = sink;
  const configPath = writeConfiguration({ otlpUrl: url });
  let gateway: GatewayProcess = await start(configPath);

  const load = startSenders(() => gateway);
  for (let kill = 0; kill < kills; kill += 1) {
    await delay(100 + random() * 700);
    if (!isAway && random() < 0.4) {
      await sink.close();
      isAway = true;
    } else if (isAway) {
      sink = await listenAgain(port);
      isAway = false;
    }
    await gateway.end("SIGKILL");
    gateway = await start(configPath);
  }
  const { acknowledged, sums, posts } = await load.stop();
  if (isAway) sink = await listenAgain(port);

  const status = await untilSettled(gateway);
  console.log(
    `seed ${seed}: ${kills} kills, ${posts} posts, ${acknowledged.length} acknowledged, ${status.duplicates} duplicates, ${recorder.repeats()} repeated items`,
  );
  expect(acknowledged.filter((id) => !recorder.logs.has(id))).toEqual([]);
  expect(recorder.logs.size).toBe(acknowledged.length);
  for (const [series, sum] of sums) {
    expect(recorder.last(series)).toBe(sum);
    expect(recorder.starts(series)).toBe(1);
  }
  expect(recorder.faults).toEqual([]);
  expect(ledgerFaults(status)).toEqual([]);
  expect(status.accepted).toBe(acknowledged.length);
  for (const lane of lanesOf(status))
    expect(lane).toMatchObject({ owed: status.accepted, delivered: status.accepted, pending: 0 });
  expect(await gateway.end("SIGTERM")).toBe(0);
}

/** Senders that repeat each post until its 2xx, as a broker does; the message id makes that harmless. */
export function startSenders(gateway: () => Pick<GatewayProcess, "url">) {
  const sums = new Map<string, bigint>();
  const acknowledged: string[] = [];
  const unexpected = new Set<number>();
  const progress = new EventEmitter();
  let isStopped = false;
  let isAbandoned = false;
  onTestFinished(() => {
    isStopped = true;
    isAbandoned = true;
  });
  let posts = 0;

  /** False: the test ended before the 2xx. */
  async function postUntilTaken(body: string): Promise<boolean> {
    for (;;) {
      const status = await postStatus(gateway(), body).catch(() => 0);
      posts += 1;
      if (status === 200) return true;
      if (isAbandoned) return false;
      if (status !== 0 && status !== 503) unexpected.add(status);
      await delay(20);
    }
  }

  async function send(sender: number) {
    for (let i = 0; !isStopped; i += 1) {
      const id = `${sender}-${i}`;
      const series = `s${(sender + i) % seriesCount}`;
      const value = 1 + (i % 7);
      const isTaken = await postUntilTaken(
        `{"topic":"t","messageId":"${id}","payload":{"metrics":[{"name":"parts","type":"u64_counter","value":${value},"attributes":[{"key":"series","value":"${series}"}]}],"logs":[{"level":"info","value":"${id}"}]}}`,
      );
      if (!isTaken) return;
      acknowledged.push(id);
      progress.emit("acknowledged");
      sums.set(series, (sums.get(series) ?? 0n) + BigInt(value));
    }
  }

  const running = Array.from({ length: senderCount }, (_, sender) => send(sender));
  return {
    /** Resolves once this many messages were acknowledged. */
    async reached(count: number) {
      while (acknowledged.length < count) await once(progress, "acknowledged");
    },
    /** No new messages; resolves when each that was begun is acknowledged. */
    async stop() {
      isStopped = true;
      await Promise.all(running);
      expect([...unexpected]).toEqual([]);
      return { acknowledged, sums, posts };
    },
  };
}
