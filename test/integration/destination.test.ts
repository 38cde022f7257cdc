import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuthority } from "../support/certificates.ts";
import {
  type GatewayProcess,
  lanesOf,
  ledgerFaults,
  postStatus,
  startGateway,
  untilStatus,
} from "../support/gateway-process.ts";
import { createMountedFolder, type Files } from "../support/mounted-folder.ts";
import { createToken } from "../support/token.ts";
import { distinct, type ReadBack, startCollector, startReadBack } from "./collector-process.ts";
import {
  choosePorts,
  collectorConfiguration,
  collectorFiles,
  type Destination,
  everyWay,
  pairFiles,
  protocols,
  writeGateway,
} from "./destination-bench.ts";

/**
 * One gateway with a destination for each way to a real Collector. What each of them was sent is read back as the
 * Collector understood it, and compared with what was posted.
 */
const deltas: readonly Destination[] = protocols.map((protocol) => ({
  name: `delta-${protocol.slice(0, 4)}`,
  authentication: "anonymous",
  protocol,
  settings: { temporality: "delta" },
}));
const destinations = [...everyWay, ...deltas];

const cleanUp = new AsyncDisposableStack();
let gateway: GatewayProcess;
let readBack: ReadBack;

const trace = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
const traceparent = `00-${trace.traceId}-${trace.spanId}-01`;
const seconds = 1_754_851_200;
const at = (second: number, nanoseconds = 1) =>
  `${BigInt(seconds + second) * 1_000_000_000n + BigInt(nanoseconds)}`;

/** Two windows of the same series. */
const payloads = [
  `{"metrics":[
    {"name":"high","type":"i64_gauge","value":9223372036854775807,"timestamp":${at(0)},"attributes":[{"key":"line","value":"1"}]},
    {"name":"low","type":"i64_gauge","value":-9007199254740993,"timestamp":${at(0)}},
    {"name":"temperature","type":"f64_gauge","value":72.5,"timestamp":${at(0)}},
    {"name":"parts","type":"u64_counter","value":9007199254740993,"timestamp":${at(0)}},
    {"name":"energy","type":"f64_counter","value":0.5,"timestamp":${at(0)}},
    {"name":"level","type":"i64_up_down_counter","value":3,"timestamp":${at(0)}},
    {"name":"cycle_time","type":"f64_histogram","value":7.5,"timestamp":${at(0)}},
    {"name":"cycle_time","type":"f64_histogram","value":30,"timestamp":${at(0)}}],
   "logs":[{"level":"error","value":"Emergency stop","timestamp":${at(0)}},
    {"level":"debug","value":"Grüße 👋","timestamp":${at(0, 2)}}]}`,
  `{"metrics":[
    {"name":"parts","type":"u64_counter","value":7,"timestamp":${at(10)}},
    {"name":"energy","type":"f64_counter","value":0.25,"timestamp":${at(10)}},
    {"name":"level","type":"i64_up_down_counter","value":-4,"timestamp":${at(10)}},
    {"name":"cycle_time","type":"f64_histogram","value":20000,"timestamp":${at(10)}}]}`,
];

function mount(files: Files): string {
  const folder = createMountedFolder(files);
  cleanUp.defer(folder.remove);
  return folder.path;
}

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), "gateway-destination-"));
  cleanUp.defer(() => rmSync(folder, { recursive: true, force: true }));
  readBack = cleanUp.use(await startReadBack());
  const authority = createAuthority({ name: "Receivers" });
  const clients = createAuthority({ name: "Clients" });
  const token = createToken({ aud: "otel", exp: 4_000_000_000 });
  const ports = await choosePorts();
  const exporters = { "otlphttp/back": readBack.exporter };
  const material = mount(collectorFiles(authority.issue({ dns: ["localhost"] }), clients.cert, token));
  const collector = collectorConfiguration({
    ports,
    material,
    exporters: { metrics: exporters, logs: exporters },
  });
  cleanUp.use(await startCollector(collector));
  const mounts = {
    client: mount(pairFiles(clients.issue({ name: "gateway" }))),
    authorities: mount({ "ca.crt": authority.cert }),
    tokens: mount({ token }),
  };
  gateway = await startGateway(writeGateway({ folder, ports, mounts, destinations }));
  cleanUp.defer(async () => void (await gateway.end("SIGKILL")));
  for (const payload of payloads) {
    const message = `{"topic":"plant/line1","payload":${payload},"properties":{"userProperties":[["traceparent","${traceparent}"]]}}`;
    expect(await postStatus(gateway, message)).toBe(200);
  }
});

afterAll(() => cleanUp.disposeAsync());

/** The points of these metrics that came by a destination, by name, once each has so many. */
async function untilPoints(destination: string, counts: Record<string, number>) {
  const { points } = readBack.of(destination);
  await readBack.until(() =>
    Object.entries(counts).every(([name, count]) => distinct(points.get(name)).length >= count),
  );
  return Object.fromEntries(Object.keys(counts).map((name) => [name, distinct(points.get(name))]));
}

const all = destinations.map(({ name, authentication, protocol }) => ({ name, authentication, protocol }));

/** The Collector leaves `isMonotonic` out when it is false. */
const counter = { kind: "sum", isMonotonic: true };
const cumulative = [
  { aggregationTemporality: 2, startTimeUnixNano: at(0, 0), timeUnixNano: at(0) },
  { aggregationTemporality: 2, startTimeUnixNano: at(0, 0), timeUnixNano: at(10) },
];
/** The second one goes on where the first one ended. */
const delta = [
  { aggregationTemporality: 1, startTimeUnixNano: at(0, 0), timeUnixNano: at(0) },
  { aggregationTemporality: 1, startTimeUnixNano: at(0), timeUnixNano: at(10) },
];
/** A sum that may fall has no deltas. */
const level = [
  { kind: "sum", ...cumulative[0], asInt: "3" },
  { kind: "sum", ...cumulative[1], asInt: "-1" },
];
const explicitBounds = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000];
const buckets = (counts: Record<number, number>) =>
  Array.from({ length: 16 }, (_, index) => String(counts[index] ?? 0));
const firstHistogram = {
  count: "2",
  sum: 37.5,
  min: 7.5,
  max: 30,
  bucketCounts: buckets({ 2: 1, 4: 1 }),
  explicitBounds,
};

describe("a real Collector gives back what it was sent", () => {
  it.each(all)("$name: gauges, with every digit", async ({ name }) => {
    const line = { key: "line", value: { stringValue: "1" } };
    const timeUnixNano = at(0);
    expect(await untilPoints(name, { high: 1, low: 1, temperature: 1 })).toEqual({
      high: [{ kind: "gauge", attributes: [line], timeUnixNano, asInt: "9223372036854775807" }],
      low: [{ kind: "gauge", timeUnixNano, asInt: "-9007199254740993" }],
      temperature: [{ kind: "gauge", timeUnixNano, asDouble: 72.5 }],
    });
  });

  it.each(all)("$name: log records", async ({ name }) => {
    const { logRecords } = readBack.of(name);
    await readBack.until(() => distinct(logRecords).length >= 2);
    const common = {
      ...trace,
      flags: 1,
      attributes: expect.arrayContaining([
        { key: "messaging.destination.name", value: { stringValue: "plant/line1" } },
      ]),
    };
    expect(distinct(logRecords)).toMatchObject([
      {
        ...common,
        timeUnixNano: at(0),
        severityNumber: 17,
        severityText: "error",
        body: { stringValue: "Emergency stop" },
      },
      {
        ...common,
        timeUnixNano: at(0, 2),
        severityNumber: 5,
        severityText: "debug",
        body: { stringValue: "Grüße 👋" },
      },
    ]);
  });

  it.each(everyWay.map(({ name }) => name))("%s: cumulative sums and histograms", async (name) => {
    expect(await untilPoints(name, { parts: 2, energy: 2, level: 2, cycle_time: 2 })).toMatchObject({
      parts: [
        { ...counter, ...cumulative[0], asInt: "9007199254740993" },
        { ...counter, ...cumulative[1], asInt: "9007199254741000", exemplars: [{ ...trace, asInt: "7" }] },
      ],
      energy: [
        { ...counter, ...cumulative[0], asDouble: 0.5 },
        { ...counter, ...cumulative[1], asDouble: 0.75 },
      ],
      level,
      cycle_time: [
        { kind: "histogram", ...cumulative[0], ...firstHistogram },
        {
          kind: "histogram",
          ...cumulative[1],
          count: "3",
          sum: 20037.5,
          min: 7.5,
          max: 20000,
          bucketCounts: buckets({ 2: 1, 4: 1, 15: 1 }),
          explicitBounds,
        },
      ],
    });
  });

  it.each(deltas.map(({ name }) => name))("%s: delta sums and histograms", async (name) => {
    expect(await untilPoints(name, { parts: 2, energy: 2, level: 2, cycle_time: 2 })).toMatchObject({
      parts: [
        { ...counter, ...delta[0], asInt: "9007199254740993" },
        { ...counter, ...delta[1], asInt: "7", exemplars: [{ ...trace, asInt: "7" }] },
      ],
      energy: [
        { ...counter, ...delta[0], asDouble: 0.5 },
        { ...counter, ...delta[1], asDouble: 0.25 },
      ],
      level,
      cycle_time: [
        { kind: "histogram", ...delta[0], ...firstHistogram },
        {
          kind: "histogram",
          ...delta[1],
          count: "1",
          sum: 20000,
          min: 20000,
          max: 20000,
          bucketCounts: buckets({ 15: 1 }),
          explicitBounds,
        },
      ],
    });
  });
});

describe("the gateway's own account", () => {
  it("is exact: each destination took every message once", async () => {
    const status = await untilStatus(gateway, (now) => lanesOf(now).every(({ pending }) => pending === 0));
    expect(ledgerFaults(status)).toEqual([]);
    for (const { metrics, logs } of Object.values(status.destinations)) {
      expect(metrics).toMatchObject({
        delivered: 2,
        exportedItems: 11,
        deadLettered: 0,
        health: "Available",
      });
      expect(logs).toMatchObject({ exportedItems: 2, deadLettered: 0, health: "Available" });
    }
    expect(await gateway.end("SIGTERM")).toBe(0);
  });
});
