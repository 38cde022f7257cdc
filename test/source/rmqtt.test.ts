import { describe, expect, it } from "vitest";
import { ContentTypeError, EnvelopeError } from "../../pipeline/errors.ts";
import { createRmqttAdapter } from "../../pipeline/source/rmqtt.ts";
import { onlyMessage, readError, webhookRequest } from "./request.ts";

const adapter = createRmqttAdapter({});
const published = {
  action: "message_publish",
  from_node: 1,
  from_ipaddress: "10.1.2.3:51512",
  from_clientid: "press-07",
  from_username: "undefined",
  from_type: "custom",
  dup: false,
  retain: true,
  qos: 1,
  topic: "plant/1/press-07/metrics",
  packet_id: 17,
  payload: "eyJtZXRyaWNzIjpbXX0=",
  ts: 1767225600123,
  time: "2026-01-01 00:00:00.124",
};
/** What tells of the fate of a message, whose publish was at `pts`. */
const fate = { ...published, node: 1, clientid: "reader", pts: 1767225600123, ts: 1767225600456 };
const read = (body: unknown) => onlyMessage(adapter, webhookRequest(JSON.stringify(body)));
const envelope = (body: unknown) => adapter.read(webhookRequest(JSON.stringify(body)));
const ignored = { elements: [{ kind: "ignored" }], isArray: false };

describe("the rmqtt adapter", () => {
  it("reads what the rule for message_publish posts", () => {
    expect(read(published)).toEqual({
      topic: "plant/1/press-07/metrics",
      payload: new TextEncoder().encode('{"metrics":[]}'),
      qos: 1,
      retain: true,
      dup: false,
      clientId: "press-07",
      messageId: expect.stringMatching(/^[\w-]{43}$/),
      publishedAtUs: 1767225600123000,
      userProperties: [],
    });
  });

  it("needs only the action, a topic and a payload", () => {
    expect(read({ action: "message_publish", topic: "t", payload: "" })).toEqual({
      topic: "t",
      payload: new Uint8Array(0),
      userProperties: [],
    });
  });

  it("gives no id to what has no time, since a device may say the same again", () => {
    const { ts, time, ...timeless } = published;
    expect(read(timeless).messageId).toBeUndefined();
    expect(read({ ...timeless, ts }).messageId).toBeDefined();
    expect(read({ ...timeless, time }).messageId).toBeDefined();
  });

  it.each([null, "undefined"])("takes %j for absent", (nothing) => {
    const names = ["from_clientid", "from_ipaddress", "from_type", "packet_id", "ts", "qos", "retain", "dup"];
    const message = read({ ...published, ...Object.fromEntries(names.map((name) => [name, nothing])) });
    expect(message).toEqual({
      topic: published.topic,
      payload: expect.any(Uint8Array),
      messageId: expect.any(String),
      userProperties: [],
    });
  });

  it("gives a repeat the id of its first request", () => {
    expect(read(published).messageId).toBe(read(structuredClone(published)).messageId);
  });

  it.each([
    ["client", { from_clientid: "press-08" }],
    ["node", { from_node: 2 }],
    ["packet identifier", { packet_id: 18 }],
    ["time of publish", { ts: 1767225600124 }],
    ["time of the hook", { time: "2026-01-01 00:00:00.125" }],
    ["topic", { topic: "t" }],
    ["payload", { payload: "" }],
    ["rule", { action: "copy" }],
  ])("gives a message of another %s another id", (_name, change) => {
    expect(read({ ...published, ...change }).messageId).not.toBe(read(published).messageId);
  });

  it.each(["custom", "admin", "lastwill", "bridge"])("reads messages of type %s", (from_type) => {
    expect(read({ ...published, from_type }).topic).toBe(published.topic);
  });

  it("ignores what the broker publishes of itself", () => {
    const own = { ...published, from_type: "system", topic: "$SYS/brokers/1/stats" };
    expect(envelope(own)).toEqual(ignored);
    expect(envelope({ ...own, action: "renamed" })).toEqual(ignored);
  });

  it.each(["telemetry", "client_telemetry", "session_data", "message"])(
    "reads messages whose action was given the name %s",
    (action) => {
      expect(read({ ...published, action }).topic).toBe(published.topic);
    },
  );

  it.each(["message_delivered", "message_acked", "message_dropped", "offline_message", "renamed"])(
    "ignores the fate of a message under the name of %s",
    (action) => {
      expect(envelope({ ...fate, action })).toEqual(ignored);
      expect(envelope({ ...fate, pts: null, action })).toEqual(ignored);
    },
  );

  it.each([
    ...["client_connect", "client_connack", "client_connected", "client_disconnected", "client_subscribe"],
    ...["client_unsubscribe", "session_created", "session_terminated", "session_subscribed"],
    ...["session_unsubscribed", "renamed"],
  ])("ignores what tells of a client under the name of %s", (action) => {
    expect(envelope({ action, node: 1, clientid: "c", username: "u", topic: "a/#" })).toEqual(ignored);
  });

  it("ignores other events by the names that RMQTT gives them, even with a payload alone", () => {
    for (const action of ["message_delivered", "message_acked", "message_dropped", "offline_message"]) {
      expect(envelope({ ...published, action })).toEqual(ignored);
    }
  });

  it.each<[string, object]>([
    ["action", { action: undefined }],
    ["action", { action: 1 }],
    ["topic", { topic: undefined }],
    ["topic", { topic: "a/#" }],
    ["payload", { payload: undefined }],
    ["payload", { payload: null }],
    ["payload", { payload: "{}" }],
    ["payload", { payload: "e30" }],
    ["qos", { qos: 3 }],
    ["retain", { retain: 1 }],
    ["dup", { dup: 1 }],
    ["from_clientid", { from_clientid: {} }],
    ["ts", { ts: -1 }],
    ["ts", { ts: 8993721600000 }],
  ])("finds fault with a bad %s", (path, change) => {
    const error = readError(adapter, webhookRequest(JSON.stringify({ ...published, ...change })));
    expect(error).toBeInstanceOf(EnvelopeError);
    expect((error as EnvelopeError).issues).toEqual([
      { path, message: expect.stringMatching(/^met .+, wanted .+/) },
    ]);
  });

  it.each(["", "[]", "null", "1", "{}", "{"])("finds fault with '%s'", (body) => {
    expect(readError(adapter, webhookRequest(body))).toBeInstanceOf(EnvelopeError);
  });

  it("refuses another content type", () => {
    expect(readError(adapter, webhookRequest("{}", { "content-type": "text/plain" }))).toBeInstanceOf(
      ContentTypeError,
    );
  });
});
