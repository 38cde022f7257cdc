import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { openToAll } from "../../handlers/authentication/authentication.ts";
import { createGate } from "../../handlers/gate.ts";
import { createWebhook } from "../../handlers/webhook.ts";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { createReceiver } from "../../pipeline/receive.ts";
import type { Adapter } from "../../pipeline/source/adapter.ts";
import { createMqttAdapter } from "../../pipeline/source/mqtt.ts";
import { createTestApp, sourceConfig } from "../support/app.ts";

const counts = { accepted: 0, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 };
const valid = { topic: "plant/a", payload: { metrics: [] } };

/** A source for senders that repeat, or give up on, whatever is no 2xx: everything that arrives is kept. */
function openKeeping(more: Partial<Adapter> = {}) {
  const source = sourceConfig({ name: "mqtt", adapter: "mqtt", topicFilters: ["plant/#"] });
  const { store, clock, telemetry, logger } = createTestApp({ sources: [source] });
  const receiver = createReceiver({
    store,
    clock,
    logger,
    format: aioFormat,
    lanes: [],
    sources: [source],
    payloadBytesMax: 1000,
  });
  const webhook = createWebhook({
    source,
    adapter: { ...createMqttAdapter({}), brokenEnvelope: "keep", ...more },
    authenticator: openToAll,
    receiver,
    bodyBytesMax: 2000,
    acknowledgeTimeoutMs: 1000,
    counters: telemetry.requests,
    clock,
    logger,
    gate: createGate(1),
    bodies: createGate(1_000_000),
    isStopping: () => false,
    retryAfterSeconds: () => 1,
  });
  const app = new Hono().post("/", webhook);
  return {
    refused: () => telemetry.requests.totals(),
    letters: () => store.deadLetters.list({ afterId: 0, limit: 10 }),
    post: (body: string, headers: Record<string, string> = {}) =>
      app.request("/", { method: "POST", body, headers: { "Content-Type": "application/json", ...headers } }),
  };
}

describe("an adapter that keeps broken envelopes", () => {
  it.each(["", "hello", "null", "{", '{"topic":"plant/a"}', '{"topic":"plant/#","payload":{}}'])(
    "acknowledges '%s' and keeps it as it came",
    async (body) => {
      const { post, letters, refused } = openKeeping();
      const response = await post(body);
      expect([response.status, await response.json()]).toEqual([200, { ...counts, deadLettered: 1 }]);
      const [letter] = await letters();
      expect(letter).toMatchObject({
        reason: "invalidEnvelope",
        detail: expect.stringMatching(/^Cannot read/),
      });
      expect(new TextDecoder().decode(letter?.message.payload)).toBe(body);
      expect(refused().badEnvelope).toBe(0);
    },
  );

  it("names the field at fault", async () => {
    const { post, letters } = openKeeping();
    await post('{"topic":"plant/a","payload":{},"qos":3}');
    expect(await letters()).toMatchObject([{ path: "qos" }]);
  });

  it("keeps a single message outside the Topic Filters, or with too large a payload", async () => {
    const { post, letters } = openKeeping();
    expect((await post(JSON.stringify({ ...valid, topic: "home/a" }))).status).toBe(200);
    expect((await post(JSON.stringify({ ...valid, payload: "x".repeat(1001) }))).status).toBe(200);
    expect(await letters()).toMatchObject([{ reason: "topicNotAllowed" }, { reason: "tooLarge" }]);
  });

  it("stores what is right as ever", async () => {
    const { post, letters } = openKeeping();
    expect(await (await post(JSON.stringify(valid))).json()).toEqual({ ...counts, accepted: 1 });
    expect(await letters()).toEqual([]);
  });

  it("still refuses what cannot be read at all", async () => {
    const { post, refused } = openKeeping();
    expect((await post("{}", { "Content-Type": "text/plain" })).status).toBe(415);
    expect((await post("x".repeat(2001))).status).toBe(413);
    expect(refused()).toMatchObject({ badEnvelope: 1, tooLarge: 1 });
  });

  it("answers in its sender's own words", async () => {
    const { post } = openKeeping({ stored: () => ({ status: 200, body: { result: "next" } }) });
    for (const body of [JSON.stringify(valid), "hello"]) {
      expect(await (await post(body)).json()).toEqual({ result: "next" });
    }
  });
});
