import { describe, expect, it } from "vitest";
import { parseTemplate, type Template } from "../../pipeline/attribute-template.ts";
import { EnvelopeError } from "../../pipeline/errors.ts";
import { createCloudEventsAdapter } from "../../pipeline/source/cloudevents.ts";
import { onlyMessage, payloadText, readError, webhookRequest } from "./request.ts";

const adapter = createCloudEventsAdapter({});
const headers = {
  "content-type": "application/cloudevents+json; charset=utf-8",
  "aeg-event-type": "Notification",
};
const request = (body: unknown) => webhookRequest(JSON.stringify(body), headers);
const read = (body: unknown) => onlyMessage(adapter, request(body));
const issues = (body: unknown) => {
  const error = readError(adapter, request(body));
  expect(error).toBeInstanceOf(EnvelopeError);
  return (error as EnvelopeError).issues;
};

describe("an event of Event Grid's broker", () => {
  const published = {
    specversion: "1.0",
    id: "5b1d0a3e-9c2f-4a57-8f3e-2f0f5f9e7c10",
    time: "2026-01-01T00:00:00.1234567Z",
    type: "MQTT.EventPublished",
    source: "factory-ns",
    subject: "plant/1/press-07/metrics",
    clientname: "press-07",
    mqttpfi: 0,
    tenant: "",
    datacontenttype: "application/octet-stream",
    data_base64: "eyJiYXIiOjQuMn0=",
  };

  it("has the message's topic as subject", () => {
    expect(read(published)).toEqual({
      topic: "plant/1/press-07/metrics",
      payload: new TextEncoder().encode('{"bar":4.2}'),
      clientId: "press-07",
      messageId: '["factory-ns","5b1d0a3e-9c2f-4a57-8f3e-2f0f5f9e7c10"]',
      publishedAtUs: 1767225600123456,
      contentType: "application/octet-stream",
      userProperties: [
        ["specversion", "1.0"],
        ["id", "5b1d0a3e-9c2f-4a57-8f3e-2f0f5f9e7c10"],
        ["time", "2026-01-01T00:00:00.1234567Z"],
        ["type", "MQTT.EventPublished"],
        ["source", "factory-ns"],
        ["subject", "plant/1/press-07/metrics"],
        ["clientname", "press-07"],
        ["mqttpfi", "0"],
        ["tenant", ""],
      ],
    });
  });

  it("has the topic as enrichment where the message was an event itself", () => {
    const own = { ...published, type: "com.example", subject: "a#b", mqtttopic: "plant/a" };
    expect(read(own).topic).toBe("plant/a");
  });
});

describe("an event of Event Grid's own schema", () => {
  const own = {
    id: "2d17",
    topic: "/SUBSCRIPTIONS/1/RESOURCEGROUPS/r",
    subject: "plant/a",
    eventType: "com.example.reading",
    eventTime: "2026-01-01T00:00:00Z",
    data: { metrics: [] },
    dataVersion: "1.0",
    metadataVersion: "1",
  };

  it("is read as the CloudEvent that it could be", () => {
    const { elements, isArray } = adapter.read(request([own]));
    expect(isArray).toBe(true);
    expect(elements).toEqual([
      {
        kind: "message",
        message: {
          topic: "plant/a",
          payload: new TextEncoder().encode('{"metrics":[]}'),
          messageId: '["/SUBSCRIPTIONS/1/RESOURCEGROUPS/r","2d17"]',
          publishedAtUs: 1767225600000000,
          userProperties: [
            ["specversion", "1.0"],
            ["id", "2d17"],
            ["source", "/SUBSCRIPTIONS/1/RESOURCEGROUPS/r"],
            ["type", "com.example.reading"],
            ["subject", "plant/a"],
            ["time", "2026-01-01T00:00:00Z"],
          ],
        },
      },
    ]);
  });

  it("is refused without what identifies it", () => {
    expect(issues({ ...own, topic: undefined })).toMatchObject([{ path: "source" }]);
  });

  it("is ignored when it tells that a subscription is gone", () => {
    const deletion = webhookRequest(JSON.stringify([own]), {
      ...headers,
      "aeg-event-type": "SubscriptionDeletion",
    });
    expect(adapter.read(deletion).elements).toEqual([{ kind: "ignored" }]);
  });
});

describe("the patience of Event Grid", () => {
  it("ends after 30 s", () => {
    expect(adapter.patienceMs).toBeLessThan(30_000);
  });
});

describe("an event of IoT Hub", () => {
  const telemetry = {
    specversion: "1.0",
    id: "9af8",
    source: "/SUBSCRIPTIONS/1/hub",
    type: "Microsoft.Devices.DeviceTelemetry",
    subject: "devices/press-07",
    time: "2026-01-01T00:00:01Z",
    data: {
      properties: { tenant: "acme", traceparent: "00-0-0-00" },
      systemProperties: {
        "iothub-connection-device-id": "press-07",
        "iothub-content-type": "application/json",
        "iothub-content-encoding": "utf-8",
        "iothub-enqueuedtime": "2026-01-01T00:00:00.5Z",
      },
      body: { metrics: [] },
    },
  };
  const withData = (data: unknown) => ({ ...telemetry, data });

  it("has the device's message in its data", () => {
    expect(read(telemetry)).toEqual({
      topic: "devices/press-07",
      payload: new TextEncoder().encode('{"metrics":[]}'),
      clientId: "press-07",
      messageId: '["/SUBSCRIPTIONS/1/hub","9af8"]',
      publishedAtUs: 1767225600500000,
      contentType: "application/json",
      userProperties: [
        ["tenant", "acme"],
        ["traceparent", "00-0-0-00"],
        ["specversion", "1.0"],
        ["id", "9af8"],
        ["source", "/SUBSCRIPTIONS/1/hub"],
        ["type", "Microsoft.Devices.DeviceTelemetry"],
        ["subject", "devices/press-07"],
        ["time", "2026-01-01T00:00:01Z"],
      ],
    });
  });

  it("does not let the device's properties pass for attributes of the event", () => {
    const forged = { source: "/elsewhere", subject: "devices/press-08" };
    const message = read(withData({ ...telemetry.data, properties: forged }));
    const template = parseTemplate(`\${userProperty.source} \${userProperty.subject}`) as Template;
    expect(template.resolve({ source: "hub", ...message })).toBe("/SUBSCRIPTIONS/1/hub devices/press-07");
  });

  it("needs only a body", () => {
    expect(read(withData({ body: "e30=" }))).toMatchObject({
      payload: new TextEncoder().encode("{}"),
      publishedAtUs: 1767225601000000,
    });
  });

  it("keeps the numbers of its body as they were written", () => {
    const body = JSON.stringify(withData({ body: "here" })).replace('"here"', '{"v": 1.0 }');
    expect(payloadText(onlyMessage(adapter, webhookRequest(body, headers)))).toBe('{"v":1.0}');
  });

  it.each<[string, object, string]>([
    [
      "JSON, as it says",
      { "iothub-content-type": "application/json", "iothub-content-encoding": "utf-8" },
      '"e30="',
    ],
    ["base64 when it has no encoding", { "iothub-content-type": "application/json" }, "{}"],
    [
      "base64 when it is no JSON",
      { "iothub-content-type": "text/plain", "iothub-content-encoding": "utf-8" },
      "{}",
    ],
    ["base64 when it says nothing", {}, "{}"],
  ])("has a string as body that is %s", (_name, systemProperties, expected) => {
    expect(payloadText(read(withData({ systemProperties, body: "e30=" })))).toBe(expected);
  });

  it("is read of Event Grid's own schema too", () => {
    const { specversion: _, type, time, source, ...rest } = telemetry;
    const own = { ...rest, topic: source, eventType: type, eventTime: time, dataVersion: "" };
    expect(read(own)).toMatchObject({ topic: "devices/press-07", clientId: "press-07" });
  });

  it.each<[unknown, string]>([
    [undefined, "data"],
    ["e30=", "data"],
    [{}, "data.body"],
    [{ body: "{}" }, "data.body"],
    [{ body: {}, properties: { a: 1 } }, "data.properties"],
    [
      { body: {}, systemProperties: { "iothub-enqueuedtime": "now" } },
      "data.systemProperties.iothub-enqueuedtime",
    ],
  ])("is refused when its data is %j", (data, path) => {
    expect(issues(withData(data))).toMatchObject([{ path }]);
  });
});
