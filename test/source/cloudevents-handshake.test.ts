import { describe, expect, it } from "vitest";
import { createCloudEventsAdapter } from "../../pipeline/source/cloudevents.ts";
import { webhookRequest } from "./request.ts";

function answer(
  method: string,
  headers: Record<string, string>,
  { body = "", allowedOrigins = [] as string[] } = {},
) {
  const adapter = createCloudEventsAdapter({ allowedOrigins });
  return adapter.handshake?.answer({ ...webhookRequest(body, headers), method });
}

describe("the handshake of a web hook", () => {
  const ask = (origin: string, allowedOrigins: string[] = []) =>
    answer("OPTIONS", { "WebHook-Request-Origin": origin }, { allowedOrigins });
  const allowed = (origin: string) => ({
    status: 200,
    headers: { Allow: "POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*" },
  });

  it("allows any origin when the configuration names none", () => {
    expect(ask("eventgrid.azure.net")).toEqual(allowed("eventgrid.azure.net"));
    expect(ask("eventemitter.example.com:8443")).toEqual(allowed("eventemitter.example.com:8443"));
  });

  it("allows the origins that the configuration names, and no others", () => {
    expect(ask("EventGrid.azure.net", ["a", "eventgrid.azure.net"])).toEqual(allowed("EventGrid.azure.net"));
    for (const origin of ["azure.net", "eventgrid.azure.net.example", "b", "*"]) {
      expect(ask(origin, ["a", "eventgrid.azure.net"])).toEqual({
        status: 403,
        notice: `Cannot allow events of origin "${origin}": it is not among allowedOrigins`,
      });
    }
  });

  it.each(["", "two names", "ü", "x".repeat(256), "a,b c"])("refuses '%s', which is no origin", (origin) => {
    expect(ask(origin)).toEqual({ status: 400 });
  });

  it("is no handshake without an origin, or by another method", () => {
    expect(answer("OPTIONS", {})).toBeUndefined();
    expect(answer("OPTIONS", { Origin: "https://example.com" })).toBeUndefined();
    expect(answer("GET", { "WebHook-Request-Origin": "a" })).toBeUndefined();
    expect(answer("POST", { "WebHook-Request-Origin": "a" })).toBeUndefined();
    expect(createCloudEventsAdapter({}).handshake?.methods).toEqual(["OPTIONS"]);
  });
});

describe("the validation of an Event Grid subscription", () => {
  const headers = { "aeg-event-type": "SubscriptionValidation", "aeg-subscription-name": "READINGS" };
  const validation = JSON.stringify([
    {
      id: "2d17",
      topic: "/subscriptions/1",
      subject: "",
      eventType: "Microsoft.EventGrid.SubscriptionValidationEvent",
      eventTime: "2026-01-01T00:00:00Z",
      metadataVersion: "1",
      dataVersion: "1",
      data: {
        validationCode: "512d38b6-c7b8-40c8-89fe-f46f9e9622b6",
        validationUrl: "https://rp-eastus.eventgrid.azure.net:553/eventsubscriptions/x/validate",
      },
    },
  ]);
  const accepted = { status: 200, body: { validationResponse: "512d38b6-c7b8-40c8-89fe-f46f9e9622b6" } };

  it("is answered with its code", () => {
    expect(answer("POST", headers, { body: validation })).toEqual(accepted);
  });

  it("is answered for the subscriptions that the configuration names, and no others", () => {
    const validate = (allowedOrigins: string[]) =>
      answer("POST", headers, { body: validation, allowedOrigins });
    expect(validate(["readings"])).toEqual(accepted);
    expect(validate(["eventgrid.azure.net"])).toMatchObject({
      status: 403,
      notice: expect.stringContaining('subscription "READINGS"'),
    });
    const { "aeg-subscription-name": _, ...nameless } = headers;
    expect(answer("POST", nameless, { body: validation, allowedOrigins: ["a"] })).toMatchObject({
      status: 403,
    });
  });

  it.each([
    "",
    "{",
    "[]",
    "{}",
    "null",
    '[{"data":{}}]',
    '[{"data":{"validationCode":7}}]',
    `${validation},`,
  ])("is refused when its body is '%s'", (body) => {
    expect(answer("POST", headers, { body })).toEqual({ status: 400 });
  });

  it("is what its header says, by POST alone", () => {
    expect(answer("POST", { "aeg-event-type": "Notification" }, { body: validation })).toBeUndefined();
    expect(answer("POST", {}, { body: validation })).toBeUndefined();
    expect(answer("GET", headers, { body: validation })).toBeUndefined();
  });
});
