import { expect } from "vitest";
import {
  lanesOf,
  ledgerFaults,
  postStatus,
  readStatus,
  residentBytes,
  untilStatus,
} from "../../support/gateway-process.ts";
import { createRecorder, numberedBatch, range } from "../recorder.ts";
import { openSink, start, writeConfiguration } from "../workbench.ts";

const messagesPerPost = 20;
/**
 * Between what runs measured (170 to 290 MB, by when V8 collects) and what the soak's backlog takes when it is held:
 * 600,000 messages of 700 bytes. The aim of 300 MB is held against a measurement by the benchmark `backlog`.
 */
const residentBytesMax = 400 * 2 ** 20;

/**
 * Aim: a receiver that is away costs nobody anything but time.
 * Method: a sender posts numbered messages, the receiver is closed for `awayMs` meanwhile and comes back. All of them
 * arrive, in order in each lane, without anybody's help, and the gateway's memory does not grow with the backlog.
 */
export async function receiverAway({ awayMs }: { awayMs: number }): Promise<void> {
  const recorder = createRecorder();
  const hooks = { onMetrics: recorder.add, onLogs: recorder.add };
  const sink = await openSink(hooks);
  const gateway = await start(writeConfiguration({ otlpUrl: sink.url }));
  const padding = "x".repeat(500);
  let posted = 0;
  const postMore = async () => {
    expect(await postStatus(gateway, numberedBatch(posted, messagesPerPost, padding))).toBe(200);
    posted += messagesPerPost;
  };

  // Warm, so that what is measured later is the backlog and not the first use of the code.
  while (posted < 4000) await postMore();
  await untilStatus(gateway, (status) => lanesOf(status).every(({ pending }) => pending === 0));

  await sink.close();
  const residentBefore = residentBytes(gateway);
  let residentMost = 0;
  for (const until = performance.now() + awayMs; performance.now() < until; ) {
    await postMore();
    residentMost = Math.max(residentMost, residentBytes(gateway));
  }
  const away = await readStatus(gateway);
  for (const lane of lanesOf(away)) expect(lane.health).toBe("Degraded");
  expect(ledgerFaults(away)).toEqual([]);

  await openSink({ ...hooks, port: sink.port });
  await postMore();
  const status = await untilStatus(gateway, (status) =>
    lanesOf(status).every(({ pending }) => pending === 0),
  );
  residentMost = Math.max(residentMost, residentBytes(gateway));
  console.log(
    `${posted} messages, ${lanesOf(away)[0]?.pending} waited; resident ${megabytes(residentBefore)} MB before, at most ${megabytes(residentMost)} MB`,
  );

  expect(ledgerFaults(status)).toEqual([]);
  expect([...recorder.gauges]).toEqual(range(posted));
  expect([...recorder.logs]).toEqual(range(posted).map(String));
  for (const lane of lanesOf(status))
    expect(lane).toMatchObject({ owed: posted, delivered: posted, health: "Available" });
  expect(residentMost).toBeLessThan(residentBytesMax);
  expect(await gateway.end("SIGTERM")).toBe(0);
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
