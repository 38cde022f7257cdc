/** The gateway as a function from Request to Response, and as AWS Lambda calls it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startSink } from "../../cli/sink-server.ts";
import { createFetchHandler } from "../../handlers/runtime/fetch.ts";
import { requestOf, resultOf } from "../../handlers/runtime/lambda-event.ts";
import { silentLogger } from "../../pipeline/logger.ts";
import { logBodiesOf } from "../support/log-bodies.ts";

const folder = mkdtempSync(join(tmpdir(), "fetch-runtime-"));
const configPath = join(folder, "gateway.yaml");
const received: string[] = [];
const sink = await startSink({
  host: "127.0.0.1",
  port: 0,
  onRequest: (_, request) => received.push(...logBodiesOf(request)),
});
writeFileSync(
  configPath,
  `apiVersion: mqtt-otlp-gateway/v1
kind: Gateway
spec:
  acknowledge: delivered
  store: { type: memory }
  administration: { token: { env: TOKEN } }
  sources: [{ name: devices, adapter: raw, authentication: { method: Bearer, token: { env: TOKEN } } }]
`,
);
const handler = createFetchHandler({
  configPath,
  environment: {
    TOKEN: "secret",
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
  },
  logger: silentLogger,
});

after(async () => {
  await handler.close();
  await sink.close();
  rmSync(folder, { recursive: true, force: true });
});

test("a request is answered once the receiver has its message", async () => {
  const answer = await handler(
    new Request("https://gateway.example/webhooks/devices", {
      method: "POST",
      headers: { authorization: "Bearer secret", "mqtt-topic": "plant" },
      body: '{"logs":[{"level":"info","value":"fetched"}]}',
    }),
  );
  assert.deepEqual([answer.status, received], [200, ["fetched"]]);
  assert.equal((await handler.flush({ deadlineMs: 1000 })).pending, 0);
});

test("an event of Lambda is answered in its words", async () => {
  const request = requestOf({
    rawPath: "/webhooks/devices",
    rawQueryString: "topic=plant",
    headers: { authorization: "Bearer secret" },
    requestContext: { stage: "$default", http: { method: "POST" } },
    body: Buffer.from('{"logs":[{"level":"info","value":"küche"}]}').toString("base64"),
    isBase64Encoded: true,
  });
  assert.equal((await resultOf(await handler(request))).statusCode, 200);
  assert.equal(received.at(-1), "küche");
});
