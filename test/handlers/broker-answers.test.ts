import { describe, expect, it } from "vitest";
import type { AdapterName, SourceConfig } from "../../pipeline/config/config.ts";
import { StoreFullError } from "../../pipeline/errors.ts";
import { adapters } from "../../pipeline/source/adapters.ts";
import type { BatchStore } from "../../pipeline/store/batch-store.ts";
import { createTestApp, problemOf, sourceConfig, type TestAppOptions, validMetrics } from "../support/app.ts";

/**
 * Aim: brokers whose webhooks repeat nothing, or whatever is no 2xx, get the answers that they understand. Method:
 * each thing that can become of a request, through the real routes, with the ledger after it.
 */
interface Broker {
  name: AdapterName;
  /** A published message with this payload. */
  published(payload: string): object;
  lifecycle: object;
  headers?: Record<string, string>;
  /** The answer to a request of which this was counted. */
  answer(counts: Record<string, number>): object;
  keeps: boolean;
  repeats: boolean;
}

const none = { accepted: 0, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 };
const countsOf = (counts: Record<string, number>) => ({ ...none, ...counts });
const base64 = (text: string) => Buffer.from(text).toString("base64");
const hook = { action: "message_publish", topic: "plant/a", qos: 1, retain: false, ts: 1767225600123 };

const brokers: Broker[] = [
  {
    name: "emqx4",
    published: (payload) => ({ ...hook, node: "n", from_client_id: "c", from_username: null, payload }),
    lifecycle: { action: "client_connected", clientid: "c", ts: 1 },
    answer: countsOf,
    keeps: false,
    repeats: false,
  },
  {
    name: "vernemq",
    published: (payload) => ({
      username: null,
      mountpoint: "",
      client_id: "c",
      qos: 1,
      topic: "plant/a",
      payload: base64(payload),
      retain: false,
    }),
    lifecycle: { mountpoint: "", client_id: "c" },
    answer: () => ({ result: "next" }),
    keeps: true,
    repeats: false,
  },
  {
    name: "rmqtt",
    published: (payload) => ({
      ...hook,
      from_clientid: "c",
      from_type: "custom",
      packet_id: 1,
      payload: base64(payload),
      time: "2026-01-01 00:00:00.124",
    }),
    lifecycle: { action: "client_connected", clientid: "c", time: "2026-01-01 00:00:00.124" },
    answer: countsOf,
    keeps: true,
    repeats: true,
  },
];

function open(broker: Broker, source: Partial<SourceConfig> = {}, options: TestAppOptions = {}) {
  const test = createTestApp({
    sources: [sourceConfig({ name: "broker", adapter: broker.name, ...source })],
    ...options,
  });
  return {
    ...test,
    letters: () => test.store.deadLetters.list({ afterId: 0, limit: 10 }),
    send: (body: object | string, headers: Record<string, string> = {}) =>
      test.app.request("/webhooks/broker", {
        method: "POST",
        body: typeof body === "string" ? body : JSON.stringify(body),
        headers: { "Content-Type": "application/json", ...headers },
      }),
  };
}

async function expectAnswer(response: Response, answer: object) {
  expect([response.status, response.headers.get("content-type"), await response.json()]).toEqual([
    200,
    "application/json",
    answer,
  ]);
  // VerneMQ would not ask again for as long as it says.
  expect(response.headers.get("cache-control")).toBeNull();
}

const failing = (error: Error) => (store: BatchStore) => ({
  ...store,
  append: () => Promise.reject(error),
});

describe.each(brokers)("the answer to $name", (broker) => {
  const { answer, keeps, repeats, published } = broker;

  it("to a stored message is its success", async () => {
    const { send, status } = open(broker);
    await expectAnswer(await send(published(validMetrics)), answer({ accepted: 1 }));
    expect(await status()).toMatchObject({ received: 1, accepted: 1 });
  });

  it("to an equal message is its success too, and a duplicate only where it repeats", async () => {
    const { send, status } = open(broker);
    await send(published(validMetrics));
    const counts = repeats ? { duplicates: 1 } : { accepted: 1 };
    await expectAnswer(await send(published(validMetrics)), answer(counts));
    expect(await status()).toMatchObject({ received: 2, duplicates: repeats ? 1 : 0, idConflicts: 0 });
  });

  it("to an invalid payload is its success, and the payload is kept", async () => {
    const { send, letters } = open(broker);
    await expectAnswer(await send(published("{}")), answer({ deadLettered: 1 }));
    expect(await letters()).toMatchObject([{ reason: "invalidPayload", message: { topic: "plant/a" } }]);
  });

  it("to a lifecycle event is its success, and nothing is received", async () => {
    const { send, status } = open(broker);
    await expectAnswer(await send(broker.lifecycle), answer({}));
    expect(await status()).toMatchObject({ received: 0, ignored: 1 });
  });

  it.each([
    ["no JSON", "hello", /wanted JSON/],
    ["nothing", "", /met nothing, wanted JSON/],
    ["a message without topic", { ...published(validMetrics), topic: undefined }, /topic: met nothing/],
    ["what a script posts", { topic: "t", payloadBase64: "e30=" }, /which the adapter mqtt reads/],
  ])("to %s is what ends it", async (_name, body, reason) => {
    const { send, letters, status } = open(broker);
    const response = await send(body);
    if (keeps) {
      await expectAnswer(response, answer({ deadLettered: 1 }));
      expect(await letters()).toMatchObject([
        { reason: "invalidEnvelope", detail: expect.stringMatching(reason) },
      ]);
    } else {
      expect(await problemOf(response)).toMatchObject({ status: 400, detail: expect.stringMatching(reason) });
      expect(await status()).toMatchObject({ received: 0, refused: { badEnvelope: 1 } });
    }
  });

  it("to a message outside the Topic Filters is what ends it", async () => {
    const { send, letters } = open(broker, { topicFilters: ["home/#"] });
    const response = await send(published(validMetrics));
    if (!keeps) expect(await problemOf(response)).toMatchObject({ status: 400 });
    else {
      await expectAnswer(response, answer({ deadLettered: 1 }));
      expect(await letters()).toMatchObject([{ reason: "topicNotAllowed" }]);
    }
  });

  it("to a payload over the limit is what ends it", async () => {
    const { send, letters } = open(broker, {}, { limits: { payloadBytesMax: 10 } });
    const response = await send(published(validMetrics));
    if (!keeps) expect(await problemOf(response)).toMatchObject({ status: 413 });
    else {
      await expectAnswer(response, answer({ deadLettered: 1 }));
      expect(await letters()).toMatchObject([{ reason: "tooLarge" }]);
    }
  });

  it("to a body over the limit is 413, to another content type 415", async () => {
    const { send } = open(broker, {}, { limits: { bodyBytesMax: 10 } });
    expect(await problemOf(await send(published(validMetrics)))).toMatchObject({ status: 413 });
    expect(await problemOf(await send("x", { "Content-Type": "text/plain" }))).toMatchObject({ status: 415 });
  });

  it("to a wrong credential is 401", async () => {
    const { send } = open(
      broker,
      { authentication: { method: "Bearer", token: { env: "TOKEN" } } },
      { secrets: { TOKEN: ["right"] } },
    );
    const response = await send(published(validMetrics), { Authorization: "Bearer wrong" });
    expect(await problemOf(response)).toMatchObject({ status: 401 });
  });

  it.each([
    ["a full store", { wrapStore: failing(new StoreFullError("Cannot append: it is full")) }],
    ["a failing store", { wrapStore: failing(new Error("disk I/O error")) }],
    ["no place for a request", { limits: { concurrentRequestsMax: 0 } }],
  ])("to a message that meets %s is 503 with Retry-After", async (_name, options) => {
    const { send, status } = open(broker, {}, options);
    for (const body of [published(validMetrics), published("{}")]) {
      const response = await send(body);
      expect(await problemOf(response)).toMatchObject({ status: 503 });
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    }
    expect(await status()).toMatchObject({ received: 0 });
  });

  it("to a message that meets a stopping gateway is 503 with Retry-After", async () => {
    const { send, state } = open(broker);
    state.stopping = true;
    const response = await send(published(validMetrics));
    expect(await problemOf(response)).toMatchObject({ status: 503 });
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  });

  it("comes before it stops waiting", () => {
    const { patienceMs } = adapters[broker.name]({});
    expect(patienceMs).toBeGreaterThan(0);
    expect(patienceMs).toBeLessThan(5000);
  });
});

describe("the answer to a hook of VerneMQ", () => {
  it.each(["auth_on_publish", "auth_on_publish_m5", "on_deliver", "on_register", "on_client_gone"])(
    "%s grants nothing, and nothing is received",
    async (name) => {
      const broker = brokers[1] as Broker;
      const { send, status } = open(broker);
      for (const body of [broker.published(validMetrics), broker.lifecycle, "hello"]) {
        await expectAnswer(await send(body, { "vernemq-hook": name }), { result: "next" });
      }
      expect(await status()).toMatchObject({ received: 0, ignored: 3 });
    },
  );
});
