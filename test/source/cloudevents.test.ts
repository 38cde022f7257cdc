import { describe, expect, it } from "vitest";
import { ContentTypeError, EnvelopeError } from "../../pipeline/errors.ts";
import { createCloudEventsAdapter } from "../../pipeline/source/cloudevents.ts";
import { onlyMessage, payloadText, readError, webhookRequest } from "./request.ts";

const adapter = createCloudEventsAdapter({});
const structured = { "content-type": "application/cloudevents+json; charset=utf-8" };
const event = {
  specversion: "1.0",
  id: "42",
  source: "/plant/1/press-07",
  type: "com.example.telemetry",
  subject: "plant/1/press-07/metrics",
  time: "2026-01-01T00:00:00Z",
  dataschema: "https://example.com/schema",
  traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  sequence: 7,
  sampled: true,
  mqttqos: 1,
  mqttretain: false,
  mqttclientid: "press-07",
  datacontenttype: "application/json",
  data: { metrics: [] },
};
const least = { specversion: "1.0", id: "1", source: "s", type: "t" };
const bytes = (text: string) => new TextEncoder().encode(text);

const read = (body: unknown) => onlyMessage(adapter, webhookRequest(JSON.stringify(body), structured));
const only = (body: unknown) => adapter.read(webhookRequest(JSON.stringify(body), structured)).elements[0];
const payload = (fields: object) => payloadText(read({ ...least, ...fields }));
const issues = (body: unknown) => {
  const error = readError(adapter, webhookRequest(JSON.stringify(body), structured));
  expect(error).toBeInstanceOf(EnvelopeError);
  return (error as EnvelopeError).issues;
};

describe("a structured event", () => {
  it("is read with all its attributes, in their order", () => {
    expect(read(event)).toEqual({
      topic: "plant/1/press-07/metrics",
      payload: bytes('{"metrics":[]}'),
      qos: 1,
      retain: false,
      clientId: "press-07",
      messageId: '["/plant/1/press-07","42"]',
      publishedAtUs: 1767225600000000,
      contentType: "application/json",
      userProperties: [
        ["specversion", "1.0"],
        ["id", "42"],
        ["source", "/plant/1/press-07"],
        ["type", "com.example.telemetry"],
        ["subject", "plant/1/press-07/metrics"],
        ["time", "2026-01-01T00:00:00Z"],
        ["dataschema", "https://example.com/schema"],
        ["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
        ["sequence", "7"],
        ["sampled", "true"],
        ["mqttqos", "1"],
        ["mqttretain", "false"],
        ["mqttclientid", "press-07"],
      ],
    });
  });

  it("needs only the required attributes", () => {
    expect(read(least)).toEqual({
      topic: "t",
      payload: new Uint8Array(0),
      messageId: '["s","1"]',
      userProperties: Object.entries(least),
    });
    const nulls = { subject: null, time: null, datacontenttype: null, data: null, data_base64: null };
    expect(read({ ...least, ...nulls })).toEqual(read(least));
  });

  it("has an identity that no other event has", () => {
    const ids = [
      ["a", "b"],
      ["a,b", "c"],
      ["a", "b,c"],
      ['a","b', "c"],
      ["a b", "c"],
      ["a", "b c"],
    ].map(([source, id]) => read({ ...least, source, id }).messageId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it.each([
    [{ subject: "plant/a", mqtttopic: "plant/b" }, "plant/b"],
    [{ subject: "plant/a", mqtttopic: "" }, "plant/a"],
    [{ subject: "" }, "t"],
  ])("with %j has the topic %s", (fields, topic) => {
    expect(read({ ...least, ...fields }).topic).toBe(topic);
  });

  it.each([
    [
      { mqttqos: "2", mqttretain: "true" },
      { qos: 2, retain: true },
    ],
    [{ mqttqos: "", mqttretain: "" }, {}],
    [{ clientname: "press-07" }, { clientId: "press-07" }],
    [{ clientname: "a", mqttclientid: "b" }, { clientId: "b" }],
  ])("with %j is %j", (fields, expected) => {
    expect(read({ ...least, ...fields })).toMatchObject(expected);
  });

  it.each([
    ["2026-01-01T00:02:00.0000015Z", 1767225720000001],
    ["2026-01-01T01:02:00+01:00", 1767225720000000],
    ["9999-12-31T23:59:59Z", undefined],
    ["never", undefined],
    ["", undefined],
  ])("that expires at %s does so then", (expirytime, expiresAtUs) => {
    const element = only({ ...least, expirytime });
    expect(element).toMatchObject({ kind: "message" });
    expect(element).toHaveProperty("expiresAtUs", expiresAtUs);
  });

  it.each<[string, unknown, string]>([
    ["specversion", undefined, "specversion"],
    ["specversion", "0.3", "specversion"],
    ["specversion", 1, "specversion"],
    ["id", undefined, "id"],
    ["id", "", "id"],
    ["source", null, "source"],
    ["type", "", "type"],
    ["subject", "a/#", "subject"],
    ["mqtttopic", "a/+", "mqtttopic"],
    ["type", "a+b", "type"],
    ["time", "yesterday", "time"],
    ["mqttqos", 3, "mqttqos"],
    ["mqttretain", "no", "mqttretain"],
    ["extension", {}, "extension"],
    ["extension", [], "extension"],
    ["extension", 1.5, "extension"],
    ["extension", 2 ** 53, "extension"],
    ["extension", "\ud800", "extension"],
    ["\ud800", "x", "\ud800"],
    ["datacontenttype", 7, "datacontenttype"],
    ["data_base64", "e30", "data_base64"],
    ["data_base64", {}, "data_base64"],
  ])("is refused when its %s is %j", (name, value, path) => {
    expect(issues({ ...least, [name]: value })).toMatchObject([{ path }]);
  });

  it.each([1, "text", null])("is no %j", (body) => {
    expect(issues(body)).toHaveLength(1);
  });

  it("is refused with a hint when it looks like another sender's", () => {
    const hook = { action: "message_publish", from_clientid: "c", flags: {}, payload: "" };
    expect(issues(hook)[0]?.message).toContain("RMQTT");
  });
});

describe("the data of a structured event", () => {
  const json = { datacontenttype: "application/json" };
  const text = { datacontenttype: "text/plain" };

  it.each<[string, object, string]>([
    ["base64", { data_base64: "e30=" }, "{}"],
    ["base64 beside null", { data_base64: "e30=", data: null }, "{}"],
    ["nothing", {}, ""],
    ["an object", { ...json, data: { a: [1] } }, '{"a":[1]}'],
    ["an object that is called text", { ...text, data: {} }, "{}"],
    ["a JSON string", { ...json, data: "x" }, '"x"'],
    ["a JSON string of a type built on JSON", { datacontenttype: "a/b+JSON; x=y", data: "x" }, '"x"'],
    ["a JSON string, for want of a content type", { data: "x" }, '"x"'],
    ["text", { ...text, data: '{"a":1.0}' }, '{"a":1.0}'],
    ["text of a device that named no content type", { type: "MQTT.EventPublished", data: "x" }, "x"],
    ["JSON of such a device", { type: "MQTT.EventPublished", data: { a: 1 } }, '{"a":1}'],
    ["false", { data: false }, "false"],
  ])("is %s", (_name, fields, expected) => {
    expect(payload(fields)).toBe(expected);
  });

  it("keeps its numbers as they were written", () => {
    const body = `{"data": {"v": [1.0, 9007199254740993]} ,${JSON.stringify(least).slice(1)}`;
    expect(payloadText(onlyMessage(adapter, webhookRequest(body, structured)))).toBe(
      '{"v":[1.0,9007199254740993]}',
    );
  });

  it.each([
    { data: 1, data_base64: "" },
    { ...text, data: "\ud800" },
  ])("cannot be %j", (fields) => {
    expect(issues({ ...least, ...fields })).toMatchObject([{ path: "data" }]);
  });
});

describe("a batch of events", () => {
  const batch = JSON.stringify([event, { ...least, id: "" }, least]);

  it.each([
    "application/cloudevents-batch+json",
    "application/cloudevents-batch+json; charset=UTF-8",
    "application/cloudevents+json",
    "application/json; charset=utf-8",
    "",
  ])("is read as '%s', and broken ones are kept alone", (type) => {
    const { elements, isArray } = adapter.read(
      webhookRequest(batch, type === "" ? {} : { "content-type": type }),
    );
    expect(isArray).toBe(true);
    expect(elements).toMatchObject([
      { kind: "message", message: { topic: "plant/1/press-07/metrics" } },
      { kind: "broken", path: "[1]", reason: "id: met nothing, wanted a string" },
      { kind: "message", message: { topic: "t" } },
    ]);
  });

  it("may be empty", () => {
    expect(adapter.read(webhookRequest("[]", structured))).toEqual({ elements: [], isArray: true });
  });
});

describe("a binary event", () => {
  const headers = {
    "content-type": "application/json",
    "ce-specversion": "1.0",
    "ce-id": "42",
    "ce-source": "/plant",
    "ce-type": "t",
  };
  const binary = (more: Record<string, string> = {}, body: string | Uint8Array = "{}") =>
    onlyMessage(adapter, webhookRequest(body, { ...headers, ...more }));

  it("is read with all its attributes", () => {
    const message = binary({
      "ce-subject": "plant/a",
      "ce-time": "2026-01-01T00:00:00Z",
      "ce-mqttqos": "1",
      "ce-traceparent": "00-0-0-00",
      "x-other": "7",
    });
    expect(message).toEqual({
      topic: "plant/a",
      payload: bytes("{}"),
      qos: 1,
      messageId: '["/plant","42"]',
      publishedAtUs: 1767225600000000,
      contentType: "application/json",
      userProperties: expect.arrayContaining([
        ["specversion", "1.0"],
        ["id", "42"],
        ["source", "/plant"],
        ["type", "t"],
        ["subject", "plant/a"],
        ["time", "2026-01-01T00:00:00Z"],
        ["mqttqos", "1"],
        ["traceparent", "00-0-0-00"],
      ]),
    });
    expect(message.userProperties).toHaveLength(8);
  });

  it("has its body as payload, whatever its content type", () => {
    const body = Uint8Array.from([0, 255, 1]);
    const message = binary({ "content-type": "application/octet-stream" }, body);
    expect(message).toMatchObject({ payload: body, contentType: "application/octet-stream" });
    const { "content-type": _, ...others } = headers;
    expect(onlyMessage(adapter, webhookRequest("x", others)).contentType).toBeUndefined();
  });

  it.each([
    ["Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"],
    ['"a%20b"', "a b"],
    ['"a\\"b"', 'a"b'],
    ["100%", "100%"],
    ["%zz%41", "%zzA"],
    ["%2541", "%41"],
    [String.fromCharCode(...bytes("ü")), "ü"],
    ['"', '"'],
  ])("whose attribute is %s has it as %s", (value, text) => {
    expect(binary({ "ce-extension": value }).userProperties).toContainEqual(["extension", text]);
  });

  it.each<[Record<string, string>, string]>([
    [{ "ce-id": "" }, "id"],
    [{ "ce-specversion": "2.0" }, "specversion"],
    [{ "ce-extension": "%ff" }, "ce-extension"],
    [{ "ce-subject": "%23" }, "subject"],
    [{ "ce-time": "now" }, "time"],
  ])("is refused with %j", (more, path) => {
    const error = readError(adapter, webhookRequest("", { ...headers, ...more }));
    expect(error).toMatchObject({ name: "EnvelopeError", issues: [{ path }] });
  });

  it("is refused when required headers are missing", () => {
    const error = readError(adapter, webhookRequest("", { "ce-type": "t" }));
    expect(error).toMatchObject({ issues: [{ path: "specversion" }, { path: "id" }, { path: "source" }] });
  });

  it("is none when the content type says structured", () => {
    const request = webhookRequest(JSON.stringify(event), { ...headers, ...structured });
    expect(onlyMessage(adapter, request).topic).toBe("plant/1/press-07/metrics");
  });
});

describe("a body that is no event", () => {
  it.each(["text/plain", "application/cloudevents+avro", "application/cloudevents-batch+protobuf"])(
    "of type %s is refused as such",
    (type) => {
      expect(readError(adapter, webhookRequest("", { "content-type": type }))).toBeInstanceOf(
        ContentTypeError,
      );
    },
  );

  it.each(["", "{", "[", "\u0000"])("('%s') is refused", (body) => {
    expect(readError(adapter, webhookRequest(body, structured))).toBeInstanceOf(EnvelopeError);
  });
});
