/** A real OpenTelemetry Collector, and a listener that gets back as OTLP JSON what it decoded. */
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { collectorPath } from "./setup.ts";

/** Start a Collector with this configuration, in a process of its own. Resolves once it listens. */
export async function startCollector(configuration: object): Promise<AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), "gateway-collector-"));
  const path = join(folder, "collector.yaml");
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(configuration));
  const child = spawn(collectorPath, ["--config", path], { stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  let log = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      if (log.includes("Everything is ready")) resolve();
    });
    child.once("error", reject);
    child.once("close", (status) => reject(new Error(`The Collector exited with ${status}: ${log}`)));
  });
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The fields of a data point that tests look at; 64-bit numbers come as text. */
export interface PointJson {
  timeUnixNano: string;
  startTimeUnixNano?: string;
  asInt?: string;
  asDouble?: number;
  attributes?: AttributeJson[];
}

interface LogRecordJson {
  body: { stringValue: string };
  attributes: AttributeJson[];
}

interface AttributeJson {
  key: string;
  value: Record<string, unknown>;
}

interface MetricJson {
  name: string;
  gauge?: { dataPoints: PointJson[] };
  sum?: { dataPoints: PointJson[]; aggregationTemporality: number; isMonotonic?: boolean };
  histogram?: { dataPoints: PointJson[]; aggregationTemporality: number };
  exponentialHistogram?: { dataPoints: PointJson[]; aggregationTemporality: number };
}

interface ResourceJson {
  resource: { attributes: AttributeJson[] };
  scopeMetrics?: { metrics: MetricJson[] }[];
  scopeLogs?: { logRecords: LogRecordJson[] }[];
}

/** Without repeats: what is sent again after a lost answer equals what was sent before. */
export function distinct<T>(values: readonly T[] = []): T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

/** What came for one destination. */
export interface Received {
  /** The points of each metric, in order, each with what its metric says of all its points. */
  points: Map<string, (PointJson & { kind: string })[]>;
  logRecords: LogRecordJson[];
}

export interface ReadBack extends AsyncDisposable {
  /** A Collector's exporter that sends here, and holds up the receiver until it was answered. */
  exporter: object;
  /** By the attribute `destination` of the Resource. */
  of(destination: string): Received;
  /** Resolves when `holds` does; it is asked at each arrival. The test's own time limit ends the wait. */
  until(holds: () => boolean): Promise<void>;
}

/** Listen to what a Collector sends on. */
export async function startReadBack(): Promise<ReadBack> {
  const byDestination = new Map<string, Received>();
  const arrivals = new EventEmitter();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    for (const resource of (body.resourceMetrics ?? body.resourceLogs) as ResourceJson[]) add(resource);
    response.setHeader("content-type", "application/json").end("{}");
    arrivals.emit("arrival");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");

  function of(destination: string): Received {
    const known = byDestination.get(destination) ?? { points: new Map(), logRecords: [] };
    byDestination.set(destination, known);
    return known;
  }

  function add({ resource, scopeMetrics = [], scopeLogs = [] }: ResourceJson): void {
    const name = resource.attributes.find(({ key }) => key === "destination")?.value.stringValue;
    const { points, logRecords } = of(String(name));
    for (const metric of scopeMetrics.flatMap(({ metrics }) => metrics)) {
      const known = points.get(metric.name) ?? [];
      points.set(metric.name, known);
      known.push(...pointsOf(metric));
    }
    logRecords.push(...scopeLogs.flatMap((scope) => scope.logRecords));
  }

  const { port } = server.address() as AddressInfo;
  return {
    exporter: {
      endpoint: `http://127.0.0.1:${port}`,
      encoding: "json",
      compression: "none",
      sending_queue: { enabled: false },
    },
    of,
    async until(holds) {
      while (!holds()) await once(arrivals, "arrival");
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function pointsOf({ name, ...data }: MetricJson): (PointJson & { kind: string })[] {
  return Object.entries(data).flatMap(([kind, value]) => {
    if (typeof value !== "object" || !("dataPoints" in value)) return [];
    const { dataPoints, ...common } = value;
    return dataPoints.map((point) => ({ kind, ...common, ...point }));
  });
}
