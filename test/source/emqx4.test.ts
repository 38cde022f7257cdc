import { describe, expect, it } from "vitest";
import { ContentTypeError, EnvelopeError } from "../../pipeline/errors.ts";
import { createEmqx4Adapter } from "../../pipeline/source/emqx4.ts";
import { onlyMessage, payloadText, readError, webhookRequest } from "./request.ts";

const adapter = createEmqx4Adapter({});
/** As EMQX 4's plugin posts it, with nothing set to another value than its default. */
const published = {
  action: "message_publish",
  node: "emqx@127.0.0.1",
  from_client_id: "press-07",
  from_username: null,
  topic: "plant/1/press-07/metrics",
  qos: 1,
  retain: true,
  payload: '{"metrics":[]}',
  ts: 1767225600123,
};
const { node: _, ...withoutNode } = published;
/** As NanoMQ posts it. */
const publishedByNano = { ...withoutNode, from_username: "undefined" };
const read = (body: unknown, by = adapter) => onlyMessage(by, webhookRequest(JSON.stringify(body)));
const element = (body: unknown, by = adapter) => by.read(webhookRequest(JSON.stringify(body))).elements[0];

describe("the emqx4 adapter", () => {
  it.each([
    ["EMQX 4", published],
    ["NanoMQ", publishedByNano],
  ])("reads what %s posts by default", (_name, body) => {
    expect(read(body)).toEqual({
      topic: "plant/1/press-07/metrics",
      payload: new TextEncoder().encode('{"metrics":[]}'),
      qos: 1,
      retain: true,
      clientId: "press-07",
      publishedAtUs: 1767225600123000,
      userProperties: [],
    });
  });

  it("needs only the action, a topic and a payload", () => {
    expect(read({ action: "message_publish", topic: "t", payload: "p" })).toEqual({
      topic: "t",
      payload: new TextEncoder().encode("p"),
      userProperties: [],
    });
  });

  it.each([null, "undefined", ""])("takes %j for an absent client id, time and flag", (nothing) => {
    const body = { ...published, from_client_id: nothing, ts: nothing, qos: nothing, retain: nothing };
    const message = read(body);
    expect([message.clientId, message.publishedAtUs, message.qos, message.retain]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("gives no id, so that two equal messages of one millisecond are two", () => {
    expect(read(published).messageId).toBeUndefined();
  });

  it.each([null, ""])("reads the payload %j as one of no bytes", (payload) => {
    for (const payloadEncoding of ["plain", "base64"] as const) {
      const by = createEmqx4Adapter({ payloadEncoding });
      expect(read({ ...publishedByNano, payload }, by).payload).toEqual(new Uint8Array(0));
    }
  });

  it("keeps a payload that says undefined", () => {
    expect(payloadText(read({ ...published, payload: "undefined" }))).toBe("undefined");
  });

  it("decodes the payload where the source says base64", () => {
    const base64 = createEmqx4Adapter({ payloadEncoding: "base64" });
    expect(read({ ...published, payload: "/wA=" }, base64).payload).toEqual(Uint8Array.of(255, 0));
    for (const payload of ["{}", "e30", "_w=="]) {
      expect(readError(base64, webhookRequest(JSON.stringify({ ...published, payload })))).toMatchObject({
        issues: [{ path: "payload", message: "met another string, wanted base64 with its padding" }],
      });
    }
  });

  it("marks a payload in which EMQX replaced bytes that are no text", () => {
    expect(element({ ...published, payload: "{}\ufffd" })).toMatchObject({ mayBeDamaged: true });
    expect(element(published)).toMatchObject({ mayBeDamaged: false });
    const base64 = createEmqx4Adapter({ payloadEncoding: "base64" });
    const encoded = { ...published, payload: Buffer.from("\ufffd").toString("base64") };
    expect(element(encoded, base64)).not.toMatchObject({ mayBeDamaged: true });
  });

  it("refuses a body in which NanoMQ left bytes that are no text", () => {
    const [before, after] = JSON.stringify(publishedByNano).split("{}");
    const body = Buffer.concat([Buffer.from(`${before}`), Buffer.of(0xff), Buffer.from(`${after}`)]);
    expect(readError(adapter, webhookRequest(body))).toMatchObject({
      name: "EnvelopeError",
      message: expect.stringContaining("not UTF-8"),
    });
  });

  it.each([
    ...["client_connect", "client_connack", "client_connected", "client_disconnected"],
    ...["client_subscribe", "client_unsubscribe", "session_subscribed", "session_unsubscribed"],
    ...["session_terminated", "message_delivered", "message_acked"],
  ])("ignores the action %s", (action) => {
    const body = JSON.stringify({ ...published, action });
    expect(adapter.read(webhookRequest(body))).toEqual({ elements: [{ kind: "ignored" }], isArray: false });
  });

  it.each<[string, object]>([
    ["action", { action: undefined }],
    ["action", { action: null }],
    ["topic", { topic: undefined }],
    ["topic", { topic: "a/#" }],
    ["payload", { payload: undefined }],
    ["payload", { payload: { metrics: [] } }],
    ["payload", { payload: "\ud800" }],
    ["qos", { qos: 3 }],
    ["retain", { retain: 1 }],
    ["from_client_id", { from_client_id: {} }],
    ["from_client_id", { from_client_id: "\ud800" }],
    ["ts", { ts: -1 }],
    ["ts", { ts: 8993721600000 }],
  ])("refuses a bad %s", (path, change) => {
    const error = readError(adapter, webhookRequest(JSON.stringify({ ...published, ...change })));
    expect(error).toBeInstanceOf(EnvelopeError);
    expect((error as EnvelopeError).issues).toEqual([
      { path, message: expect.stringMatching(/^met .+, wanted .+/) },
    ]);
  });

  it.each(["", "[]", "null", "1", "{}", "{", `[${JSON.stringify(published)}]`])("refuses '%s'", (body) => {
    expect(readError(adapter, webhookRequest(body))).toBeInstanceOf(EnvelopeError);
  });

  it("takes no content type, and refuses another one", () => {
    expect(readError(adapter, webhookRequest("{}", { "content-type": "text/plain" }))).toBeInstanceOf(
      ContentTypeError,
    );
    const request = webhookRequest(JSON.stringify(published), { "content-type": "application/json" });
    expect(onlyMessage(adapter, request).topic).toBe(published.topic);
  });
});
