/**
 * The main job on one machine: an MQTT broker that hands each publish to the gateway's webhook, the gateway, and an
 * OTLP/gRPC receiver. Tells a small story, then holds what the receiver got and the ledger against it.
 */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { openGateway } from "../handlers/runtime/gateway.ts";
import { listen } from "../handlers/runtime/node.ts";
import { systemClock } from "../pipeline/clock.ts";
import { loadConfig } from "../pipeline/config/load.ts";
import { silentLogger } from "../pipeline/logger.ts";
import { type Publish, startBroker } from "./demo-broker.ts";
import { describeLedger, lanes, type Status } from "./demo-ledger.ts";
import { type Ending, payloadText, type Scene, tellStory } from "./demo-story.ts";
import { createTally } from "./demo-tally.ts";
import { formatItems } from "./sink-format.ts";
import { startSink } from "./sink-server.ts";

/** All of it arrives within a few seconds; a machine under heavy load may take longer. */
const arrivalMsMax = 30_000;

/** Run the demo. Resolves with the exit status: 0 when everything arrived and the ledger is exact, else 1. */
export async function demo(options: { keep: boolean }): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "mqtt-otlp-gateway-demo-"));
  const tally = createTally();
  const lines: string[] = [];
  const sink = await startSink({
    host: "127.0.0.1",
    port: 0,
    onRequest: (signal, request) => {
      tally.add(request);
      for (const line of formatItems(request)) {
        if (options.keep && told) print(`  ${signal.padEnd(7)} ${line}`);
        else lines.push(`${signal.padEnd(7)} ${line}`);
      }
    },
  });
  let told = false;
  const config = loadConfig({
    files: [{ name: "demo.yaml", text: configuration(sink.url) }],
    environment: { GATEWAY_STORE_PATH: join(folder, "gateway.db") },
    resolvePath: (_, path) => path,
  });
  const gateway = await openGateway(config, { logger: silentLogger });
  const server = await listen(gateway.fetch, config.listen);
  const delivering = gateway.deliver();
  const scenes = new Map<string, Scene>();
  const broker = await startBroker((publish) => handOver(server.url, publish, scenes));

  try {
    print(
      `An MQTT broker on mqtt://127.0.0.1:${broker.port}, the gateway on ${server.url}, a receiver on ${sink.url}\n`,
    );
    const story = tellStory(BigInt(systemClock.nowUs()) * 1000n);
    print("Published over MQTT with QoS 1; the broker acknowledges after the gateway's 2xx");
    const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { clientId: "line-1" });
    for (const scene of story.mqtt) {
      const payload = payloadText(scene);
      scenes.set(payload, scene);
      await client.publishAsync(scene.topic, payload, { qos: 1 });
      print(`  ${scene.topic.padEnd(24)} ${scene.caption}`);
    }
    await client.endAsync();
    print("\nPosted to the webhook");
    for (const scene of story.webhook) {
      const counts = await post(server.url, envelope(scene));
      print(`  ${scene.topic.padEnd(24)} ${scene.caption} → ${describeCounts(counts)}`);
    }

    const status = await settled(server.url);
    print("\nWhat the receiver decoded");
    for (const line of lines) print(`  ${line}`);
    told = true;
    print("\nThe ledger");
    for (const line of describeLedger(status)) print(`  ${line}`);
    print("\nThe dead letter, kept with its reason");
    for (const line of await describeDeadLetters(server.url)) print(`  ${line}`);

    const differences = compare(status, tally.totals(), story.ending);
    if (differences.length > 0) {
      print("\nNot as promised:");
      for (const line of differences) print(`  ${line}`);
      return 1;
    }
    print(`\nAll ${status.received} acknowledged messages are accounted for.`);
    if (options.keep) await keepRunning(server.url, broker.port);
    return 0;
  } finally {
    await broker.close();
    await server.close({ graceMs: 1000 });
    await gateway.close();
    await delivering;
    await sink.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function configuration(sinkUrl: string): string {
  return `
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: receiver }
spec:
  endpointType: OpenTelemetry
  openTelemetrySettings:
    host: ${sinkUrl}
    batching: { latencySeconds: 1, maxMessages: 100 }
    authentication: { method: Anonymous }
---
apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
metadata: { name: demo }
spec:
  listen: { host: 127.0.0.1, port: 0 }
  sources: [{ name: broker, adapter: mqtt, authentication: { method: None } }]
  destinations: [{ endpointRef: receiver, windowSeconds: 10 }]
`;
}

/** What the embedded broker's rule does with a publish. Rejects unless the gateway stored it. */
async function handOver(
  url: string,
  { topic, payload, qos, retain, clientId }: Publish,
  scenes: Map<string, Scene>,
) {
  const text = Buffer.from(payload).toString();
  const { messageId, userProperties } = scenes.get(text) ?? {};
  await post(url, {
    topic,
    payloadBase64: Buffer.from(payload).toString("base64"),
    qos,
    retain,
    clientId,
    messageId,
    properties: { userProperties },
  });
}

function envelope(scene: Scene) {
  const { topic, messageId, publishedAt, messageExpiryInterval, userProperties } = scene;
  return {
    topic,
    payload: payloadText(scene),
    messageId,
    publishedAt,
    properties: { messageExpiryInterval, userProperties },
  };
}

type Counts = Record<"accepted" | "duplicates" | "expired" | "filtered" | "deadLettered", number>;

async function post(url: string, body: unknown): Promise<Counts> {
  const response = await fetch(`${url}/webhooks/broker`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`Cannot hand a message over: the gateway answered ${response.status}`);
  return (await response.json()) as Counts;
}

function describeCounts(counts: Counts): string {
  const [name] = Object.entries(counts).find(([, count]) => count > 0) ?? ["nothing"];
  return name;
}

/** The status once no lane owes anything more, or as it is after `arrivalMsMax`. */
async function settled(url: string): Promise<Status> {
  const deadline = systemClock.monotonicMs() + arrivalMsMax;
  for (;;) {
    const status = (await (await fetch(`${url}/status`)).json()) as Status;
    if (lanes(status).every(({ lane }) => lane.pending === 0)) return status;
    if (systemClock.monotonicMs() > deadline) return status;
    await systemClock.sleep(100);
  }
}

async function describeDeadLetters(url: string): Promise<string[]> {
  const { items } = (await (await fetch(`${url}/dead-letters`)).json()) as {
    items: { id: number; topic: string; reason: string; path: string; detail: string }[];
  };
  return items.map(({ topic, reason, path, detail }) => `${topic}  ${reason}  ${path}: ${detail}`);
}

/** Each way in which what happened differs from the story's ending; empty when it is as promised. */
function compare(
  status: Status,
  got: ReturnType<ReturnType<typeof createTally>["totals"]>,
  ending: Ending,
): string[] {
  const pairs: [name: string, met: number, wanted: number][] = [
    ["messages received", status.received, ending.received],
    ["messages accepted", status.accepted, ending.accepted],
    ["duplicates", status.duplicates, ending.duplicates],
    ["expired", status.expiredOnArrival, ending.expired],
    ["dead letters", status.deadLetteredOnArrival, ending.deadLettered],
    ["temperature readings", got.readings, ending.readings],
    ["parts counted", got.parts, ending.parts],
    ["cycle times counted", got.cycles, ending.cycles],
    ["log records", got.logRecords, ending.logRecords],
    ...lanes(status).map(({ name, lane }): [string, number, number] => [`${name} pending`, lane.pending, 0]),
  ];
  return pairs
    .filter(([, met, wanted]) => met !== wanted)
    .map(([name, met, wanted]) => `${name}: ${met}, wanted ${wanted}`);
}

async function keepRunning(url: string, brokerPort: number): Promise<void> {
  print(
    `\nStill running: publish to mqtt://127.0.0.1:${brokerPort}, or post to ${url}/webhooks/broker; Ctrl-C ends it.`,
  );
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
