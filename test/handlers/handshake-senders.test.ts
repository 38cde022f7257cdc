/** Handshakes as the senders of the built-in adapters make them, through the whole app. */
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestApp, problemOf, sourceConfig } from "../support/app.ts";

const internet = setupServer();
beforeAll(() => internet.listen({ onUnhandledRequest: "error" }));
afterAll(() => internet.close());

const bearer = { method: "Bearer", token: { env: "TOKEN" } } as const;
const secrets = { TOKEN: ["secret"] };
const authorized = { Authorization: "Bearer secret" };

describe("a CloudEvents web hook", () => {
  const open = (allowedOrigins: string[] = []) =>
    createTestApp({
      sources: [
        sourceConfig({ name: "grid", adapter: "cloudevents", authentication: bearer, allowedOrigins }),
        sourceConfig({
          name: "hidden",
          adapter: "cloudevents",
          authentication: { method: "UrlSecret", secret: { env: "TOKEN" }, parameter: "secret" },
        }),
      ],
      secrets,
    });
  const ask = (origin: string) => ({ method: "OPTIONS", headers: { "WebHook-Request-Origin": origin } });

  it("is allowed without a credential, also at an address with a secret", async () => {
    const { app } = open();
    for (const path of ["/webhooks/grid", "/webhooks/grid?access_token=x", "/webhooks/hidden/secret"]) {
      const response = await app.request(path, ask("eventgrid.azure.net"));
      expect(response.status).toBe(200);
      expect(response.headers.get("webhook-allowed-origin")).toBe("eventgrid.azure.net");
      expect(response.headers.get("allow")).toBe("POST");
    }
  });

  it("is not allowed to an origin that the configuration does not name", async () => {
    const { app, status } = open(["eventgrid.azure.net"]);
    expect((await app.request("/webhooks/grid", ask("eventgrid.azure.net"))).status).toBe(200);
    const refused = await app.request("/webhooks/grid", ask("evil.example"));
    expect(refused.headers.get("webhook-allowed-origin")).toBeNull();
    expect(await problemOf(refused)).toMatchObject({ status: 403 });
    expect(await status()).toMatchObject({ refused: { unauthorized: 1 } });
  });

  it("that names no origin is 405 with what the source takes", async () => {
    const { app } = open();
    const response = await app.request("/webhooks/grid", { method: "OPTIONS" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST, OPTIONS"]);
  });

  it("posts with its token in the query, which no message shows", async () => {
    const { app, store } = open();
    const body = JSON.stringify({
      specversion: "1.0",
      id: "1",
      source: "s",
      type: "t",
      subject: "plant/a",
      datacontenttype: "application/json",
      data: { metrics: [{ name: "x", type: "none" }] },
    });
    const headers = { "Content-Type": "application/cloudevents+json" };
    const post = (token: string) =>
      app.request(`/webhooks/grid?access_token=${token}`, { method: "POST", body, headers });
    expect((await post("wrong")).status).toBe(401);
    const response = await post("secret");
    expect([response.status, await response.json()]).toMatchObject([200, { deadLettered: 1 }]);
    const [letter] = await store.deadLetters.list({ afterId: 0, limit: 1 });
    expect(JSON.stringify(letter?.message)).not.toContain("secret");
  });
});

describe("an Event Grid subscription", () => {
  const body = JSON.stringify([
    { eventType: "Microsoft.EventGrid.SubscriptionValidationEvent", data: { validationCode: "c-1" } },
  ]);
  const headers = { "aeg-event-type": "SubscriptionValidation", "Content-Type": "application/json" };

  it("gets its code back when its credential is right", async () => {
    const { app, status } = createTestApp({
      sources: [sourceConfig({ name: "grid", adapter: "cloudevents", authentication: bearer })],
      secrets,
    });
    expect((await app.request("/webhooks/grid", { method: "POST", body, headers })).status).toBe(401);
    const answer = await app.request("/webhooks/grid", {
      method: "POST",
      body,
      headers: { ...headers, ...authorized },
    });
    expect([answer.status, await answer.json()]).toEqual([200, { validationResponse: "c-1" }]);
    expect(await status()).toMatchObject({ received: 0 });
  });
});

describe("an AWS IoT destination", () => {
  const host = "iot.eu-central-1.amazonaws.com";
  const enableUrl = `https://${host}/confirmdestination/AYAD-token`;
  const init = {
    method: "POST",
    body: JSON.stringify({
      arn: "arn:aws:iot:eu-central-1:111122223333:ruledestination/http/1",
      confirmationToken: "AYAD-token",
      enableUrl,
      messageType: "DestinationConfirmation",
    }),
    headers: {
      "x-amz-rules-engine-message-type": "DestinationConfirmation",
      "Content-Type": "application/json",
      ...authorized,
    },
  };
  const open = (confirmationHosts: string[]) =>
    createTestApp({
      sources: [sourceConfig({ name: "aws", adapter: "aws-iot", authentication: bearer, confirmationHosts })],
      secrets,
    });
  const path = "/webhooks/aws/?confirmationToken=AYAD-token";

  it("is confirmed at a host that the configuration names", async () => {
    const confirmed = Promise.withResolvers<string>();
    internet.use(
      http.get(enableUrl, ({ request }) => {
        confirmed.resolve(request.url);
        return new HttpResponse();
      }),
    );
    const { app, logger } = open([host]);
    expect((await app.request(path, { ...init, headers: {} })).status).toBe(401);
    expect((await app.request(path, init)).status).toBe(200);
    expect(await confirmed.promise).toBe(enableUrl);
    await expect.poll(() => logger.lines.at(-1)?.message).toBe("A confirmation was fetched");
    expect(JSON.stringify(logger.lines)).not.toContain("AYAD");
  });

  it("is left to the operator when the configuration names no host", async () => {
    const { app, logger } = open([]);
    expect((await app.request(path, init)).status).toBe(200);
    expect(logger.lines).toMatchObject([
      { level: "info", fields: { notice: expect.stringContaining(enableUrl) } },
    ]);
  });
});
