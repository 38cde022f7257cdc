import { describe, expect, it } from "vitest";
import { createTestApp, problemOf, sourceConfig, validMetrics } from "../support/app.ts";

const json = { "Content-Type": "application/json" };

function ask(
  body: unknown,
  {
    headers = json,
    app = createTestApp().app,
  }: { headers?: object; app?: ReturnType<typeof createTestApp>["app"] } = {},
) {
  return app.request("/explain", {
    method: "POST",
    headers: { ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

const message = { topic: "plant/a", payload: JSON.parse(validMetrics) };

describe("POST /explain", () => {
  it("explains a message, and neither stores nor counts it", async () => {
    const { app, status } = createTestApp();
    const response = await ask({ ...message, messageId: "m1" }, { app });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      verdict: "accepted",
      items: { metrics: [{ name: "temperature", value: 21.5 }] },
      steps: expect.arrayContaining([expect.objectContaining({ step: "payload", passes: true })]),
    });
    expect(await status()).toMatchObject({ received: 0, accepted: 0, store: { bytes: 0 } });
  });

  it("explains a message that the gateway would not take, with 200 too", async () => {
    const response = await ask({ topic: "plant/a", payload: { metrics: 1 } });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ verdict: "deadLettered", isDelivered: false });
  });

  it("reads the whole envelope of the adapter mqtt, number literals as they were written", async () => {
    const body = `{"topic":"t","source":"mqtt","clientId":"c","messageId":"m","payload":
      {"metrics":[{"name":"n","type":"i64_gauge","value":9223372036854775807,"attributes":[]}]},
      "publishedAt":"2026-01-05T09:00:00Z","properties":{"messageExpiryInterval":7200}}`;
    const explanation = await (await ask(body)).json();
    expect(explanation).toMatchObject({ items: { metrics: [{ value: "9223372036854775807" }] } });
    expect(JSON.stringify(explanation)).toContain("at 2026-01-05T11:00:00.000Z");
    expect(JSON.stringify(explanation)).toContain('client \\"c\\" of source mqtt');
  });

  it("explains for the source that the body names, else for the first that takes the topic", async () => {
    const { app } = createTestApp({
      sources: [
        sourceConfig({ name: "first", topicFilters: ["site/#"] }),
        sourceConfig({ name: "second", lenient: true }),
      ],
    });
    expect(await (await ask({ ...message, source: "first" }, { app })).json()).toMatchObject({
      verdict: "deadLettered",
      steps: [{ detail: expect.stringContaining("first") }, { step: "topic", passes: false }],
    });
    const { steps } = (await (await ask(message, { app })).json()) as { steps: { detail: string }[] };
    expect(steps[0]?.detail).toContain("second");
  });

  it("answers 400 for a source that is not configured, and for one that is no text", async () => {
    expect(await problemOf(await ask({ ...message, source: "nobody" }))).toMatchObject({
      status: 400,
      detail: 'Cannot find the source or bridge: met "nobody", wanted one of raw, mqtt, emqx',
      errors: [{ path: "source" }],
    });
    expect(await problemOf(await ask({ ...message, source: 7 }))).toMatchObject({
      status: 400,
      errors: [{ path: "source" }],
    });
  });

  it.each([
    ["no JSON", "{", 400, ""],
    ["no topic", { payload: {} }, 400, "topic"],
    ["a topic with wildcards", { topic: "plant/#", payload: {} }, 400, "topic"],
    ["no payload", { topic: "t" }, 400, "payload"],
  ])("answers 400 for a body with %s", async (_, body, status, path) => {
    expect(await problemOf(await ask(body))).toMatchObject({ status, errors: [{ path }] });
  });

  it("explains each message of an array, for the source that it names", async () => {
    const body = [message, { ...message, source: "emqx" }, { topic: "plant/b", payload: { metrics: 1 } }];
    const response = await ask(body);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject([
      { verdict: "accepted", steps: [{ detail: expect.stringMatching(/^raw:/) }, {}, {}, {}, {}, {}] },
      { verdict: "accepted", steps: [{ detail: expect.stringMatching(/^emqx:/) }, {}, {}, {}, {}, {}] },
      { verdict: "deadLettered", isDelivered: false },
    ]);
    expect(await (await ask([message])).json()).toHaveLength(1);
    expect(await (await ask([])).json()).toEqual([]);
  });

  it("answers 400 for an array of more than ten messages", async () => {
    expect((await ask(Array(10).fill(message))).status).toBe(200);
    expect(await problemOf(await ask(Array(11).fill(message)))).toMatchObject({
      status: 400,
      detail: "Cannot explain 11 messages: wanted at most 10 at once",
    });
  });

  it("answers 400 for an array with messages that break the envelope, and says which", async () => {
    expect(await problemOf(await ask([message, { topic: "t" }, 7]))).toMatchObject({
      status: 400,
      detail: "Cannot explain 2 of 3 messages: they break the envelope, and would be kept as dead letters",
      errors: [{ path: "[1]", message: expect.stringContaining("payload") }, { path: "[2]" }],
    });
    expect(await problemOf(await ask([message, { ...message, source: 7 }]))).toMatchObject({
      status: 400,
      errors: [{ path: "1.source" }],
    });
    expect(await problemOf(await ask([message, { ...message, source: "nobody" }]))).toMatchObject({
      status: 400,
      errors: [{ path: "source", message: expect.stringContaining("nobody") }],
    });
  });

  it("answers 415 for another content type", async () => {
    const response = await ask(message, { headers: { "Content-Type": "text/plain" } });
    expect(await problemOf(response)).toMatchObject({ status: 415 });
  });

  it("answers 413 for a body beyond the limit of the gateway's bodies", async () => {
    const { app } = createTestApp({ limits: { bodyBytesMax: 100 } });
    const response = await ask({ ...message, clientId: "x".repeat(100) }, { app });
    expect(await problemOf(response)).toMatchObject({
      status: 413,
      detail: "Cannot take the body: limit is 100 bytes",
    });
  });

  it("answers 405 for other methods", async () => {
    const response = await createTestApp().app.request("/explain");
    expect(response.headers.get("allow")).toBe("POST");
    expect(await problemOf(response)).toMatchObject({ status: 405 });
  });

  it("needs the administration token where there is one", async () => {
    const { app } = createTestApp({
      administration: { token: { env: "ADMIN" } },
      secrets: { ADMIN: ["secret-token-of-the-administration"] },
    });
    expect(await problemOf(await ask(message, { app }))).toMatchObject({ status: 401 });
    const headers = { ...json, Authorization: "Bearer secret-token-of-the-administration" };
    expect((await ask(message, { app, headers })).status).toBe(200);
  });
});
