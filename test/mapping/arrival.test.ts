import { describe, expect, it } from "vitest";
import { createTestApp, problemOf, sourceConfig, type TestApp } from "../support/app.ts";
import { metric, rules } from "./support.ts";

const filtering = rules({ metrics: [metric()], filter: { inputs: ["v"], expression: "$1 < 0" } });

function envelope(...values: [number | string, messageId?: string][]) {
  return JSON.stringify(values.map(([v, messageId]) => ({ topic: "t", messageId, payload: { v } })));
}

async function post(test: TestApp, body: string) {
  const headers = { "content-type": "application/json" };
  return (await (await test.post("/webhooks/mqtt", body, headers)).json()) as object;
}

async function deadLetters({ app }: TestApp) {
  return (await (await app.request("/dead-letters")).json()) as { items: { id: number }[] };
}

describe("a message that a mapping filters", () => {
  it("is acknowledged and counted, beside others of its request", async () => {
    const test = createTestApp({ mappings: [filtering] });
    const body = envelope([1, "a"], [-1, "b"], [-1, "b"], [-2], ["x"]);
    expect(await post(test, body)).toEqual({
      accepted: 1,
      duplicates: 1,
      expired: 0,
      filtered: 2,
      deadLettered: 1,
    });
    expect(await test.status()).toMatchObject({
      received: 5,
      accepted: 1,
      duplicates: 1,
      filtered: 2,
      deadLetteredOnArrival: 1,
    });
    expect([...test.telemetry.filtered.bySource()]).toEqual([{ source: "mqtt", reason: "filter", count: 2 }]);
  });

  it("is no message that a lane owes", async () => {
    const test = createTestApp({ mappings: [filtering] });
    await post(test, envelope([-1]));
    expect((await test.store.ledger()).lanes.map(({ owed }) => owed)).toEqual([0, 0]);
  });

  it("has expired where it has", async () => {
    const test = createTestApp({ mappings: [filtering] });
    const body = JSON.stringify({ topic: "t", payload: { v: -1 }, properties: { messageExpiryInterval: 0 } });
    expect(await post(test, body)).toMatchObject({ expired: 1, filtered: 0 });
  });
});

describe("a dead letter of a mapping", () => {
  it("says the rule, the path, what was met and what was wanted", async () => {
    const test = createTestApp({ mappings: [filtering] });
    await post(test, envelope(["x"]));
    expect((await deadLetters(test)).items).toMatchObject([
      {
        stage: "arrival",
        reason: "invalidPayload",
        path: "v",
        detail: expect.stringMatching(/^Cannot .*met .*, wanted .* \(filter of Mapping thermostat\)$/),
        payload: '{"v":"x"}',
      },
    ]);
  });

  it("is not replayed into a filter", async () => {
    const source = sourceConfig({ name: "mqtt", adapter: "mqtt" });
    const test = createTestApp({ mappings: [filtering], sources: [source] });
    await post(test, envelope(["-5"]));
    const [letter] = (await deadLetters(test)).items;
    source.lenient = true;
    const answer = await test.app.request(`/dead-letters/${letter?.id}/replay`, { method: "POST" });
    expect(answer.status).toBe(422);
    expect((await problemOf(answer)).detail).toBe(
      "Cannot replay: a filter drops the message now; delete the dead letter",
    );
    expect((await deadLetters(test)).items).toHaveLength(1);
  });
});
