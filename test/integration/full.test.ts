import { spawnSync } from "node:child_process";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  type GatewayProcess,
  lanesOf,
  ledgerFaults,
  post,
  postStatus,
  readStatus,
  untilSettled,
} from "../support/gateway-process.ts";
import { createRecorder, numberedBatch, range } from "./recorder.ts";
import { openSink, start, temporaryFolder, vacantPort, writeConfiguration } from "./workbench.ts";

const messagesPerPost = 50;
const padding = "x".repeat(200);

/** Post numbered messages until they are turned away. Resolves with the count of those that were acknowledged. */
async function fill(gateway: GatewayProcess, from = 0): Promise<number> {
  for (let acknowledged = from; ; acknowledged += messagesPerPost) {
    const response = await post(gateway, numberedBatch(acknowledged, messagesPerPost, padding));
    await response.arrayBuffer();
    if (response.status === 200) continue;
    expect(response.status).toBe(503);
    const retryAfter = Number(response.headers.get("retry-after"));
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    expect(retryAfter).toBeLessThanOrEqual(300);
    return acknowledged;
  }
}

/** Everything leaves, and posts are taken again by the same process. Resolves with the count of all acknowledged. */
async function recover(gateway: GatewayProcess, from: number): Promise<number> {
  await untilSettled(gateway);
  while ((await postStatus(gateway, numberedBatch(from, messagesPerPost, padding))) !== 200)
    await untilSettled(gateway);
  return from + messagesPerPost;
}

async function expectExact(
  gateway: GatewayProcess,
  recorder: ReturnType<typeof createRecorder>,
  acknowledged: number,
) {
  const status = await untilSettled(gateway);
  expect(ledgerFaults(status)).toEqual([]);
  expect(status).toMatchObject({ received: acknowledged, accepted: acknowledged, deadLetteredOnArrival: 0 });
  expect([...recorder.gauges]).toEqual(range(acknowledged));
  expect([...recorder.logs]).toEqual(range(acknowledged).map(String));
  for (const lane of lanesOf(status)) expect(lane).toMatchObject({ delivered: acknowledged, pending: 0 });
}

describe("a full store", () => {
  it("turns posts away with Retry-After, stays ready, and goes on when the receiver is back", async () => {
    const recorder = createRecorder();
    const port = await vacantPort();
    const bytesMax = 4_000_000;
    const gateway = await start(writeConfiguration({ otlpUrl: `http://127.0.0.1:${port}`, bytesMax }));
    let acknowledged = await fill(gateway);
    expect(acknowledged).toBeGreaterThan(1000);
    const full = await readStatus(gateway);
    expect(full.refused.storeFull).toBe(1);
    expect(full.store.bytes).toBeLessThanOrEqual(bytesMax);
    expect(full.accepted).toBe(acknowledged);
    expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);

    for (let round = 0; round < 2; round += 1) {
      const sink = await openSink({ port, onMetrics: recorder.add, onLogs: recorder.add });
      acknowledged = await recover(gateway, acknowledged);
      await untilSettled(gateway);
      await sink.close();
      acknowledged = await fill(gateway, acknowledged);
    }
    await openSink({ port, onMetrics: recorder.add, onLogs: recorder.add });
    await expectExact(gateway, recorder, acknowledged);
    expect(await gateway.end("SIGTERM")).toBe(0);
  });
});

/** A disk of its own needs root. */
describe.runIf(process.getuid?.() === 0)("a full disk", () => {
  function mountDisk(bytes: number): string {
    const folder = temporaryFolder();
    const mount = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder], {
      encoding: "utf8",
    });
    if (mount.status !== 0) throw new Error(`Cannot mount a tmpfs: ${mount.stderr}`);
    onTestFinished(() => {
      spawnSync("umount", [folder]);
    });
    return folder;
  }

  async function startOnDisk(bytesMax: number) {
    const disk = mountDisk(8_000_000);
    const recorder = createRecorder();
    const port = await vacantPort();
    const gateway = await start(
      writeConfiguration({
        otlpUrl: `http://127.0.0.1:${port}`,
        bytesMax,
        storePath: join(disk, "gateway.db"),
      }),
    );
    const receive = () => openSink({ port, onMetrics: recorder.add, onLogs: recorder.add });
    return { disk, recorder, gateway, receive };
  }

  it("smaller than the quota turns posts away, delivers, and takes posts again", async () => {
    const { recorder, gateway, receive } = await startOnDisk(16_000_000);
    const acknowledged = await fill(gateway);
    expect(acknowledged).toBeGreaterThan(1000);
    expect((await readStatus(gateway)).refused.storeFull).toBe(1);
    await receive();
    await expectExact(gateway, recorder, await recover(gateway, acknowledged));
    expect(await gateway.end("SIGTERM")).toBe(0);
  });

  it("that somebody else fills to the last byte still lets everything be delivered", async () => {
    const { disk, recorder, gateway, receive } = await startOnDisk(16_000_000);
    expect(await postStatus(gateway, numberedBatch(0, 500))).toBe(200);
    const filler = join(disk, "filler");
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(filler, new Uint8Array(bavail * bsize));
    const acknowledged = await fill(gateway, 500);

    await receive();
    await untilSettled(gateway);
    rmSync(filler);
    await expectExact(gateway, recorder, await recover(gateway, acknowledged));
    expect(await gateway.end("SIGTERM")).toBe(0);
  });
});
