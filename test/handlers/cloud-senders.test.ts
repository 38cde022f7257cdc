import { describe, expect, it } from "vitest";
import { createTestApp, sourceConfig, validMetrics } from "../support/app.ts";

const structured = { "Content-Type": "application/cloudevents+json" };

function open(fields: Parameters<typeof sourceConfig>[0]) {
  const test = createTestApp({ sources: [sourceConfig({ name: "cloud", ...fields })] });
  const ask = (method: string, headers: Record<string, string>) =>
    test.app.request("/webhooks/cloud", { method, headers });
  const post = async (body: unknown, headers: Record<string, string> = structured) => {
    const response = await test.post("/webhooks/cloud", JSON.stringify(body), headers);
    return { status: response.status, counts: await response.json() };
  };
  return { ...test, ask, post };
}

const event = {
  specversion: "1.0",
  id: "42",
  source: "/plant/1",
  type: "t",
  data: JSON.parse(validMetrics) as unknown,
};

describe("a source of CloudEvents", () => {
  it("allows an origin by OPTIONS, without a credential", async () => {
    const { ask } = open({ adapter: "cloudevents", allowedOrigins: ["eventgrid.azure.net"] });
    const response = await ask("OPTIONS", { "WebHook-Request-Origin": "eventgrid.azure.net" });
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      allow: "POST",
      "webhook-allowed-origin": "eventgrid.azure.net",
      "webhook-allowed-rate": "*",
    });
    expect((await ask("OPTIONS", { "WebHook-Request-Origin": "example.com" })).status).toBe(403);
    expect((await ask("OPTIONS", {})).status).toBe(405);
    expect((await ask("GET", { "WebHook-Request-Origin": "eventgrid.azure.net" })).status).toBe(405);
  });

  it("sends the code of a subscription back", async () => {
    const { post, status } = open({ adapter: "cloudevents" });
    const validation = [{ data: { validationCode: "512d38b6" } }];
    expect(await post(validation, { "aeg-event-type": "SubscriptionValidation" })).toEqual({
      status: 200,
      counts: { validationResponse: "512d38b6" },
    });
    expect(await status()).toMatchObject({ received: 0, ignored: 0 });
  });

  it("ignores that a subscription is gone", async () => {
    const { post, status } = open({ adapter: "cloudevents" });
    expect((await post([], { "aeg-event-type": "SubscriptionDeletion" })).status).toBe(200);
    expect(await status()).toMatchObject({ received: 0, ignored: 1 });
  });

  it("takes an event once", async () => {
    const { post } = open({ adapter: "cloudevents" });
    expect(await post(event)).toMatchObject({ counts: { accepted: 1 } });
    expect(await post([event, { ...event, id: "43" }])).toMatchObject({
      counts: { accepted: 1, duplicates: 1 },
    });
  });

  it("counts an event as expired from its expiry time on, to the microsecond", async () => {
    const { post, clock } = open({ adapter: "cloudevents" });
    const at = (us: number) =>
      new Date(Math.floor(us / 1000)).toISOString().replace("Z", `${String(us % 1000).padStart(3, "0")}Z`);
    const nowUs = clock.nowUs();
    const expired = { status: 200, counts: { expired: 1 } };
    const accepted = { status: 200, counts: { accepted: 1 } };
    for (const time of [undefined, at(nowUs - 1_500_000)]) {
      expect(await post({ ...event, id: `a${time}`, time, expirytime: at(nowUs) })).toMatchObject(expired);
      expect(await post({ ...event, id: `b${time}`, time, expirytime: at(nowUs + 1) })).toMatchObject(
        accepted,
      );
    }
  });

  it("keeps the broken events of a batch, and refuses one alone", async () => {
    const { post } = open({ adapter: "cloudevents" });
    const broken = { ...event, specversion: "0.3" };
    expect(await post([broken, event])).toMatchObject({ counts: { accepted: 1, deadLettered: 1 } });
    expect((await post(broken)).status).toBe(400);
    expect((await post(event, { "Content-Type": "text/plain" })).status).toBe(415);
  });
});

describe("a source of AWS IoT Core", () => {
  const headers = { "x-amz-rules-engine-message-type": "DestinationConfirmation" };
  const enableUrl = "https://iot.eu-central-1.amazonaws.com/confirmdestination/token";

  it("leaves a confirmation to the operator, who finds it in the log", async () => {
    const { app, logger, status } = open({ adapter: "aws-iot" });
    const body = JSON.stringify({ enableUrl, confirmationToken: "token" });
    const response = await app.request("/webhooks/cloud/?confirmationToken=token", {
      method: "POST",
      headers,
      body,
    });
    expect(response.status).toBe(200);
    expect(JSON.stringify(logger.lines)).toContain(`open ${enableUrl}`);
    expect(await status()).toMatchObject({ received: 0 });
  });

  it("keeps the broken outputs of a batch, and refuses one alone", async () => {
    const { post } = open({ adapter: "aws-iot" });
    const output = { topic: "plant/a", payload: event.data };
    const broken = { ...output, topic: "#" };
    const json = { "Content-Type": "application/json" };
    expect(await post([output, broken], json)).toMatchObject({ counts: { accepted: 1, deadLettered: 1 } });
    expect((await post(broken, json)).status).toBe(400);
    expect((await post(output, { "Content-Type": "text/plain" })).status).toBe(415);
  });
});

describe("a source of any JSON", () => {
  it("reads the fields that its configuration names", async () => {
    const { post } = open({
      adapter: "json",
      fields: { topic: "/t", payload: "/p" },
      topicFilters: ["plant/#"],
    });
    const json = { "Content-Type": "application/json" };
    const message = { t: "plant/a", p: event.data };
    expect(await post(message, json)).toMatchObject({ counts: { accepted: 1 } });
    expect(await post([message, { ...message, t: "other" }], json)).toMatchObject({
      counts: { accepted: 1, deadLettered: 1 },
    });
    expect((await post({ ...message, t: "other" }, json)).status).toBe(400);
  });
});
