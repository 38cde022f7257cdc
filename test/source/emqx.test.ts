import { describe, expect, it } from "vitest";
import { ContentTypeError, EnvelopeError } from "../../pipeline/errors.ts";
import { createEmqxAdapter } from "../../pipeline/source/emqx.ts";
import { onlyMessage, payloadText, readError, webhookRequest } from "./request.ts";

const adapter = createEmqxAdapter({});
const output = {
  id: "00062A7C91B0D3E4F4450000A1B20007",
  event: "message.publish",
  clientid: "press-07",
  username: "undefined",
  topic: "plant/1/press-07/metrics",
  payload: '{"metrics":[]}',
  qos: 1,
  flags: { dup: false, retain: true },
  pub_props: {
    "Message-Expiry-Interval": 120,
    "Content-Type": "application/json",
    "User-Property": { tenant: "b" },
    "User-Property-Pairs": [
      { key: "tenant", value: "a" },
      { key: "tenant", value: "b" },
    ],
  },
  publish_received_at: 1767225600123,
  timestamp: 1767225600124,
  peerhost: "10.1.2.3",
  client_attrs: {},
  node: "emqx@10.0.0.5",
  metadata: { rule_id: "otlp_rule", namespace: "global" },
};
const read = (body: unknown) => onlyMessage(adapter, webhookRequest(JSON.stringify(body)));

describe("the emqx adapter", () => {
  it("reads what a rule selects by default", () => {
    expect(read(output)).toEqual({
      topic: "plant/1/press-07/metrics",
      payload: new TextEncoder().encode('{"metrics":[]}'),
      qos: 1,
      retain: true,
      dup: false,
      clientId: "press-07",
      messageId: "otlp_rule:00062A7C91B0D3E4F4450000A1B20007",
      publishedAtUs: 1767225600123000,
      messageExpiryIntervalSeconds: 120,
      contentType: "application/json",
      userProperties: [
        ["tenant", "a"],
        ["tenant", "b"],
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

  it("takes the text undefined and null for absent", () => {
    for (const nothing of ["undefined", null]) {
      const names = [
        "id",
        "clientid",
        "qos",
        "flags",
        "pub_props",
        "metadata",
        "publish_received_at",
        "timestamp",
      ];
      const body = { topic: "t", payload: "", ...Object.fromEntries(names.map((name) => [name, nothing])) };
      expect(read(body)).toEqual({ topic: "t", payload: new Uint8Array(0), userProperties: [] });
    }
  });

  it("gives one message another id in another rule", () => {
    const ids = ["a", "b"].map((rule_id) => read({ ...output, metadata: { rule_id } }).messageId);
    expect(new Set(ids).size).toBe(2);
    expect(read({ ...output, metadata: undefined }).messageId).toBe(output.id);
    expect(read({ ...output, id: "" }).messageId).toBeUndefined();
  });

  it("takes user properties from the object where there are no pairs", () => {
    expect(read({ ...output, pub_props: { "User-Property": { a: "1" } } }).userProperties).toEqual([
      ["a", "1"],
    ]);
    expect(read({ ...output, pub_props: { "User-Property": {} } }).userProperties).toEqual([]);
  });

  it("takes the rule's time where the broker's is missing", () => {
    expect(read({ ...output, publish_received_at: undefined }).publishedAtUs).toBe(1767225600124000);
  });

  it("reads messages of a bridged broker", () => {
    const bridged = {
      id: "1",
      event: "$bridges/mqtt:other",
      server: "h:1883",
      topic: "t",
      payload: "p",
      qos: 0,
      dup: true,
      retain: true,
      message_received_at: 5,
      timestamp: 6,
    };
    expect(read(bridged)).toMatchObject({ topic: "t", dup: true, retain: true, publishedAtUs: 5000 });
    expect(read({ ...bridged, event: "$sources/mqtt:other" })).toMatchObject({ topic: "t" });
  });

  it("prefers payload_b64, which spares payloads that are no text", () => {
    expect(read({ ...output, payload: "\ufffd", payload_b64: "/wA=" }).payload).toEqual(
      Uint8Array.of(255, 0),
    );
    expect(read({ topic: "t", payload_b64: "" }).payload).toEqual(new Uint8Array(0));
  });

  it("marks a payload that EMQX may have damaged", () => {
    const mark = (body: object) => adapter.read(webhookRequest(JSON.stringify(body))).elements[0];
    expect(mark({ ...output, payload: "{}\ufffd" })).toMatchObject({ mayBeDamaged: true });
    expect(mark(output)).toMatchObject({ mayBeDamaged: false });
    expect(mark({ ...output, payload: "\ufffd", payload_b64: "/wA=" })).toMatchObject({
      mayBeDamaged: false,
    });
  });

  it("decodes payload where the source says base64", () => {
    const base64 = createEmqxAdapter({ payloadEncoding: "base64" });
    expect(payloadText(onlyMessage(base64, webhookRequest('{"topic":"t","payload":"e30="}')))).toBe("{}");
    expect(readError(base64, webhookRequest('{"topic":"t","payload":"{}"}'))).toBeInstanceOf(EnvelopeError);
  });

  it.each([
    "message.delivered",
    "message.acked",
    "message.dropped",
    "delivery.dropped",
    "client.connected",
    "session.subscribed",
    "alarm.activated",
  ])("ignores the event %s", (event) => {
    const body = JSON.stringify({ ...output, event });
    expect(adapter.read(webhookRequest(body))).toEqual({ elements: [{ kind: "ignored" }], isArray: false });
  });

  it.each<[string, object]>([
    ["topic", { topic: undefined }],
    ["topic", { topic: "a/#" }],
    ["payload", { payload: undefined }],
    ["payload", { payload: { metrics: [] } }],
    ["payload_b64", { payload_b64: "e30" }],
    ["qos", { qos: 3 }],
    ["clientid", { clientid: 1 }],
    ["id", { id: 1 }],
    ["flags.retain", { flags: { retain: 1 } }],
    ["publish_received_at", { publish_received_at: -1 }],
    ["publish_received_at", { publish_received_at: 8993721600000 }],
    ["pub_props.Message-Expiry-Interval", { pub_props: { "Message-Expiry-Interval": -1 } }],
    ["pub_props.User-Property", { pub_props: { "User-Property": { a: 1 } } }],
    ["pub_props.User-Property-Pairs", { pub_props: { "User-Property-Pairs": [{ key: "a" }] } }],
    ["pub_props.User-Property-Pairs", { pub_props: { "User-Property-Pairs": Array(100_000).fill(0) } }],
    ["payload", { payload: "\ud800" }],
    ["id", { id: "\ud800" }],
  ])("refuses a bad %s", (path, change) => {
    const error = readError(adapter, webhookRequest(JSON.stringify({ ...output, ...change })));
    expect(error).toBeInstanceOf(EnvelopeError);
    expect((error as EnvelopeError).issues).toEqual([
      { path, message: expect.stringMatching(/^met .+, wanted .+/) },
    ]);
  });

  it.each(["", "[]", "null", "1", "{}", "{"])("refuses '%s'", (body) => {
    expect(readError(adapter, webhookRequest(body))).toBeInstanceOf(EnvelopeError);
  });

  it("refuses another content type", () => {
    expect(readError(adapter, webhookRequest("{}", { "content-type": "text/plain" }))).toBeInstanceOf(
      ContentTypeError,
    );
  });

  it.each<[string, object]>([
    ["RMQTT posts", { action: "message_publish", from_clientid: "c", topic: "t", payload: "e30=" }],
    ["NanoMQ posts", { action: "message_publish", from_client_id: "c", topic: "t", payload: "{}" }],
    ["a script posts, which the adapter mqtt reads", { topic: "t", payloadBase64: "e30=" }],
  ])("hints that a body looks like what %s", (sender, body) => {
    const error = readError(adapter, webhookRequest(JSON.stringify(body)));
    expect(error).toMatchObject({
      name: "EnvelopeError",
      message: expect.stringContaining(`looks like what ${sender}`),
    });
  });
});
