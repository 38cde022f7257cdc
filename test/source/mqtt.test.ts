import { describe, expect, it } from "vitest";
import { ContentTypeError, EnvelopeError } from "../../pipeline/errors.ts";
import { createMqttAdapter } from "../../pipeline/source/mqtt.ts";
import { onlyMessage, payloadText, readError, webhookRequest } from "./request.ts";

const adapter = createMqttAdapter({});
const read = (body: unknown) => onlyMessage(adapter, webhookRequest(JSON.stringify(body)));
const issues = (body: string | Uint8Array) => {
  const error = readError(adapter, webhookRequest(body));
  expect(error).toBeInstanceOf(EnvelopeError);
  return (error as EnvelopeError).issues;
};

describe("the mqtt adapter", () => {
  it("reads every field", () => {
    const message = read({
      topic: "factory/line1/thermostat",
      payload: { metrics: [] },
      qos: 1,
      retain: true,
      dup: false,
      clientId: "t-1",
      messageId: "01J",
      publishedAt: "2026-01-05T10:00:00.123456789Z",
      properties: {
        messageExpiryInterval: 30,
        contentType: "application/json",
        userProperties: [
          ["a", "1"],
          ["a", "2"],
        ],
        responseTopic: "r",
      },
    });
    expect(message).toEqual({
      topic: "factory/line1/thermostat",
      payload: new TextEncoder().encode('{"metrics":[]}'),
      qos: 1,
      retain: true,
      dup: false,
      clientId: "t-1",
      messageId: "01J",
      publishedAtUs: 1767607200123456,
      messageExpiryIntervalSeconds: 30,
      contentType: "application/json",
      userProperties: [
        ["a", "1"],
        ["a", "2"],
      ],
    });
  });

  it("needs only a topic and a payload", () => {
    expect(read({ topic: "t", payload: "" })).toEqual({
      topic: "t",
      payload: new Uint8Array(0),
      userProperties: [],
    });
  });

  it("takes null and an empty message id for nothing", () => {
    const nothing = {
      qos: null,
      retain: null,
      dup: null,
      clientId: null,
      publishedAt: null,
      properties: null,
    };
    const message = read({ topic: "t", payload: "", messageId: "", ...nothing });
    expect(message).toEqual({ topic: "t", payload: new Uint8Array(0), userProperties: [] });
  });

  it("takes no id for one that a template engine made of nothing", () => {
    expect(read({ topic: "t", payload: "", messageId: "undefined" }).messageId).toBeUndefined();
    expect(read({ topic: "t", payload: "", messageId: null }).messageId).toBeUndefined();
  });

  it.each<[string, string]>([
    [
      '{ "v" : 1.0, "t":1754851200000000001, "e":1E3, "z":-0, "s":"a  b" }',
      '{"v":1.0,"t":1754851200000000001,"e":1E3,"z":-0,"s":"a  b"}',
    ],
    ["[ 72.50 ]", "[72.50]"],
    ["1.0", "1.0"],
    ["null", "null"],
    ["false", "false"],
    ['"text é"', "text é"],
    ['"{\\"metrics\\": []}"', '{"metrics": []}'],
  ])("keeps the payload %s as %s", (payload, kept) => {
    expect(payloadText(onlyMessage(adapter, webhookRequest(`{"topic":"t","payload":${payload}}`)))).toBe(
      kept,
    );
  });

  it("decodes payloadBase64", () => {
    expect(read({ topic: "t", payloadBase64: "/wAB" }).payload).toEqual(Uint8Array.of(255, 0, 1));
    expect(read({ topic: "t", payloadBase64: "" }).payload).toEqual(new Uint8Array(0));
  });

  it("takes user properties as an object, __proto__ too", () => {
    const body = '{"topic":"t","payload":"","properties":{"userProperties":{"b":"1","__proto__":"2"}}}';
    expect(onlyMessage(adapter, webhookRequest(body)).userProperties).toEqual([
      ["b", "1"],
      ["__proto__", "2"],
    ]);
  });

  it.each<[string, unknown]>([
    ["topic", { topic: undefined }],
    ["topic", { topic: "" }],
    ["topic", { topic: "a/+" }],
    ["topic", { topic: 1 }],
    ["topic", { topic: "a".repeat(65_536) }],
    ["payload", { payload: undefined }],
    ["payload", { payloadBase64: "" }],
    ["payloadBase64", { payload: undefined, payloadBase64: "e30" }],
    ["payloadBase64", { payload: undefined, payloadBase64: "e3 0=" }],
    ["payloadBase64", { payload: undefined, payloadBase64: "e31=" }],
    ["payloadBase64", { payload: undefined, payloadBase64: 1 }],
    ["qos", { qos: 3 }],
    ["qos", { qos: "1" }],
    ["retain", { retain: 1 }],
    ["dup", { dup: "true" }],
    ["clientId", { clientId: 1 }],
    ["messageId", { messageId: 1 }],
    ["publishedAt", { publishedAt: "yesterday" }],
    ["publishedAt", { publishedAt: 1767607200 }],
    ["properties", { properties: [] }],
    ["properties.messageExpiryInterval", { properties: { messageExpiryInterval: -1 } }],
    ["properties.messageExpiryInterval", { properties: { messageExpiryInterval: 1.5 } }],
    ["properties.messageExpiryInterval", { properties: { messageExpiryInterval: 2 ** 32 } }],
    ["properties.contentType", { properties: { contentType: 1 } }],
    ["properties.userProperties", { properties: { userProperties: [["a"]] } }],
    ["properties.userProperties", { properties: { userProperties: { a: 1 } } }],
    ["properties.userProperties", { properties: { userProperties: [["a", "b", "c"]] } }],
    ["payload", { payload: "\ud800" }],
    ["clientId", { clientId: "\ud800" }],
    ["messageId", { messageId: "\udc00" }],
    ["properties.contentType", { properties: { contentType: "\ud800" } }],
    ["properties.userProperties", { properties: { userProperties: [["a", "\ud800"]] } }],
    ["properties.userProperties", { properties: { userProperties: { "\ud800": "a" } } }],
  ])("refuses a bad %s", (path, change) => {
    const body = { topic: "t", payload: {}, ...(change as object) };
    expect(issues(JSON.stringify(body))).toEqual([
      { path, message: expect.stringMatching(/^met .+, wanted .+/) },
    ]);
  });

  it("names a whole number as it is commonly called", () => {
    const [issue] = issues('{"topic":"t","payload":1,"properties":{"messageExpiryInterval":1.5}}');
    expect(issue?.message).toBe("met 1.5, wanted an integer");
  });

  it("lists every fault at once", () => {
    expect(issues('{"topic":1,"payload":1,"qos":9}')).toEqual([
      { path: "topic", message: "met 1, wanted a string" },
      { path: "qos", message: "met 9, wanted one of 0, 1, 2" },
    ]);
  });

  it("finds one fault in a million user properties", () => {
    const body = `{"topic":"t","payload":1,"properties":{"userProperties":[${"0,".repeat(1e6)}0]}}`;
    expect(issues(body)).toEqual([
      {
        path: "properties.userProperties",
        message: "met something else, wanted pairs of strings or an object of strings",
      },
    ]);
  });

  it("refuses an array with more elements than can be answered for in time", () => {
    expect(adapter.read(webhookRequest(`[${"0,".repeat(65_535)}0]`)).elements).toHaveLength(65_536);
    expect(issues(`[${"0,".repeat(65_536)}0]`)).toEqual([
      { path: "", message: "met an array of 65537 elements, wanted at most 65536" },
    ]);
  });

  it.each<[string, string | Uint8Array]>([
    ["nothing", ""],
    ["text", "hello"],
    ["null", "null"],
    ["a number", "3"],
    ["a truncated object", '{"topic":"t"'],
    ["bytes that are not UTF-8", Uint8Array.of(0x22, 0xff, 0x22)],
    ["a hundred thousand brackets", "[".repeat(100_000)],
  ])("refuses %s as a whole", (_what, body) => {
    expect(issues(body)).toEqual([{ path: "", message: expect.any(String) }]);
  });

  it("stores the neighbours of a broken element, and keeps that as it was written", () => {
    const body =
      '[{"topic":"a","payload":1.0}, {"topic":"b/#", "payload":2.0} ,3,{"topic":"c","payload":{ "v": 4.0 }}]';
    const { elements, isArray } = adapter.read(webhookRequest(body));
    expect(isArray).toBe(true);
    expect(elements.map(payloadText)).toEqual(["1.0", undefined, undefined, '{"v":4.0}']);
    expect(elements[1]).toEqual({
      kind: "broken",
      path: "[1]",
      reason: "topic: met a string, wanted a Topic Name without wildcards",
      body: new TextEncoder().encode('{"topic":"b/#", "payload":2.0}'),
    });
    expect(elements[2]).toMatchObject({ kind: "broken", path: "[2]", reason: "met 3, wanted an object" });
  });

  it("takes an empty array and a deep payload", () => {
    expect(adapter.read(webhookRequest(" [ ] "))).toEqual({ elements: [], isArray: true });
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect(payloadText(onlyMessage(adapter, webhookRequest(`{"topic":"t","payload":${deep}}`)))).toBe(deep);
  });

  it.each(["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])(
    "takes content type %s",
    (type) => {
      expect(adapter.read(webhookRequest("[]", { "content-type": type })).elements).toEqual([]);
    },
  );

  it.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])(
    "refuses content type %s",
    (type) => {
      expect(readError(adapter, webhookRequest("[]", { "content-type": type }))).toBeInstanceOf(
        ContentTypeError,
      );
    },
  );

  it.each<[string, object]>([
    [
      "EMQX's rule engine posts, which the adapter emqx reads",
      { event: "message.publish", publish_received_at: 1, node: "n", topic: "t", payload: "" },
    ],
    [
      "RMQTT posts, which the adapter rmqtt reads",
      { action: "message_publish", from_clientid: "c", topic: "t", payload: "" },
    ],
    [
      "EMQX 4 posts, which the adapter emqx4 reads",
      { action: "message_publish", from_client_id: "c", node: "n", topic: "t", payload: "" },
    ],
    [
      "NanoMQ posts, which the adapter emqx4 reads",
      { action: "message_publish", from_client_id: "c", topic: "t", payload: "" },
    ],
    [
      "VerneMQ posts, which the adapter vernemq reads",
      { mountpoint: "", client_id: "c", topic: "t", payload: "e30=", qos: 1 },
    ],
    ["ChirpStack posts, which the adapter json reads", { deviceInfo: {}, deduplicationId: "d" }],
    [
      "a sender of CloudEvents posts, which the adapter cloudevents reads",
      { specversion: "1.0", id: "1", source: "s", type: "t", data: {} },
    ],
  ])("hints that a body looks like what %s", (sender, body) => {
    expect(issues(JSON.stringify(body))).toEqual([{ path: "", message: `it looks like what ${sender}` }]);
    expect(adapter.read(webhookRequest(JSON.stringify([body]))).elements[0]).toMatchObject({
      kind: "broken",
    });
  });
});
