import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import packageJson from "../package.json" with { type: "json" };
import { endProcess, residentBytes } from "./child.ts";
import { destination, source } from "./messages.ts";

export interface BenchGateway {
  port: number;
  /** Send all that waits now, however long it takes. */
  flush(): Promise<{ messages: number; durationMs: number }>;
  status(): Promise<BenchStatus>;
  residentBytes(): { now: number; max: number };
  end(): Promise<void>;
}

/** What benchmarks read of `/status`. */
export interface BenchStatus {
  accepted: number;
  bridges: Record<string, { connected: boolean }>;
  destinations: Record<string, { metrics: { pending: number } }>;
}

const root = fileURLToPath(new URL("..", import.meta.url));

/** What a benchmark sets of the Gateway's destination, as its configuration has it. */
export interface DestinationSettings {
  protocol?: "grpc" | "http/protobuf";
  temporality?: "cumulative" | "delta";
  histogramAggregation?: "explicit" | "exponential";
}

/** A broker without a password. */
export interface BridgeSettings {
  url: string;
  topicFilter: string;
  receiveMaximum: number;
}

/** Nothing becomes due by itself within a benchmark. */
export function writeConfiguration(options: {
  folder: string;
  storePath: string;
  sinkPort: number;
  port: number;
  settings?: DestinationSettings;
  bridge?: BridgeSettings;
  /** Further documents, each begun by `---`. */
  documents?: string;
}): string {
  const settings = { endpointRef: destination, restateSeconds: 0, ...options.settings };
  const path = join(options.folder, "gateway.yaml");
  writeFileSync(
    path,
    `apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: ${destination} }
spec:
  endpointType: OpenTelemetry
  openTelemetrySettings:
    host: http://127.0.0.1:${options.sinkPort}
    batching: { latencySeconds: 65535, maxMessages: 0 }
    authentication: { method: Anonymous }
    tls: { mode: Disabled }
---
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
metadata: { name: bench }
spec:
  listen: { host: 127.0.0.1, port: ${options.port} }
  store: { path: ${JSON.stringify(options.storePath)} }
  sources:
    - { name: ${source.one}, adapter: raw, authentication: { method: None } }
    - { name: ${source.many}, adapter: mqtt, authentication: { method: None } }
  destinations: [${JSON.stringify(settings)}]
${options.bridge ? bridgeConfiguration(options.bridge) : ""}${options.documents ?? ""}`,
  );
  return path;
}

/** The rest of the Gateway, and the endpoint that it names. */
function bridgeConfiguration({ url, topicFilter, receiveMaximum }: BridgeSettings): string {
  return `  bridges: [{ name: broker, endpointRef: broker, topicFilters: [${JSON.stringify(topicFilter)}] }]
---
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: broker }
spec:
  endpointType: Mqtt
  mqttSettings:
    host: ${url}
    maxInflightMessages: ${receiveMaximum}
    authentication: { method: Anonymous }
    tls: { mode: Disabled }
`;
}

/** As `npm start` does. */
export function spawnGateway(configPath: string, environment: Record<string, string> = {}) {
  const [, ...start] = packageJson.scripts.start.split(" ");
  return spawn(process.execPath, [...start, "--config", configPath], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...environment },
  });
}

/** The gateway as a user starts it, in a process of its own. `sinkPort` left out: there is no receiver. */
export async function startGateway(options: {
  folder: string;
  storePath: string;
  sinkPort?: number;
  settings?: DestinationSettings;
  bridge?: BridgeSettings;
  /** Further documents, each begun by `---`. */
  documents?: string;
  environment?: Record<string, string>;
}): Promise<BenchGateway> {
  const configPath = writeConfiguration({ sinkPort: 9, ...options, port: 0 });
  const child = spawnGateway(configPath, options.environment);
  const port = await new Promise<number>((resolve, reject) => {
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      const started = /"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(log)?.[1];
      if (started !== undefined) resolve(Number(started));
    });
    child.once("exit", (status) => reject(new Error(`The gateway exited with ${status}: ${log}`)));
  });

  async function status(): Promise<BenchStatus> {
    return (await (await fetch(`http://127.0.0.1:${port}/status`)).json()) as BenchStatus;
  }

  async function flushOnce(): Promise<{ messages: number; pending: number }> {
    const response = await fetch(`http://127.0.0.1:${port}/timer/flush`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"force":true}',
    });
    // 503: one pass works for a limited time, and more was due than it could send.
    const answer = (await response.json()) as { messages: number; pending: number };
    if (answer.messages === 0 && answer.pending > 0)
      throw new Error(`Cannot flush: ${answer.pending} messages wait and none was sent`);
    return answer;
  }

  return {
    port,
    async flush() {
      const startMs = performance.now();
      const pending = (await status()).destinations[destination]?.metrics.pending ?? 0;
      let messages = 0;
      let left = 0;
      // At least once: a lane loads its series when it first looks for something to send. What the end of a pass cut
      // off may be sent between two of them, and is not among `messages` then.
      do {
        const answer = await flushOnce();
        messages += answer.messages;
        left = answer.pending;
      } while (messages < pending && left > 0);
      return { messages, durationMs: performance.now() - startMs };
    },
    status,
    residentBytes: () => residentBytes(child.pid),
    end: () => endProcess(child),
  };
}
