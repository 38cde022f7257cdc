/**
 * The thin set that runs on every runtime, plain enough for Node and Deno: the whole gateway in this process, a
 * real store in a temporary folder, a real receiver.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startSink } from "../../cli/sink-server.ts";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { silentLogger } from "../../pipeline/logger.ts";
import { logBodiesOf } from "../support/log-bodies.ts";

const folder = mkdtempSync(join(tmpdir(), "gateway-runtime-"));
const logs: string[] = [];
let points = 0;
let received = () => {};
const sink = await startSink({
  host: "127.0.0.1",
  port: 0,
  onRequest: (_, request) => {
    logs.push(...logBodiesOf(request));
    if ("resourceMetrics" in request)
      points += request.resourceMetrics[0]?.scopeMetrics[0]?.metrics.length ?? 0;
    received();
  },
});

after(async () => {
  await sink.close();
  rmSync(folder, { recursive: true, force: true });
});

function open() {
  const config = loadConfig({
    files: [],
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      GATEWAY_STORE_PATH: join(folder, "gateway.db"),
    },
    resolvePath: (_, path) => path,
  });
  return openGateway(config, { logger: silentLogger, environment: {} });
}

const post = (path: string, body: string) =>
  new Request(`http://127.0.0.1${path}`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  });

test("a message is stored, survives a restart, and is delivered by the timer", async () => {
  const first = await open();
  const answer = await first.fetch(
    post(
      "/webhooks/mqtt",
      '{"topic":"a","payload":{"metrics":[{"name":"x","type":"i64_gauge","value":9223372036854775807}],"logs":[{"level":"info","value":"hello"}]}}',
    ),
  );
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), {
    accepted: 1,
    duplicates: 0,
    expired: 0,
    filtered: 0,
    deadLettered: 0,
  });
  await first.close();

  const second = await open();
  const flushed = await second.fetch(post("/timer/flush", '{"force":true}'));
  assert.equal(flushed.status, 200);
  await flushed.body?.cancel();
  assert.deepEqual(logs, ["hello"]);
  assert.equal(points, 1);

  const status = (await (await second.fetch(new Request("http://127.0.0.1/status"))).json()) as {
    accepted: number;
    destinations: Record<string, Record<string, { delivered: number; pending: number }>>;
  };
  assert.equal(status.accepted, 1);
  for (const lanes of Object.values(status.destinations))
    for (const lane of Object.values(lanes)) assert.deepEqual([lane.delivered, lane.pending], [1, 0]);
  await second.close();
});

test("probes and metrics answer, and bad input is refused without a crash", async () => {
  const gateway = await open();
  for (const path of ["/livez", "/readyz", "/metrics"]) {
    const answer = await gateway.fetch(new Request(`http://127.0.0.1${path}`));
    assert.equal(answer.status, 200, path);
    await answer.text();
  }
  for (const body of ["", "{", "[1]", '{"topic":"#","payload":""}', "\u0000"]) {
    const answer = await gateway.fetch(post("/webhooks/mqtt", body));
    assert.ok(answer.status < 500, `${body}: ${answer.status}`);
    await answer.text();
  }
  await gateway.close();
});

test("the delivery loops run beside requests and end when the gateway closes", async () => {
  const gateway = await open();
  const delivering = gateway.deliver();
  const arrived = new Promise<void>((resolve) => {
    received = resolve;
  });
  const answer = await gateway.fetch(
    post("/webhooks/mqtt", '{"topic":"a","payload":{"logs":[{"level":"warn","value":"again"}]}}'),
  );
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
  await (await gateway.fetch(post("/timer/flush", '{"force":true}'))).text();
  await arrived;
  assert.equal(logs.at(-1), "again");
  await gateway.close();
  await delivering;
});
