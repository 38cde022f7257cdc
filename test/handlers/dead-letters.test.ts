import { describe, expect, it } from "vitest";
import { createTestApp, lanes, problemOf, type TestApp, validMetrics } from "../support/app.ts";

interface Page {
  items: Record<string, unknown>[];
  next: number | null;
}

async function list({ app }: TestApp, query = ""): Promise<Page> {
  return (await (await app.request(`/dead-letters${query}`)).json()) as Page;
}

/** A message that a receiver refused. */
async function buryInLane(test: TestApp) {
  await test.post("/webhooks/raw", validMetrics);
  const lane = test.store.lane(lanes[0] ?? { destination: "", signal: "metrics" });
  const [message] = await lane.read(0, 10);
  const id = message?.id ?? 0;
  await lane.seal({ firstId: id, lastId: id, sealedAtUs: 1 });
  await lane.settle({
    kind: "dead",
    messageId: id,
    reason: "refused",
    detail: "Said no",
    possiblyDelivered: true,
    expired: 0,
  });
}

describe("GET /dead-letters", () => {
  it("lists what died on arrival with the reason and the place", async () => {
    const test = createTestApp();
    await test.post("/webhooks/raw", '{"metrics":1}', { "Mqtt-Client-Id": "c", "Mqtt-User-Property": "a=b" });
    expect(await list(test)).toEqual({
      items: [
        {
          id: expect.any(Number),
          diedAt: "2026-01-05T10:00:00.000Z",
          arrivedAt: "2026-01-05T10:00:00.000Z",
          stage: "arrival",
          destination: null,
          signal: null,
          reason: "invalidPayload",
          path: "metrics",
          detail: expect.any(String),
          possiblyDelivered: false,
          source: "raw",
          topic: "plant/a",
          clientId: "c",
          userProperties: [["a", "b"]],
          payload: '{"metrics":1}',
        },
      ],
      next: null,
    });
  });

  it("gives a payload that is no UTF-8 as base64", async () => {
    const test = createTestApp();
    await test.post("/webhooks/raw", new Uint8Array([0xff, 0xfe]));
    const [item] = (await list(test)).items;
    expect(item).toMatchObject({ payloadBase64: "//4=" });
    expect(item).not.toHaveProperty("payload");
  });

  it("tells which lane refused a message", async () => {
    const test = createTestApp();
    await buryInLane(test);
    expect((await list(test)).items).toMatchObject([
      {
        stage: "delivery",
        destination: "collector",
        signal: "metrics",
        reason: "refused",
        possiblyDelivered: true,
      },
    ]);
  });

  it("pages with after and limit, oldest first, and past its own slices", async () => {
    const test = createTestApp();
    for (let index = 0; index < 61; index += 1) await test.post("/webhooks/raw", `{${index}`);
    const first = await list(test, "?limit=60");
    expect(first.items).toHaveLength(60);
    expect(first.items[0]).toMatchObject({ payload: "{0" });
    const second = await list(test, `?limit=60&after=${first.next}`);
    expect(second).toMatchObject({ items: [{ payload: "{60" }], next: null });
  });

  it("ends a page after 8 MiB of payload, whatever the limit", async () => {
    const test = createTestApp({
      limits: { bodyBytesMax: 4_000_000, payloadBytesMax: 4_000_000 },
      storeOptions: { bytesMax: 1e9, deadLetterBytesMax: 1e9 },
    });
    for (let index = 0; index < 4; index += 1) await test.post("/webhooks/raw", "x".repeat(4_000_000));
    const first = await list(test);
    expect(first.items).toHaveLength(3);
    expect((await list(test, `?after=${first.next}`)).items).toHaveLength(1);
  });

  it("filters by source and reason", async () => {
    const test = createTestApp();
    await test.post("/webhooks/raw", "{");
    expect((await list(test, "?source=raw&reason=invalidPayload")).items).toHaveLength(1);
    expect((await list(test, "?source=mqtt")).items).toHaveLength(0);
    expect((await list(test, "?reason=refused")).items).toHaveLength(0);
  });

  it.each(["?limit=0", "?limit=1001", "?after=-1", "?after=x", "?reason=bored", "?unknown=1"])(
    "refuses %s",
    async (query) => {
      const problem = await problemOf(await createTestApp().app.request(`/dead-letters${query}`));
      expect(problem).toMatchObject({ status: 400 });
      expect(problem.errors).toHaveLength(1);
    },
  );
});

describe("/dead-letters/:id", () => {
  it("shows and deletes one", async () => {
    const test = createTestApp();
    await test.post("/webhooks/raw", "{");
    const id = (await list(test)).items[0]?.id;
    expect(await (await test.app.request(`/dead-letters/${id}`)).json()).toMatchObject({ id, payload: "{" });
    expect((await test.app.request(`/dead-letters/${id}`, { method: "DELETE" })).status).toBe(204);
    expect(await list(test)).toEqual({ items: [], next: null });
  });

  it.each([
    ["GET", "/dead-letters/77"],
    ["DELETE", "/dead-letters/77"],
    ["POST", "/dead-letters/77/replay"],
    ["GET", "/dead-letters/x"],
    ["GET", "/dead-letters/1e99"],
  ])("%s %s answers 404", async (method, path) => {
    expect(await problemOf(await createTestApp().app.request(path, { method }))).toMatchObject({
      status: 404,
    });
  });
});

describe("POST /dead-letters/:id/replay", () => {
  it("queues what a receiver refused again for its lane only", async () => {
    const test = createTestApp();
    await buryInLane(test);
    const id = (await list(test)).items[0]?.id;
    const response = await test.app.request(`/dead-letters/${id}/replay`, { method: "POST" });
    expect([response.status, await response.json()]).toEqual([200, { replayed: id }]);
    expect(await test.status()).toMatchObject({
      received: 1,
      accepted: 1,
      deadLetters: { kept: 0 },
      destinations: { collector: { metrics: { owed: 2, deadLettered: 1, pending: 1 }, logs: { owed: 0 } } },
    });
  });

  it("keeps what is still invalid and says why", async () => {
    const test = createTestApp();
    await test.post("/webhooks/raw", '{"metrics":1}');
    const id = (await list(test)).items[0]?.id;
    const response = await test.app.request(`/dead-letters/${id}/replay`, { method: "POST" });
    expect(await problemOf(response)).toMatchObject({ status: 422, errors: [{ path: "metrics" }] });
    expect((await list(test)).items).toHaveLength(1);
  });
});
