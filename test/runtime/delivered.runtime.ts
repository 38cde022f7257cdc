/** The gateway in one thread, with either store: what it acknowledges is at the receiver. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startSink } from "../../cli/sink-server.ts";
import { openGatewayInPlace } from "../../handlers/runtime/gateway-in-place.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { silentLogger } from "../../pipeline/logger.ts";
import { logBodiesOf } from "../support/log-bodies.ts";

const folder = mkdtempSync(join(tmpdir(), "delivered-runtime-"));
const logs: string[] = [];
const sink = await startSink({
  host: "127.0.0.1",
  port: 0,
  onRequest: (_, request) => logs.push(...logBodiesOf(request)),
});

after(async () => {
  await sink.close();
  rmSync(folder, { recursive: true, force: true });
});

for (const type of ["memory", "sqlite"] as const) {
  test(`a request is answered once its message is delivered, with a store of type ${type}`, async () => {
    const config = loadConfig({
      files: [],
      environment: {
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
        GATEWAY_STORE_PATH: join(folder, "gateway.db"),
      },
      resolvePath: (_, path) => path,
    });
    const gateway = await openGatewayInPlace(
      { ...config, acknowledge: "delivered", store: { ...config.store, type } },
      { logger: silentLogger, environment: {} },
    );
    const answer = await gateway.fetch(
      new Request("http://127.0.0.1/webhooks/mqtt", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: `{"topic":"a","payload":{"logs":[{"level":"info","value":"${type}"}]}}`,
      }),
    );
    assert.equal(answer.status, 200);
    assert.equal(((await answer.json()) as { accepted: number }).accepted, 1);
    assert.equal(logs.at(-1), type);
    await gateway.close();
  });
}
