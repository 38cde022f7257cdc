import { describe, expect, it } from "vitest";
import { ContentTypeError, EnvelopeError } from "../../pipeline/errors.ts";
import type { AdapterOptions } from "../../pipeline/source/adapter.ts";
import { createJsonAdapter } from "../../pipeline/source/json.ts";
import { onlyMessage, payloadText, readError, webhookRequest } from "./request.ts";

const adapter = createJsonAdapter({});
const read = (body: unknown, options: AdapterOptions = {}) =>
  onlyMessage(createJsonAdapter(options), webhookRequest(JSON.stringify(body)));
const text = (body: string, options: AdapterOptions = {}) =>
  payloadText(onlyMessage(createJsonAdapter(options), webhookRequest(body)));
const issues = (body: unknown, options: AdapterOptions = {}) => {
  const error = readError(createJsonAdapter(options), webhookRequest(JSON.stringify(body)));
  expect(error).toBeInstanceOf(EnvelopeError);
  return (error as EnvelopeError).issues;
};
const bytes = (payload: string) => new TextEncoder().encode(payload);

const uplink = {
  deduplicationId: "3f1c5a52-0d0a-4a1e-9d59-6c5b7f0c8a21",
  time: "2026-01-01T00:00:00.123+00:00",
  deviceInfo: { applicationId: "a-1", devEui: "0102030405060708", tags: { site: "north" } },
  data: "e30=",
  object: { metrics: [] },
};
const uplinkFields = {
  clientId: "/deviceInfo/devEui",
  messageId: "/deduplicationId",
  publishedAt: "/time",
  userProperties: "/deviceInfo/tags",
};

describe("the json adapter", () => {
  it("reads every field by its own name", () => {
    expect(
      read({
        topic: "plant/a",
        payload: { metrics: [] },
        qos: 1,
        retain: true,
        clientId: "c",
        messageId: "m",
        publishedAt: "2026-01-05T10:00:00.123456789Z",
        messageExpiryInterval: 30,
        contentType: "application/json",
        userProperties: [
          ["a", "1"],
          ["a", "2"],
        ],
        other: 7,
      }),
    ).toEqual({
      topic: "plant/a",
      payload: bytes('{"metrics":[]}'),
      qos: 1,
      retain: true,
      clientId: "c",
      messageId: "m",
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

  it("reads every field where a pointer says", () => {
    const fields = {
      topic: "/a/0/topic",
      payload: "/b",
      qos: "/c~1d",
      retain: "/e~0f",
      clientId: "/g",
      messageId: "/h",
      publishedAt: "/i",
      messageExpiryInterval: "/j",
      contentType: "/k",
      userProperties: "/l",
    };
    const body = {
      a: [{ topic: "t" }],
      b: "x",
      "c/d": 2,
      "e~f": false,
      g: "c",
      h: "m",
      i: 1767225600123,
      j: 0,
      k: "text/plain",
      l: { n: "v" },
      topic: "another",
      payload: "another",
    };
    expect(read(body, { fields })).toEqual({
      topic: "t",
      payload: bytes("x"),
      qos: 2,
      retain: false,
      clientId: "c",
      messageId: "m",
      publishedAtUs: 1767225600123000,
      messageExpiryIntervalSeconds: 0,
      contentType: "text/plain",
      userProperties: [["n", "v"]],
    });
  });

  it("reads an uplink of ChirpStack whose topic stands in the address", () => {
    const options = { fields: { ...uplinkFields, payload: "/object" } };
    const query = "event=up&topic=application%2Fa-1";
    const message = onlyMessage(
      createJsonAdapter(options),
      webhookRequest(JSON.stringify(uplink), {}, query),
    );
    expect(message).toEqual({
      topic: "application/a-1",
      payload: bytes('{"metrics":[]}'),
      clientId: "0102030405060708",
      messageId: "3f1c5a52-0d0a-4a1e-9d59-6c5b7f0c8a21",
      publishedAtUs: 1767225600123000,
      userProperties: [["site", "north"]],
    });
    const decoded = createJsonAdapter({ fields: { ...uplinkFields, payloadBase64: "/data" } });
    expect(payloadText(onlyMessage(decoded, webhookRequest(JSON.stringify(uplink), {}, query)))).toBe("{}");
  });

  it("throws at creation when a pointer is none", () => {
    expect(() => createJsonAdapter({ fields: { topic: "a/b" } })).toThrow(
      "Cannot read topic: met a/b, wanted a JSON Pointer such as /topic",
    );
  });
});

describe("the payload of the json adapter", () => {
  it("keeps the numbers of a JSON value as they were written", () => {
    const body = '{"topic":"t","payload": {"v": [ 1.0, 9007199254740993, 1E3 ], "s":" "} }';
    expect(text(body)).toBe('{"v":[1.0,9007199254740993,1E3],"s":" "}');
    expect(text(`{"topic":"t","x":[0,${body}]}`, { fields: { payload: "/x/1/payload/v" } })).toBe(
      "[1.0,9007199254740993,1E3]",
    );
  });

  it("is the whole element when its pointer is empty", () => {
    const body = '{"topic":"forged","metrics": [1.0],"clientId":7,"payloadBase64":"e30="}';
    const whole = createJsonAdapter({ fields: { payload: "" } });
    const message = onlyMessage(whole, webhookRequest(body, { "mqtt-topic": "plant/a" }));
    expect(payloadText(message)).toBe(body.replace(": [", ":["));
    expect(message.topic).toBe("plant/a");
    expect(message.clientId).toBeUndefined();
  });

  it("is the whole element, from which only configured fields are read", () => {
    const message = read(
      { topic: "t", id: "m" },
      { fields: { payload: "", topic: "/topic", messageId: "/id" } },
    );
    expect(message).toMatchObject({ topic: "t", messageId: "m" });
  });

  it("is text as it is, or decoded when the source says base64", () => {
    expect(text('{"topic":"t","payload":"e30="}')).toBe("e30=");
    expect(text('{"topic":"t","payload":"e30="}', { payloadEncoding: "base64" })).toBe("{}");
    expect(text('{"topic":"t","payloadBase64":"e30="}')).toBe("{}");
    expect(text('{"topic":"t","payload":null,"payloadBase64":"e30="}')).toBe("{}");
    expect(text('{"topic":"t","payload":"x","payloadBase64":null}')).toBe("x");
  });

  it.each<[string, unknown, AdapterOptions, string]>([
    ["nothing", { topic: "t" }, {}, "payload"],
    ["both", { topic: "t", payload: 1, payloadBase64: "" }, {}, "payload"],
    ["a nested pointer that leads nowhere", { topic: "t" }, { fields: { payload: "/x/0/y" } }, "x[0].y"],
    ["no base64", { topic: "t", payloadBase64: "e30" }, {}, "payloadBase64"],
    ["no base64 where it is wanted", { topic: "t", payload: "{}" }, { payloadEncoding: "base64" }, "payload"],
    [
      "an object where base64 is wanted",
      { topic: "t", payload: {} },
      { payloadEncoding: "base64" },
      "payload",
    ],
    ["half a surrogate pair", { topic: "t", payload: "\ud800" }, {}, "payload"],
  ])("cannot be %s", (_name, body, options, path) => {
    expect(issues(body, options)).toMatchObject([{ path }]);
  });

  it("is looked for at one place alone when one is configured", () => {
    const body = { topic: "t", payload: "default", x: "e30=" };
    expect(payloadText(read(body, { fields: { payloadBase64: "/x" } }))).toBe("{}");
    expect(payloadText(read({ ...body, payloadBase64: "e30=" }, { fields: { payload: "/x" } }))).toBe("e30=");
  });
});

describe("a field of the json adapter", () => {
  const message = (fields: object) => read({ topic: "t", payload: "", ...fields });

  it.each([
    ["qos", "1", { qos: 1 }],
    ["qos", "", { qos: undefined }],
    ["retain", "true", { retain: true }],
    ["retain", "false", { retain: false }],
    ["clientId", 17, { clientId: "17" }],
    ["clientId", "undefined", { clientId: undefined }],
    ["messageId", 9007199254740991, { messageId: "9007199254740991" }],
    ["messageId", "", { messageId: undefined }],
    ["publishedAt", "1767225600123", { publishedAtUs: 1767225600123000 }],
    ["publishedAt", 1767225600123.25, { publishedAtUs: 1767225600123250 }],
    ["publishedAt", "2026-01-01T00:00:00Z", { publishedAtUs: 1767225600000000 }],
    ["messageExpiryInterval", "30", { messageExpiryIntervalSeconds: 30 }],
    [
      "userProperties",
      { b: "1", a: "2" },
      {
        userProperties: [
          ["b", "1"],
          ["a", "2"],
        ],
      },
    ],
    [
      "userProperties",
      [{ a: "1" }, { a: "2" }],
      {
        userProperties: [
          ["a", "1"],
          ["a", "2"],
        ],
      },
    ],
    ["userProperties", [], { userProperties: [] }],
    ["userProperties", null, { userProperties: [] }],
  ])("%s may be %j", (field, value, expected) => {
    expect(message({ [field]: value })).toMatchObject(expected);
  });

  it.each([
    ["topic", 1],
    ["topic", "a/#"],
    ["qos", 3],
    ["qos", "1.0"],
    ["retain", 1],
    ["clientId", {}],
    ["clientId", "\udc00"],
    ["messageId", 2 ** 53],
    ["messageId", 1.5],
    ["publishedAt", -1],
    ["publishedAt", "yesterday"],
    ["publishedAt", 1e300],
    ["publishedAt", true],
    ["messageExpiryInterval", 4294967296],
    ["messageExpiryInterval", -1],
    ["contentType", 1],
    ["userProperties", "a=1"],
    ["userProperties", [{ a: "1", b: "2" }]],
    ["userProperties", [{}]],
    ["userProperties", { a: 1 }],
    ["userProperties", [["a", "1"], { b: "2" }]],
  ])("%s cannot be %j", (field, value) => {
    expect(issues({ topic: "t", payload: "", [field]: value })).toMatchObject([{ path: field }]);
  });
});

describe("the topic of the json adapter", () => {
  const body = JSON.stringify({ payload: "" });
  const topic = (headers: Record<string, string>, query = "") =>
    onlyMessage(adapter, webhookRequest(body, headers, query)).topic;

  it("is that of the header, else of the query, when the envelope has none", () => {
    expect(topic({ "mqtt-topic": "d%C3%BCse/1" })).toBe("düse/1");
    expect(topic({}, "topic=a%2Fb")).toBe("a/b");
    expect(topic({ "mqtt-topic": "a" }, "topic=b")).toBe("a");
    expect(topic({ "mqtt-topic": "undefined" }, "topic=b")).toBe("b");
  });

  it("is that of the envelope before all others", () => {
    const request = webhookRequest('{"topic":"t","payload":""}', { "mqtt-topic": "a" }, "topic=b");
    expect(onlyMessage(adapter, request).topic).toBe("t");
  });

  it("is the same for each element of an array", () => {
    const { elements } = adapter.read(webhookRequest(`[${body},{"topic":"u","payload":""}]`, {}, "topic=a"));
    expect(elements).toMatchObject([{ message: { topic: "a" } }, { message: { topic: "u" } }]);
  });

  it.each([
    [{}, ""],
    [{ "mqtt-topic": "a/#" }, ""],
    [{ "mqtt-topic": "%" }, "topic=b"],
    [{}, "topic=%23"],
    [{}, "topic="],
  ])("cannot be missing or wrong (%j, '%s')", (headers, query) => {
    const error = readError(adapter, webhookRequest(body, headers, query));
    expect(error).toMatchObject({ name: "EnvelopeError", issues: [{ path: "topic" }] });
  });
});

describe("a body of the json adapter", () => {
  it("may be an array, whose broken elements are kept alone", () => {
    const { elements, isArray } = adapter.read(
      webhookRequest('[{"topic":"t","payload":1.0}, {"topic":"#", "payload":2},3]'),
    );
    expect(isArray).toBe(true);
    expect(payloadText(elements[0])).toBe("1.0");
    expect(elements.slice(1)).toEqual([
      {
        kind: "broken",
        path: "[1]",
        reason: "topic: met a string, wanted a Topic Name without wildcards",
        body: bytes('{"topic":"#", "payload":2}'),
      },
      { kind: "broken", path: "[2]", reason: "topic: met nothing, wanted a string", body: bytes("3") },
    ]);
  });

  it.each(["application/json", "application/senml+json; charset=utf-8", "TEXT/JSON", ""])(
    "may be of type '%s'",
    (type) => {
      const request = webhookRequest(
        '{"topic":"t","payload":""}',
        type === "" ? {} : { "content-type": type },
      );
      expect(readError(adapter, request)).toBeUndefined();
    },
  );

  it.each(["text/plain", "application/jsonp", "application/x-www-form-urlencoded", "json", "a/b+json+x"])(
    "cannot be of type %s",
    (type) => {
      expect(readError(adapter, webhookRequest("{}", { "content-type": type }))).toBeInstanceOf(
        ContentTypeError,
      );
    },
  );

  it.each(["", "{", "\ud800", "nothing"])("cannot be '%s'", (body) => {
    expect(readError(adapter, webhookRequest(body))).toBeInstanceOf(EnvelopeError);
  });

  it("is refused with a hint when it is another sender's and has no topic", () => {
    expect(issues({ mountpoint: "", client_id: "c", payload: "" })[0]?.message).toContain("VerneMQ");
  });
});
