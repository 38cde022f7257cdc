import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import packageJson from "../../package.json" with { type: "json" };

export interface GatewayProcess {
  url: string;
  child: ChildProcess;
  /** What it wrote to standard error so far. */
  log(): string;
  /** End it and resolve with its exit status; null when the signal ended it. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
}

/** A lane as `/status` shows it. */
export interface LaneStatus {
  owed: number;
  delivered: number;
  expiredInStore: number;
  deadLettered: number;
  pending: number;
  exportedItems: number;
  rejectedItems: number;
  retries: number;
  health: string;
  reasonCode: string | null;
  reason: string | null;
  nextAttemptAt: string | null;
}

export interface Status {
  received: number;
  accepted: number;
  duplicates: number;
  expiredOnArrival: number;
  filtered: number;
  deadLetteredOnArrival: number;
  refused: Record<string, number>;
  store: { bytes: number; bytesMax: number };
  deadLetters: { kept: number; discarded: number };
  destinations: Record<string, { metrics: LaneStatus; logs: LaneStatus }>;
}

/** How `npm start` starts the server; the configuration's path follows. */
const [, ...startParameters] = packageJson.scripts.start.split(" ");
const nodeCommand = [process.execPath, ...startParameters, "--config"];

/** Start the gateway as a user does, in a process of its own. Resolves once it listens; rejects when it exits. */
export async function startGateway(
  configPath: string,
  command: readonly string[] = nodeCommand,
): Promise<GatewayProcess> {
  const [program = "", ...parameters] = command;
  const child = spawn(program, [...parameters, configPath], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      const started = /"url":"([^"]+)"/.exec(log)?.[1];
      if (started !== undefined) resolve(started);
    });
    child.once("error", reject);
    child.once("close", (status) => reject(new Error(`The gateway exited with ${status}: ${log}`)));
  });
  return {
    url,
    child,
    log: () => log,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      child.kill(signal);
      const [status] = await once(child, "exit");
      return status as number | null;
    },
  };
}

/** A configuration that sends without waiting, and has one source, `devices`. */
export function gatewayConfiguration(options: {
  /** The one destination, `collector`. */
  otlpUrl?: string;
  /** More destinations, or others: URL by name. */
  destinations?: Record<string, string>;
  storePath: string;
  bytesMax?: number;
  bodyBytesMax?: number;
  latencySeconds?: number;
  shutdownGraceSeconds?: number;
  /** Of the source; default: `mqtt`. */
  adapter?: string;
}): string {
  const { otlpUrl, latencySeconds = 0, bytesMax = 4294967296, bodyBytesMax = 4194304 } = options;
  const { adapter = "mqtt" } = options;
  const destinations = { ...(otlpUrl === undefined ? {} : { collector: otlpUrl }), ...options.destinations };
  const endpoints = Object.entries(destinations).map(
    ([name, url]) => `
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: ${name} }
spec:
  endpointType: OpenTelemetry
  openTelemetrySettings:
    host: ${url}
    batching: { latencySeconds: ${latencySeconds}, maxMessages: 0 }
    authentication: { method: Anonymous }
---`,
  );
  return `${endpoints.join("")}
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
metadata: { name: test }
spec:
  listen: { host: 127.0.0.1, port: 0 }
  shutdownGraceSeconds: ${options.shutdownGraceSeconds ?? 10}
  limits: { bodyBytes: ${bodyBytesMax} }
  store: { path: ${JSON.stringify(options.storePath)}, bytesMax: ${bytesMax} }
  sources: [{ name: devices, adapter: ${adapter}, authentication: { method: None } }]
`;
}

/** A gateway that listens at `url`. */
type Target = Pick<GatewayProcess, "url">;

/** Post a JSON text to the source `devices`. */
export function post(gateway: Target, body: string): Promise<Response> {
  return fetch(`${gateway.url}/webhooks/devices`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
}

/** Post, read the answer to its end, and resolve with its status. */
export async function postStatus(gateway: Target, body: string): Promise<number> {
  const response = await post(gateway, body);
  await response.arrayBuffer();
  return response.status;
}

export async function readStatus(gateway: Target): Promise<Status> {
  const response = await fetch(`${gateway.url}/status`);
  if (!response.ok) throw new Error(`/status answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Status;
}

/** Deliver what waits, without waiting for a back-off. */
export async function flush(gateway: Target): Promise<number> {
  const response = await fetch(`${gateway.url}/timer/flush`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"force":true}',
  });
  await response.arrayBuffer();
  return response.status;
}

/** Resolves with the first status that holds; the test's own time limit ends the wait. */
export async function untilStatus(gateway: Target, holds: (status: Status) => boolean): Promise<Status> {
  for (;;) {
    const status = await readStatus(gateway);
    if (holds(status)) return status;
    await delay(20);
  }
}

/** Flush until nothing waits in any lane. */
export async function untilSettled(gateway: Target): Promise<Status> {
  for (;;) {
    await flush(gateway);
    const status = await readStatus(gateway);
    if (lanesOf(status).every(({ pending }) => pending === 0)) return status;
  }
}

export function lanesOf({ destinations }: Status): LaneStatus[] {
  return Object.values(destinations).flatMap((lanes) => Object.values(lanes));
}

/** The ledger's sums that do not add up; empty when it is exact. */
export function ledgerFaults(status: Status): string[] {
  const { received, accepted, duplicates, expiredOnArrival, filtered, deadLetteredOnArrival } = status;
  const faults: string[] = [];
  if (received !== accepted + duplicates + expiredOnArrival + filtered + deadLetteredOnArrival)
    faults.push(`received ${received} is not the sum of its parts: ${JSON.stringify(status)}`);
  for (const { owed, delivered, expiredInStore, deadLettered, pending } of lanesOf(status))
    if (owed !== delivered + expiredInStore + deadLettered + pending)
      faults.push(`owed ${owed} is not ${delivered} + ${expiredInStore} + ${deadLettered} + ${pending}`);
  return faults;
}

/** Memory that the process has in use, as Linux counts it. */
export function residentBytes({ child }: GatewayProcess): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1];
  return Number(kilobytes) * 1024;
}
