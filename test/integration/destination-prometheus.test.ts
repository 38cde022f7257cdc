import { describe, expect, it, onTestFinished } from "vitest";
import { type GatewayProcess, ledgerFaults, postStatus, untilStatus } from "../support/gateway-process.ts";
import { type ReadBack, startCollector, startReadBack } from "./collector-process.ts";
import {
  choosePorts,
  collectorConfiguration,
  type Protocol,
  protocols,
  writeGateway,
} from "./destination-bench.ts";
import { startHoldingProxy } from "./holding-proxy.ts";
import { startScraping } from "./scraping.ts";
import { start, temporaryFolder, vacantPort } from "./workbench.ts";

const name = "prometheus";

/** A Collector with a Prometheus exporter, and a gateway that reaches it through a proxy. */
async function setUp(
  protocol: Protocol,
  {
    temporality = "cumulative",
    counterValues = "increment",
  }: { temporality?: "cumulative" | "delta"; counterValues?: "increment" | "total" } = {},
) {
  const readBack = await startReadBack();
  onTestFinished(() => readBack[Symbol.asyncDispose]());
  const prometheusPort = await vacantPort();
  const ports = await choosePorts();
  const back = { "otlphttp/back": readBack.exporter };
  const prometheus = {
    endpoint: `127.0.0.1:${prometheusPort}`,
    resource_to_telemetry_conversion: { enabled: true },
  };
  const collector = await startCollector(
    collectorConfiguration({ ports, exporters: { metrics: { ...back, prometheus }, logs: back } }),
  );
  onTestFinished(() => collector[Symbol.asyncDispose]());
  const proxy = await startHoldingProxy(ports.anonymous[protocol]);
  onTestFinished(() => proxy[Symbol.asyncDispose]());
  const configPath = writeGateway({
    folder: temporaryFolder(),
    ports: { ...ports, anonymous: { grpc: proxy.port, "http/protobuf": proxy.port } },
    destinations: [{ name, authentication: "anonymous", protocol, settings: { temporality } }],
    sources: [{ name: "devices", adapter: "mqtt", authentication: { method: "None" }, counterValues }],
  });
  const url = `http://127.0.0.1:${prometheusPort}/metrics`;
  return { configPath, readBack, proxy, scraping: startScraping(url, /^parts_total\{[^}]*\} (\S+)$/m) };
}

async function count(gateway: GatewayProcess, parts: number): Promise<void> {
  const metric = `{"name":"parts","type":"u64_counter","value":${parts}}`;
  expect(await postStatus(gateway, `{"topic":"plant","payload":{"metrics":[${metric}]}}`)).toBe(200);
}

function untilDelivered(gateway: GatewayProcess, messages: number) {
  return untilStatus(gateway, ({ destinations }) => destinations[name]?.metrics.delivered === messages);
}

/** The start of the sequence that all points of the counter belong to. */
function startsOf(readBack: ReadBack): Set<string | undefined> {
  return new Set(
    readBack
      .of(name)
      .points.get("parts")
      ?.map((point) => point.startTimeUnixNano),
  );
}

describe.each(protocols)("a counter in Prometheus, over %s", (protocol) => {
  it.each(["cumulative", "delta"] as const)(
    "%s: goes on where it was after an orderly stop and after kill -9",
    async (temporality) => {
      const { configPath, readBack, scraping } = await setUp(protocol, { temporality });
      let total = 0;
      for (const [messages, signal] of (["SIGTERM", "SIGKILL", "SIGTERM"] as const).entries()) {
        const gateway = await start(configPath);
        total += 5;
        await count(gateway, 5);
        await untilDelivered(gateway, messages + 1);
        await scraping.until(total);
        await gateway.end(signal);
      }
      expect(await scraping.stop()).toEqual([undefined, 5, 10, 15]);
      // The Collector adds deltas up only when each begins where the one before ended.
      expect(startsOf(readBack).size).toBe(temporality === "cumulative" ? 1 : 3);
    },
  );

  it("counts nothing twice after a crash between sending and taking note of the answer", async () => {
    const { configPath, readBack, proxy, scraping } = await setUp(protocol);
    const first = await start(configPath);
    await count(first, 5);
    await untilDelivered(first, 1);
    proxy.hold();
    await count(first, 7);
    await scraping.until(12);
    const { destinations } = await untilDelivered(first, 1);
    expect(destinations[name]?.metrics).toMatchObject({ pending: 1 });
    await first.end("SIGKILL");
    proxy.release();

    const second = await start(configPath);
    await untilDelivered(second, 2);
    await count(second, 1);
    const status = await untilDelivered(second, 3);
    expect(ledgerFaults(status)).toEqual([]);
    await scraping.until(13);
    expect(await scraping.stop()).toEqual([undefined, 5, 12, 13]);
    const points = readBack.of(name).points.get("parts") ?? [];
    const repeated = points.filter(({ asInt }) => asInt === "12");
    expect(repeated.length).toBeGreaterThan(1);
    for (const point of repeated) expect(point).toEqual(repeated[0]);
    expect(startsOf(readBack).size).toBe(1);
    expect(await second.end("SIGTERM")).toBe(0);
  });

  it("is the reading of a meter, which begins anew after it was exchanged while the gateway was down", async () => {
    const { configPath, readBack, scraping } = await setUp(protocol, { counterValues: "total" });
    for (const [index, readings] of [
      [1000, 1005],
      [3, 4],
    ].entries()) {
      const gateway = await start(configPath);
      for (const [position, reading] of readings.entries()) {
        await count(gateway, reading);
        await untilDelivered(gateway, 2 * index + position + 1);
        await scraping.until(reading);
      }
      await gateway.end("SIGTERM");
    }
    expect(await scraping.stop()).toEqual([undefined, 1000, 1005, 3, 4]);
    expect(startsOf(readBack).size).toBe(2);
  });
});
