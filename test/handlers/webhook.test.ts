import { describe, expect, it } from "vitest";
import { StoreFullError } from "../../pipeline/errors.ts";
import type { BatchStore } from "../../pipeline/store/batch-store.ts";
import { createTestApp, problemOf, sourceConfig, validMetrics } from "../support/app.ts";

const counts = { accepted: 0, duplicates: 0, expired: 0, filtered: 0, deadLettered: 0 };
const envelope = (fields: Record<string, unknown> = {}) => ({
  topic: "plant/a",
  payload: JSON.parse(validMetrics),
  ...fields,
});
const json = { "Content-Type": "application/json" };

function failingStore(error: Error): (store: BatchStore) => BatchStore {
  return (store) => ({ ...store, append: () => Promise.reject(error) });
}

describe("POST /webhooks/:source", () => {
  it.each(["/webhooks/raw", "/webhooks/raw/"])(
    "%s answers 200 with the counts once it is stored",
    async (path) => {
      const { post, status } = createTestApp();
      const response = await post(path, validMetrics);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(await response.json()).toEqual({ ...counts, accepted: 1 });
      expect(await status()).toMatchObject({ received: 1, accepted: 1 });
    },
  );

  it("keeps a payload that breaks the schema as a dead letter and acknowledges it", async () => {
    const { post, store } = createTestApp();
    const response = await post(
      "/webhooks/raw",
      '{"metrics":[{"name":"t","type":"u64_counter","value":-1}]}',
    );
    expect(await response.json()).toEqual({ ...counts, deadLettered: 1 });
    const [letter] = await store.deadLetters.list({ afterId: 0, limit: 10 });
    expect(letter).toMatchObject({ reason: "invalidPayload", path: "metrics[0].value", lane: undefined });
  });

  it("takes an empty body for an invalid payload", async () => {
    const { post } = createTestApp();
    expect(await (await post("/webhooks/raw", "")).json()).toEqual({ ...counts, deadLettered: 1 });
  });

  it("stores the neighbours of a broken element", async () => {
    const { post, store } = createTestApp();
    const body = JSON.stringify([envelope(), { topic: "a/#", payload: {} }, envelope({ topic: "plant/b" })]);
    const response = await post("/webhooks/mqtt", body, json);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ ...counts, accepted: 2, deadLettered: 1 });
    const [letter] = await store.deadLetters.list({ afterId: 0, limit: 10 });
    expect(letter).toMatchObject({ reason: "invalidEnvelope", path: "[1]" });
  });

  it("stores the neighbours of an element outside the Topic Filters", async () => {
    const source = sourceConfig({ name: "mqtt", adapter: "mqtt", topicFilters: ["plant/#"] });
    const { post, store } = createTestApp({ sources: [source] });
    const response = await post(
      "/webhooks/mqtt",
      JSON.stringify([envelope(), envelope({ topic: "home/a" })]),
      json,
    );
    expect(await response.json()).toEqual({ ...counts, accepted: 1, deadLettered: 1 });
    const [letter] = await store.deadLetters.list({ afterId: 0, limit: 10 });
    expect(letter).toMatchObject({ reason: "topicNotAllowed", path: "topic" });
  });

  it("refuses a single message outside the Topic Filters with 400", async () => {
    const { post, status } = createTestApp({ sources: [sourceConfig({ topicFilters: ["home/#"] })] });
    const response = await post("/webhooks/raw", validMetrics);
    expect(await problemOf(response)).toMatchObject({ status: 400, errors: [{ path: "topic" }] });
    expect(await status()).toMatchObject({ received: 0, refused: { badEnvelope: 1 } });
  });

  it("counts what has expired on arrival", async () => {
    const { post, clock, status } = createTestApp();
    const publishedAt = new Date(clock.nowUs() / 1000 - 30_000).toISOString();
    const headers = { "Mqtt-Published-At": publishedAt, "Mqtt-Message-Expiry-Interval": "30" };
    expect(await (await post("/webhooks/raw", validMetrics, headers)).json()).toEqual({
      ...counts,
      expired: 1,
    });
    const later = { ...headers, "Mqtt-Message-Expiry-Interval": "31" };
    expect(await (await post("/webhooks/raw", validMetrics, later)).json()).toEqual({
      ...counts,
      accepted: 1,
    });
    expect(await status()).toMatchObject({ received: 2, expiredOnArrival: 1, accepted: 1 });
  });

  it("reports duplicates when the webhook is repeated, and a message id used for something else", async () => {
    const { post, status } = createTestApp();
    const headers = { "Mqtt-Message-Id": "m-1", "Mqtt-Client-Id": "c" };
    await post("/webhooks/raw", validMetrics, headers);
    expect(await (await post("/webhooks/raw", validMetrics, headers)).json()).toEqual({
      ...counts,
      duplicates: 1,
    });
    expect(await (await post("/webhooks/raw", '{"metrics":[]}', headers)).json()).toEqual({
      ...counts,
      accepted: 1,
    });
    expect(await status()).toMatchObject({ received: 3, accepted: 2, duplicates: 1, idConflicts: 1 });
  });

  it("takes a broken message that is repeated for a duplicate", async () => {
    const { post } = createTestApp();
    const headers = { "Mqtt-Message-Id": "m-1" };
    await post("/webhooks/raw", "{", headers);
    expect(await (await post("/webhooks/raw", "{", headers)).json()).toEqual({ ...counts, duplicates: 1 });
  });

  it("acknowledges a lifecycle event and counts it as ignored", async () => {
    const { post, status } = createTestApp();
    const event = { event: "client.connected", clientid: "c", node: "emqx@127.0.0.1" };
    const response = await post("/webhooks/emqx", JSON.stringify(event), json);
    expect(response.status).toBe(200);
    expect(await status()).toMatchObject({ received: 0, ignored: 1 });
  });

  it("refuses a body that is no envelope with 400 and the fields at fault", async () => {
    const { post, status } = createTestApp();
    const response = await post("/webhooks/mqtt", '{"topic":"plant/a"}', json);
    expect((await problemOf(response)).errors?.length).toBeGreaterThan(0);
    expect(response.status).toBe(400);
    expect(await status()).toMatchObject({ refused: { badEnvelope: 1 } });
  });

  it("refuses a wrong content type and an encoded body with 415", async () => {
    const { post } = createTestApp();
    const type = await post("/webhooks/mqtt", JSON.stringify(envelope()), { "Content-Type": "text/csv" });
    expect(await problemOf(type)).toMatchObject({ status: 415 });
    const plain = await post("/webhooks/raw", validMetrics, { "Content-Encoding": "Identity" });
    expect(plain.status).toBe(200);
    const encoded = await post("/webhooks/raw", validMetrics, { "Content-Encoding": "gzip" });
    expect(await problemOf(encoded)).toMatchObject({ status: 415 });
  });

  it("answers 404 for an unknown source", async () => {
    const { post } = createTestApp();
    expect(await problemOf(await post("/webhooks/nobody", validMetrics))).toMatchObject({ status: 404 });
  });

  it.each(["GET", "OPTIONS", "PUT", "DELETE"])("answers 405 with Allow to %s", async (method) => {
    const { app } = createTestApp();
    const response = await app.request("/webhooks/raw", { method });
    expect(response.headers.get("allow")).toBe("POST");
    expect(await problemOf(response)).toMatchObject({ status: 405 });
  });

  it("answers 413 to a body over the limit and reads it to its end", async () => {
    const { post, status } = createTestApp({ limits: { bodyBytesMax: 1000 } });
    let chunksLeft = 12;
    const body = new ReadableStream({
      pull(controller) {
        if (chunksLeft === 0) return controller.close();
        chunksLeft -= 1;
        controller.enqueue(new Uint8Array(500));
      },
    });
    const init = { method: "POST", body, duplex: "half", headers: { "Mqtt-Topic": "plant/a" } };
    const { app } = createTestApp({ limits: { bodyBytesMax: 1000 } });
    expect(await problemOf(await app.request("/webhooks/raw", init))).toMatchObject({ status: 413 });
    expect(chunksLeft).toBe(0);
    expect((await post("/webhooks/raw", "x".repeat(1000))).status).toBe(200);
    expect((await post("/webhooks/raw", "x".repeat(1001))).status).toBe(413);
    expect(await status()).toMatchObject({ refused: { tooLarge: 1 } });
  });

  it.each([1, 7, 999, 1000])("puts a body together from chunks of %i bytes", async (size) => {
    const { app, store } = createTestApp({ limits: { bodyBytesMax: 1000 } });
    const sent = Uint8Array.from({ length: 1000 }, (_, index) => index);
    let at = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (at >= sent.length) return controller.close();
        controller.enqueue(sent.slice(at, at + size));
        at += size;
      },
    });
    const init = { method: "POST", body, duplex: "half", headers: { "Mqtt-Topic": "plant/a" } };
    expect((await app.request("/webhooks/raw", init)).status).toBe(200);
    const [letter] = await store.deadLetters.list({ afterId: 0, limit: 1 });
    expect(letter?.message.payload).toEqual(sent);
  });

  it("does not read a body that has no end", async () => {
    const { app } = createTestApp({ limits: { bodyBytesMax: 1000 } });
    const body = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1000)) });
    const init = { method: "POST", body, duplex: "half", headers: { "Mqtt-Topic": "plant/a" } };
    expect((await app.request("/webhooks/raw", init)).status).toBe(413);
  });

  it("answers 413 to one payload over the limit, and buries it in an array", async () => {
    const { post, store } = createTestApp({ limits: { payloadBytesMax: 100 } });
    expect((await post("/webhooks/raw", "x".repeat(101))).status).toBe(413);
    const body = JSON.stringify([
      envelope({ payload: "x".repeat(101) }),
      envelope({ payload: { metrics: [] } }),
    ]);
    const response = await post("/webhooks/mqtt", body, json);
    expect(await response.json()).toEqual({ ...counts, accepted: 1, deadLettered: 1 });
    expect(await store.deadLetters.list({ afterId: 0, limit: 10 })).toMatchObject([{ reason: "tooLarge" }]);
  });

  it("answers 400 when the connection ends before the body does", async () => {
    const { app } = createTestApp();
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
    const init = { method: "POST", body, duplex: "half", headers: { "Mqtt-Topic": "plant/a" } };
    expect((await app.request("/webhooks/raw", init)).status).toBe(400);
  });
});

describe("what is turned away for now", () => {
  it.each([503, 429] as const)("a full store gets %i with Retry-After", async (retryStatus) => {
    const detail = "Cannot store the messages: the store's quota is used up, limit is 10 bytes";
    const { post, status, logger } = createTestApp({
      sources: [sourceConfig({ retryStatus })],
      wrapStore: failingStore(new StoreFullError(detail)),
    });
    const response = await post("/webhooks/raw", validMetrics);
    expect(await problemOf(response)).toMatchObject({ status: retryStatus, detail });
    expect(logger.lines).toMatchObject([{ fields: { reason: "storeFull", detail } }]);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await status()).toMatchObject({ refused: { storeFull: 1 } });
  });

  it("an unexpected failure gets 503 without its text, and is logged", async () => {
    const { post, logger, status } = createTestApp({
      wrapStore: failingStore(new Error("disk I/O error at /var/secret/path")),
    });
    const response = await post("/webhooks/raw", validMetrics);
    expect(response.status).toBe(503);
    expect(await response.text()).not.toContain("/var");
    await post("/webhooks/raw", validMetrics);
    expect(logger.lines.filter(({ level }) => level === "error")).toHaveLength(1);
    expect(await status()).toMatchObject({ refused: { overloaded: 2 } });
  });

  it("a stopping gateway gets 503, a draining one still serves", async () => {
    const { post, state, status } = createTestApp();
    state.draining = true;
    expect((await post("/webhooks/raw", validMetrics)).status).toBe(200);
    state.stopping = true;
    expect((await post("/webhooks/raw", validMetrics)).status).toBe(503);
    expect(await status()).toMatchObject({ accepted: 1, refused: { stopping: 1 } });
  });

  it("one request over the limit gets 503, and the place is free again afterwards", async () => {
    const release = Promise.withResolvers<void>();
    const { post, status } = createTestApp({
      limits: { concurrentRequestsMax: 1 },
      wrapStore: (store) => ({
        ...store,
        async append(arrivals) {
          await release.promise;
          return store.append(arrivals);
        },
      }),
    });
    const first = post("/webhooks/raw", validMetrics);
    expect((await post("/webhooks/raw", validMetrics)).status).toBe(503);
    release.resolve();
    expect((await first).status).toBe(200);
    expect((await post("/webhooks/raw", validMetrics)).status).toBe(200);
    expect(await status()).toMatchObject({ accepted: 2, refused: { overloaded: 1 } });
  });

  it("arrays of more elements than there is memory for get 503, however short they are", async () => {
    const release = Promise.withResolvers<void>();
    const { app } = createTestApp({
      limits: { bodyBytesMax: 200_000 },
      wrapStore: (store) => ({
        ...store,
        append: (arrivals) => release.promise.then(() => store.append(arrivals)),
      }),
    });
    const body = `[${"0,".repeat(65_535)}0]`;
    const post = async () =>
      (await app.request("/webhooks/mqtt", { method: "POST", body, headers: json })).status;
    const waiting = [post(), post(), post()];
    expect(await post()).toBe(503);
    release.resolve();
    expect(await Promise.all(waiting)).toEqual([200, 200, 200]);
  });
});
