import { describe, expect, it } from "vitest";
import { ContentTypeError, EnvelopeError } from "../../pipeline/errors.ts";
import { createVerneMqAdapter } from "../../pipeline/source/vernemq.ts";
import { onlyMessage, payloadText, readError, webhookRequest } from "./request.ts";

const adapter = createVerneMqAdapter({});
const base64 = (text: string) => Buffer.from(text).toString("base64");
const userProperty = (key: string, value: string) => ({ key: base64(key), val: base64(value) });

/** As the hook of MQTT 3 clients posts it. */
const published = {
  username: "line1",
  mountpoint: "",
  client_id: "press-07",
  qos: 1,
  topic: "plant/1/press-07/metrics",
  payload: base64('{"metrics":[]}'),
  retain: false,
};
/** As that of MQTT 5 clients does. */
const published5 = {
  ...published,
  username: null,
  properties: {
    p_payload_format_indicator: "utf8",
    p_message_expiry_interval: 120,
    p_content_type: "application/json",
    p_response_topic: "plant/1/answers",
    p_correlation_data: "\u0001",
    p_user_property: [userProperty("tenant", "a"), userProperty("größe", ""), userProperty("tenant", "b")],
  },
};
const hooked = (body: unknown, hook = "on_publish") =>
  webhookRequest(JSON.stringify(body), { "content-type": "application/json", "vernemq-hook": hook });
const read = (body: unknown, hook?: string) => onlyMessage(adapter, hooked(body, hook));
const ignored = { elements: [{ kind: "ignored" }], isArray: false };

describe("the vernemq adapter", () => {
  it("reads what on_publish posts", () => {
    expect(read(published)).toEqual({
      topic: "plant/1/press-07/metrics",
      payload: new TextEncoder().encode('{"metrics":[]}'),
      qos: 1,
      retain: false,
      clientId: "press-07",
      userProperties: [],
    });
  });

  it("reads what on_publish_m5 posts, with its user properties in order", () => {
    expect(read(published5, "on_publish_m5")).toEqual({
      topic: "plant/1/press-07/metrics",
      payload: new TextEncoder().encode('{"metrics":[]}'),
      qos: 1,
      retain: false,
      clientId: "press-07",
      messageExpiryIntervalSeconds: 120,
      contentType: "application/json",
      userProperties: [
        ["tenant", "a"],
        ["größe", ""],
        ["tenant", "b"],
      ],
    });
  });

  it.each([{}, { properties: {} }, { properties: null }, { client_id: "c", mountpoint: null }])(
    "needs only a topic and a payload besides %j",
    (more) => {
      expect(read({ topic: "t", payload: "", ...more }, "on_publish_m5")).toMatchObject({
        topic: "t",
        payload: new Uint8Array(0),
        userProperties: [],
      });
    },
  );

  it("gives neither an id nor a time, so that equal messages are as many as they are", () => {
    const { messageId, publishedAtUs } = read(published5);
    expect([messageId, publishedAtUs]).toEqual([undefined, undefined]);
  });

  it("tells clients of different mountpoints apart", () => {
    expect(read({ ...published, mountpoint: "tenant-a" }).clientId).toBe("tenant-a/press-07");
    expect(read({ ...published, mountpoint: "tenant-a", client_id: null }).clientId).toBeUndefined();
  });

  it("keeps a byte order mark in a user property", () => {
    const p_user_property = [userProperty("\ufeffa", "\ufeff")];
    expect(read({ ...published, properties: { p_user_property } }).userProperties).toEqual([
      ["\ufeffa", "\ufeff"],
    ]);
  });

  it("reads payloads as text, but user properties in base64, where the source says plain", () => {
    const plain = createVerneMqAdapter({ payloadEncoding: "plain" });
    const message = onlyMessage(plain, hooked({ ...published5, payload: '{"logs":[]}' }));
    expect(payloadText(message)).toBe('{"logs":[]}');
    expect(message.userProperties[0]).toEqual(["tenant", "a"]);
  });

  it("marks a payload in which VerneMQ replaced bytes that are no text", () => {
    const plain = createVerneMqAdapter({ payloadEncoding: "plain" });
    const mark = (payload: string) => plain.read(hooked({ ...published, payload })).elements[0];
    expect(mark("{}\ufffd")).toMatchObject({ mayBeDamaged: true });
    expect(mark("{}")).toMatchObject({ mayBeDamaged: false });
  });

  it.each([
    ...["auth_on_publish", "auth_on_publish_m5", "on_deliver", "on_deliver_m5", "on_offline_message"],
    ...["auth_on_register", "on_register", "on_subscribe", "on_unsubscribe", "on_client_wakeup"],
    ...["on_client_offline", "on_client_gone", "on_session_expired", "on_auth_m5", "a_later_one"],
  ])("ignores the hook %s, whatever it posts", (hook) => {
    expect(adapter.read(hooked(published5, hook))).toEqual(ignored);
    expect(adapter.read(hooked({ mountpoint: "", client_id: "c" }, hook))).toEqual(ignored);
  });

  it.each(["", undefined])("judges by the body when the hook's name is %j", (hook) => {
    const unnamed = (body: object) =>
      webhookRequest(JSON.stringify(body), hook === undefined ? {} : { "vernemq-hook": hook });
    expect(onlyMessage(adapter, unnamed(published5)).userProperties).toHaveLength(3);
    expect(adapter.read(unnamed({ mountpoint: "", client_id: "c" }))).toEqual(ignored);
    expect(adapter.read(unnamed({ ...published, payload: undefined }))).toEqual(ignored);
    expect(readError(adapter, unnamed({ topic: "t" }))).toBeInstanceOf(EnvelopeError);
  });

  it.each<[string, object]>([
    ["topic", { topic: undefined }],
    ["topic", { topic: "a/+" }],
    ["payload", { payload: undefined }],
    ["payload", { payload: null }],
    ["payload", { payload: "{}" }],
    ["payload", { payload: "e30" }],
    ["qos", { qos: 3 }],
    ["retain", { retain: 1 }],
    ["client_id", { client_id: [] }],
    ["mountpoint", { mountpoint: 1 }],
    ["properties", { properties: [] }],
    ["properties.p_message_expiry_interval", { properties: { p_message_expiry_interval: -1 } }],
    ["properties.p_content_type", { properties: { p_content_type: 1 } }],
    ...[{}, { a: 1 }, [null], [0], [{}], [{ key: "YQ==" }], [{ key: "a", val: "YQ==" }]].map(
      (p_user_property): [string, object] => [
        "properties.p_user_property",
        { properties: { p_user_property } },
      ],
    ),
    ["properties.p_user_property", { properties: { p_user_property: [{ key: "/w==", val: "" }] } }],
    ["properties.p_user_property", { properties: { p_user_property: Array(100_000).fill(0) } }],
  ])("finds fault with a bad %s", (path, change) => {
    const error = readError(adapter, hooked({ ...published, ...change }));
    expect(error).toBeInstanceOf(EnvelopeError);
    expect((error as EnvelopeError).issues).toEqual([
      { path, message: expect.stringMatching(/^met .+, wanted .+/) },
    ]);
  });

  it.each(["", "[]", "null", "1", "{}", "{"])("finds fault with '%s'", (body) => {
    expect(readError(adapter, webhookRequest(body))).toBeInstanceOf(EnvelopeError);
    expect(readError(adapter, webhookRequest(body, { "vernemq-hook": "on_publish" }))).toBeInstanceOf(
      EnvelopeError,
    );
  });

  it("refuses another content type", () => {
    expect(readError(adapter, webhookRequest("{}", { "content-type": "text/plain" }))).toBeInstanceOf(
      ContentTypeError,
    );
  });
});
