import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { blocksOf, isConfiguration, readPage } from "../docs/page.ts";
import { type BridgedStatus, openMosquitto } from "./bridge-bench.ts";
import { connectClient } from "./forwarder.ts";
import { numbered, range } from "./recorder.ts";
import { start, temporaryFolder } from "./workbench.ts";

const blocks = blocksOf(readPage("docs/brokers/mosquitto.md"));
const secret = "secret";

/** Where nothing listens. */
const receiver = `---
apiVersion: connectivity.iotoperations.azure.com/v1
kind: DataflowEndpoint
metadata: { name: away }
spec: { endpointType: OpenTelemetry, openTelemetrySettings: { host: "http://127.0.0.1:9" } }
`;

/** What is not in the page is as Mosquitto has it by itself, but for what the test must choose. */
function pageSettings(): Record<string, string | number | boolean> {
  const chosen = ["listener", "allow_anonymous", "password_file", "persistence_location"];
  const text = blocks.find(({ language }) => language === "conf")?.text ?? "";
  const lines = text.trim().split("\n");
  const settings = lines.map((line) => line.split(/ (.*)/s, 2) as [string, string]);
  const written = settings.filter(([name]) => !chosen.includes(name));
  return { persistence: false, max_queued_messages: 1000, ...Object.fromEntries(written) };
}

function writePage(folder: string, brokerUrl: string): string {
  mkdirSync(join(folder, "secrets"));
  for (const name of ["admin", "mosquitto"]) writeFileSync(join(folder, "secrets", name), secret);
  const documents = blocks.find(isConfiguration)?.text ?? "";
  const path = join(folder, "gateway.yaml");
  const here = documents
    .replace("mqtt://localhost:1883", brokerUrl)
    .replace("kind: Gateway\nspec:\n", "$&  listen: { port: 0 }\n");
  writeFileSync(path, here + receiver);
  return path;
}

async function untilStatus(url: string, holds: (status: BridgedStatus) => boolean) {
  for (;;) {
    const answer = await fetch(`${url}/status`, { headers: { Authorization: `Bearer ${secret}` } });
    if (holds((await answer.json()) as BridgedStatus)) return;
    await delay(20);
  }
}

it("a Mosquitto that is set up as its page says keeps 3000 messages for a gateway that is away", async () => {
  const broker = await openMosquitto({ users: { gateway: secret }, settings: pageSettings() });
  const path = writePage(temporaryFolder(), broker.url);
  const first = await start(path);
  await untilStatus(first.url, ({ bridges }) => bridges.plant?.connected === true);
  expect(await first.end("SIGTERM")).toBe(0);

  const client = await connectClient(broker.url, { username: "gateway", password: secret });
  const messages = range(3_000).map((n) => JSON.parse(numbered(n)));
  await Promise.all(
    messages.map(({ topic, payload }) => client.publishAsync(topic, JSON.stringify(payload), { qos: 1 })),
  );
  await client.endAsync();
  await broker.restart();

  const second = await start(path);
  await untilStatus(second.url, ({ bridges }) => bridges.plant?.received === messages.length);
  expect(await second.end("SIGTERM")).toBe(0);
});
