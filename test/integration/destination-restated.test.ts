import { describe, expect, it, onTestFinished } from "vitest";
import { ledgerFaults, postStatus, untilStatus } from "../support/gateway-process.ts";
import { distinct, startCollector, startReadBack } from "./collector-process.ts";
import { choosePorts, collectorConfiguration, type Destination, writeGateway } from "./destination-bench.ts";
import { startScraping } from "./scraping.ts";
import { start, temporaryFolder, vacantPort } from "./workbench.ts";

/** What it has not heard of for so long, the Collector no longer shows to Prometheus. Longer than a restart takes. */
const expiration = "8s";

const settings = {
  stated: { restateSeconds: 1 },
  silent: { restateSeconds: 0 },
  idle: { restateSeconds: 1, seriesIdleSeconds: 2 },
};

describe("a counter that has not changed for long", () => {
  it("stays in Prometheus as long as it is stated again, also after a restart", async () => {
    const readBack = await startReadBack();
    onTestFinished(() => readBack[Symbol.asyncDispose]());
    const prometheusPort = await vacantPort();
    const ports = await choosePorts();
    const back = { "otlphttp/back": readBack.exporter };
    const prometheus = {
      endpoint: `127.0.0.1:${prometheusPort}`,
      metric_expiration: expiration,
      resource_to_telemetry_conversion: { enabled: true },
    };
    const collector = await startCollector(
      collectorConfiguration({ ports, exporters: { metrics: { ...back, prometheus }, logs: back } }),
    );
    onTestFinished(() => collector[Symbol.asyncDispose]());
    const destinations = Object.entries(settings).map(
      ([name, own]): Destination => ({ name, authentication: "anonymous", protocol: "grpc", settings: own }),
    );
    const configPath = writeGateway({ folder: temporaryFolder(), ports, destinations });
    const scrape = (name: string) =>
      startScraping(
        `http://127.0.0.1:${prometheusPort}/metrics`,
        new RegExp(`^parts_total\\{[^}]*destination="${name}"[^}]*\\} (\\S+)$`, "m"),
      );
    const stated = scrape("stated");
    const silent = scrape("silent");
    const idle = scrape("idle");
    const all = [stated, silent, idle];

    const first = await start(configPath);
    const count = (parts: number, gateway: typeof first) =>
      postStatus(
        gateway,
        `{"topic":"plant","payload":{"metrics":[{"name":"parts","type":"u64_counter","value":${parts}}]}}`,
      );
    expect(await count(5, first)).toBe(200);
    for (const scraping of all) await scraping.until(5);
    for (const scraping of [silent, idle]) await scraping.until(undefined);
    expect(await first.end("SIGTERM")).toBe(0);

    const second = await start(configPath);
    const points = readBack.of("stated").points.get("parts") ?? [];
    const before = points.length;
    await readBack.until(() => points.length > before + 3);
    expect(await count(7, second)).toBe(200);
    for (const scraping of all) await scraping.until(12);

    expect(await stated.stop()).toEqual([undefined, 5, 12]);
    expect(await silent.stop()).toEqual([undefined, 5, undefined, 12]);
    expect(await idle.stop()).toEqual([undefined, 5, undefined, 12]);
    expect(new Set(points.map(({ startTimeUnixNano }) => startTimeUnixNano)).size).toBe(1);
    const times = distinct(points).map(({ timeUnixNano }) => BigInt(timeUnixNano));
    expect(times).toEqual([...new Set(times)].sort((a, b) => Number(a - b)));

    const status = await untilStatus(second, ({ destinations }) =>
      Object.values(destinations).every(({ metrics }) => metrics.delivered === 2),
    );
    expect(ledgerFaults(status)).toEqual([]);
    expect(await second.end("SIGTERM")).toBe(0);
  });
});
