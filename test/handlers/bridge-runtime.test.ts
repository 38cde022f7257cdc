import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Aedes } from "aedes";
import mqtt from "mqtt";
import { describe, expect, it, onTestFinished } from "vitest";
import { createIdJournal, createSubscriptionJournal } from "../../handlers/runtime/bridge-journal.ts";
import { openBridges } from "../../handlers/runtime/bridges.ts";
import { systemClock } from "../../pipeline/clock.ts";
import type { BridgeConfig } from "../../pipeline/config/config.ts";
import { createFakeLogger } from "../support/fake-logger.ts";
import { bridgeConfig, createHeldReceiver } from "./bridge-setup.ts";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "bridge-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A broker that speaks MQTT 3.1.1 alone. */
async function startBroker() {
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await new Promise<void>((resolve) => aedes.close(resolve));
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Cannot tell the broker's port");
  return `mqtt://127.0.0.1:${address.port}`;
}

function open(bridges: BridgeConfig[], { type = "sqlite" as "sqlite" | "memory" } = {}) {
  const path = join(temporaryFolder(), "gateway.db");
  const limits = { bodyBytesMax: 4_194_304, payloadBytesMax: 1_048_576, concurrentRequestsMax: 1 };
  const receiver = createHeldReceiver();
  const logger = createFakeLogger();
  const opened = openBridges(
    { bridges, limits, store: { type, path, bytesMax: 8_000_000 } },
    {
      receiver,
      instanceId: "instance",
      secrets: () => ({ current: () => ["secret"] }),
      clock: systemClock,
      logger,
    },
  );
  return { ...opened, path, receiver, logger };
}

describe("openBridges", () => {
  it("run() takes messages from a broker of MQTT 3.1.1, and stop() leaves its session there", async () => {
    const url = await startBroker();
    const config = bridgeConfig({ url, protocolVersion: 4 });
    const first = open([config]);
    const running = first.run();
    while (!first.reports()[0]?.connected) await systemClock.sleep(5);
    const publisher = await mqtt.connectAsync(url);
    onTestFinished(() => void publisher.end(true));
    await publisher.publishAsync("plant/a", "one", { qos: 1 });
    await first.receiver.until(1);
    first.receiver.calls[0]?.accept();
    await first.stop({ graceMs: 1_000 });
    await running;

    await publisher.publishAsync("plant/a", "two", { qos: 1 });
    const second = open([config]);
    const again = second.run();
    await second.receiver.until(1);
    expect(second.receiver.calls[0]).toMatchObject({ text: "two", message: { topic: "plant/a", qos: 1 } });
    second.receiver.calls[0]?.accept();
    await second.stop({ graceMs: 1_000 });
    await again;
  });

  it("reports() names bridges that were not started", async () => {
    const { reports, stop, run } = open([bridgeConfig({ name: "a" }), bridgeConfig({ name: "b" })]);
    expect(reports()).toMatchObject([
      { name: "a", connected: false, reason: "It has not connected yet" },
      { name: "b", connected: false },
    ]);
    await stop({ graceMs: 0 });
    await run();
    expect(reports()).toHaveLength(2);
  });

  it("stop() ends bridges that are about to start", async () => {
    const { run, stop, logger } = open([bridgeConfig({ url: "mqtt://127.0.0.1:1" })]);
    const running = run();
    await stop({ graceMs: 0 });
    await running;
    expect(logger.lines).toEqual([]);
  });

  it("run() ends at once without bridges", async () => {
    await open([]).run();
  });
});

describe("createIdJournal", () => {
  const url = "mqtt://broker:1883";
  const blocks = [
    { name: "b", first: 700 },
    { name: "a", first: 1 },
  ];

  it("read() gives what was written, also by another process", () => {
    const path = join(temporaryFolder(), "journal");
    expect(createIdJournal({ path, url }).read()).toEqual([]);
    createIdJournal({ path, url }).write(blocks);
    expect(createIdJournal({ path, url }).read()).toEqual(blocks);
  });

  it("write() leaves nothing of what was longer", () => {
    const path = join(temporaryFolder(), "journal");
    const journal = createIdJournal({ path, url });
    journal.write(blocks);
    journal.write([]);
    expect(journal.read()).toEqual([]);
    expect(readFileSync(path, "utf8")).not.toContain("700");
  });

  it("read() gives nothing that another broker's bridge has written, or that is damaged", () => {
    const path = join(temporaryFolder(), "journal");
    createIdJournal({ path, url }).write(blocks);
    expect(createIdJournal({ path, url: "mqtt://other:1883" }).read()).toEqual([]);
    for (const text of ["", "{", "[]", '{"url":"mqtt://broker:1883","blocks":[{"name":1}]}']) {
      writeFileSync(path, text);
      expect(createIdJournal({ path, url }).read()).toEqual([]);
    }
  });

  it("write() fails where it cannot", () => {
    const path = join(temporaryFolder(), "missing", "journal");
    expect(() => createIdJournal({ path, url }).write([])).toThrow("ENOENT");
    expect(existsSync(path)).toBe(false);
  });
});

describe("createSubscriptionJournal", () => {
  const url = "mqtt://broker:1883";

  it("read() gives what was written, also by another process, and of no other broker", () => {
    const path = join(temporaryFolder(), "journal");
    expect(createSubscriptionJournal({ path, url }).read()).toEqual([]);
    createSubscriptionJournal({ path, url }).write(["plant/#", "$share/a/hall/#"]);
    createSubscriptionJournal({ path, url }).write(["plant/#"]);
    expect(createSubscriptionJournal({ path, url }).read()).toEqual(["plant/#"]);
    expect(createSubscriptionJournal({ path, url: "mqtt://other:1883" }).read()).toEqual([]);
  });

  it("read() gives nothing when it is damaged, and write() puts it right", () => {
    const path = join(temporaryFolder(), "journal");
    const journal = createSubscriptionJournal({ path, url });
    writeFileSync(path, '{"url":"mqtt://bro');
    expect(journal.read()).toEqual([]);
    journal.write(["plant/#"]);
    expect(journal.read()).toEqual(["plant/#"]);
  });
});
