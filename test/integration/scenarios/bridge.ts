import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished } from "vitest";
import { lanesOf, ledgerFaults, untilSettled } from "../../support/gateway-process.ts";
import { createRandom } from "../../support/random.ts";
import { openMosquitto, startPublishers, untilBridged, writeBridgedGateway } from "../bridge-bench.ts";
import { startCollector, startReadBack } from "../collector-process.ts";
import { choosePorts, collectorConfiguration } from "../destination-bench.ts";
import { start, temporaryFolder } from "../workbench.ts";

/**
 * Aim: nothing that the broker has is lost on its way through a bridge, whatever dies.
 * Method: publishers with QoS 1 hand over numbered messages; meanwhile the gateway is killed and started again, and
 * the broker is stopped and started again, at random moments. In the end a real Collector has every number, and the
 * ledger adds up.
 */
export async function bridgeUnderKills({ count, seed }: { count: number; seed: number }): Promise<void> {
  const random = createRandom(seed);
  const readBack = await startReadBack();
  onTestFinished(() => readBack[Symbol.asyncDispose]());
  const ports = await choosePorts();
  const exporters = { "otlphttp/back": readBack.exporter };
  const collector = await startCollector(
    collectorConfiguration({ ports, exporters: { metrics: exporters, logs: exporters } }),
  );
  onTestFinished(() => collector[Symbol.asyncDispose]());
  const broker = await openMosquitto();
  const configPath = writeBridgedGateway({
    folder: temporaryFolder(),
    otlpUrl: `http://localhost:${ports.anonymous.grpc}`,
    brokerUrl: broker.url,
  });
  let gateway = await start(configPath);
  await untilBridged(gateway);

  const publishers = startPublishers(broker.url, { count });
  const events = 8;
  for (let event = 0; event < events; event++) {
    const target = Math.floor((count * (event + 0.5 + random() / 2)) / (events + 1));
    await untilBridged(gateway, ({ received }) => received >= target);
    if (event % 2 === 0) {
      await gateway.end("SIGKILL");
      if (random() < 0.5) await delay(random() * 500);
      gateway = await start(configPath);
    } else {
      await broker.stop();
      if (random() < 0.5) await delay(random() * 500);
      await broker.restart();
    }
  }
  await publishers.finished;

  const { logRecords } = readBack.of("collector");
  const numbers = new Set<string>();
  let looked = 0;
  await readBack.until(() => {
    for (; looked < logRecords.length; looked++) numbers.add(String(logRecords[looked]?.body.stringValue));
    return numbers.size === count;
  });
  const status = await untilSettled(gateway);
  console.log(
    `seed ${seed}: ${count} messages, ${status.received} received, ${status.duplicates} duplicates, ${logRecords.length - count} repeated log records`,
  );
  expect(ledgerFaults(status)).toEqual([]);
  expect(status.accepted).toBeGreaterThanOrEqual(count);
  expect(status.received).toBe(status.accepted + status.duplicates);
  for (const lane of lanesOf(status))
    expect(lane).toMatchObject({ owed: status.accepted, delivered: status.accepted, pending: 0 });
  expect(await gateway.end("SIGTERM")).toBe(0);
}
