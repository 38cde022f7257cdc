import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startMosquitto } from "../test/integration/mosquitto-process.ts";
import { installedTool } from "../test/support/tools.ts";
import { type Child, runScript, startScript } from "./child.ts";
import { type BenchGateway, type BridgeSettings, startGateway } from "./gateway.ts";
import { median, perSecond, show } from "./numbers.ts";
import type { PublishOptions } from "./publish.ts";
import { type Bench, type Row, ratioRow } from "./report.ts";

const rateRatioMin = 0.6;
const receiveMaximum = 1000;
/** To look takes processor time of both cores: 3 ms for `/status`. */
const pollMs = 100;
const stallMsMax = 10_000;
/** Of the messages: what comes first is not timed. A gateway gets faster until 150,000 or so have come. */
const warmupShare = 0.5;

/**
 * From the broker to disk and PUBACK, against a subscriber that only counts. Both are away while the messages are
 * published, and take them when they come back, one after the other.
 */
export async function bridge({ size, folder, note }: Bench): Promise<Row[]> {
  if (!installedTool("mosquitto")) {
    note("bridge: left out, Mosquitto is not installed; node test/integration/setup.ts installs it");
    return [];
  }
  const [rounds, messages] = size === "quick" ? [1, 200_000] : [9, 400_000];
  await using broker = await startMosquitto({ settings: { max_inflight_messages: receiveMaximum } });
  const { url } = broker;
  const settings: BridgeSettings = { url, topicFilter: "plant/#", receiveMaximum };
  const storePath = join(folder, "bridge.db");
  const openSubscriber = () => startScript("subscriber.ts", settings);
  const openGateway = () => startGateway({ folder, storePath, bridge: settings });

  const first = { subscriber: openSubscriber(), gateway: await openGateway() };
  await first.subscriber.next();
  await untilConnected(first.gateway);
  await Promise.all([first.subscriber.end(), first.gateway.end()]);

  const results: { ours: number; bare: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    await runScript("publish.ts", { url, messages } satisfies PublishOptions);
    const subscriber = openSubscriber();
    await subscriber.next();
    const bare = await rateOf(messages, () => countReceived(subscriber));
    await subscriber.end();
    const gateway = await openGateway();
    const ours = await rateOf(messages, async () => (await gateway.status()).accepted - round * messages);
    await gateway.end();
    results.push({ ours, bare });
  }
  return [
    ratioRow({
      name: "bridge",
      figure: `${show(median(results.map(({ ours }) => ours)))} msg/s`,
      reference: `${show(median(results.map(({ bare }) => bare)))} msg/s`,
      ratio: median(results.map(({ ours, bare }) => ours / bare)),
      min: rateRatioMin,
    }),
  ];
}

async function untilConnected({ status }: BenchGateway): Promise<void> {
  while (!(await status()).bridges.broker?.connected) await delay(pollMs);
}

async function countReceived({ process, next }: Child): Promise<number> {
  process.stdin?.write("\n");
  return (await next<{ received: number }>()).received;
}

/** Messages a second, from the first look at which enough have come to the last one before all have. */
async function rateOf(messages: number, count: () => Promise<number>): Promise<number> {
  let from: { count: number; ms: number } | undefined;
  let last = { count: 0, ms: performance.now() };
  for (;;) {
    const now = { count: await count(), ms: performance.now() };
    if (now.count >= messages) {
      if (from && last !== from) return perSecond(last.count - from.count, last.ms - from.ms);
      throw new Error(`Cannot time ${messages} messages: they came within ${pollMs} ms`);
    }
    if (now.count > last.count) last = now;
    if (now.count >= messages * warmupShare) from ??= now;
    if (now.ms - last.ms > stallMsMax)
      throw new Error(`Cannot go on: ${now.count} of ${messages} messages came, and then no more`);
    await delay(pollMs);
  }
}
