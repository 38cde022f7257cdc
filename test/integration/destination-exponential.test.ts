import { describe, expect, it, onTestFinished } from "vitest";
import { postStatus } from "../support/gateway-process.ts";
import { distinct, type PointJson, startCollector, startReadBack } from "./collector-process.ts";
import { choosePorts, collectorConfiguration, protocols, writeGateway } from "./destination-bench.ts";
import { start, temporaryFolder } from "./workbench.ts";

/** Two windows of one series. */
const readings = [
  { second: 0, values: [0, 7.5, 30] },
  { second: 10, values: [20_000] },
];
const seconds = 1_754_851_200;

interface ExponentialPoint extends PointJson {
  count: string;
  zeroCount?: string;
  sum: number;
  min: number;
  max: number;
  scale: number;
  positive: { offset: number; bucketCounts: string[] };
}

/** The buckets that hold something: lower bound, exclusive, and upper bound, inclusive. */
function filled({ scale, positive }: ExponentialPoint) {
  const bound = (index: number) => 2 ** (index / 2 ** scale);
  return positive.bucketCounts.flatMap((count, index) => {
    const position = positive.offset + index;
    return count === "0" ? [] : [{ count, above: bound(position), upTo: bound(position + 1) }];
  });
}

/** Each of these values, once, in a bucket of its own that is as wide as `scale` says. */
function expectBuckets(point: ExponentialPoint, values: number[]) {
  const buckets = filled(point);
  expect(buckets.map(({ count }) => count)).toEqual(values.map(() => "1"));
  for (const [index, value] of values.entries()) {
    const { above = 0, upTo = 0 } = buckets[index] ?? {};
    expect(value).toBeGreaterThan(above);
    expect(value).toBeLessThanOrEqual(upTo);
  }
  expect(point.positive.bucketCounts.length).toBeLessThanOrEqual(160);
}

async function deliver(temporality: "cumulative" | "delta", protocol: (typeof protocols)[number]) {
  const readBack = await startReadBack();
  onTestFinished(() => readBack[Symbol.asyncDispose]());
  const ports = await choosePorts();
  const exporters = { "otlphttp/back": readBack.exporter };
  const collector = await startCollector(
    collectorConfiguration({ ports, exporters: { metrics: exporters, logs: exporters } }),
  );
  onTestFinished(() => collector[Symbol.asyncDispose]());
  const settings = { temporality, histogramAggregation: "exponential" };
  const destinations = [{ name: "exponential", authentication: "anonymous", protocol, settings }] as const;
  const gateway = await start(writeGateway({ folder: temporaryFolder(), ports, destinations }));
  for (const { second, values } of readings) {
    const metrics = values.map(
      (value) =>
        `{"name":"cycle_time","type":"f64_histogram","value":${value},"timestamp":${seconds + second}000000001}`,
    );
    const payload = `{"metrics":[${metrics.join(",")}]}`;
    expect(await postStatus(gateway, `{"topic":"plant","payload":${payload}}`)).toBe(200);
  }
  const { points } = readBack.of("exponential");
  await readBack.until(() => distinct(points.get("cycle_time")).length === readings.length);
  expect(await gateway.end("SIGTERM")).toBe(0);
  return distinct(points.get("cycle_time")) as unknown as ExponentialPoint[];
}

describe.each(protocols)("a real Collector gives back exponential histograms, over %s", (protocol) => {
  // As fine as 160 buckets allow: two octaves at 64 buckets an octave, eleven at 8.
  it("cumulative: with all values so far, and wider buckets when they are needed", async () => {
    const [first, second] = await deliver("cumulative", protocol);
    const common = { kind: "exponentialHistogram", aggregationTemporality: 2, zeroCount: "1" };
    expect(first).toMatchObject({ ...common, count: "3", sum: 37.5, min: 0, max: 30, scale: 6 });
    expectBuckets(first as ExponentialPoint, [7.5, 30]);
    expect(second).toMatchObject({ ...common, count: "4", sum: 20037.5, min: 0, max: 20_000, scale: 3 });
    expectBuckets(second as ExponentialPoint, [7.5, 30, 20_000]);
    expect(second?.startTimeUnixNano).toBe(first?.startTimeUnixNano);
  });

  it("delta: with the values since the last point, as fine as these allow", async () => {
    const [first, second] = await deliver("delta", protocol);
    const common = { kind: "exponentialHistogram", aggregationTemporality: 1 };
    expect(first).toMatchObject({ ...common, zeroCount: "1", count: "3", sum: 37.5, min: 0, max: 30 });
    expectBuckets(first as ExponentialPoint, [7.5, 30]);
    expect(second).toMatchObject({ ...common, count: "1", sum: 20_000, min: 20_000, max: 20_000, scale: 20 });
    expectBuckets(second as ExponentialPoint, [20_000]);
    expect(second?.startTimeUnixNano).toBe(first?.timeUnixNano);
  });
});
