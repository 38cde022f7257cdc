import { describe, expect, it } from "vitest";
import { EnvelopeError } from "../../pipeline/errors.ts";
import { createRawAdapter } from "../../pipeline/source/raw.ts";
import { onlyMessage, readError, webhookRequest } from "./request.ts";

const adapter = createRawAdapter({});
/** A header's bytes as a runtime hands them over: one character each. */
const latin1 = (text: string) => String.fromCharCode(...new TextEncoder().encode(text));
const read = (headers: Record<string, string> | [string, string][], query = "") =>
  onlyMessage(adapter, webhookRequest(Uint8Array.of(0, 255), headers, query));

describe("the raw adapter", () => {
  it("reads every header and leaves the body alone", () => {
    const message = read([
      ["Mqtt-Topic", "plant%2Fd%C3%BCse/1"],
      ["Mqtt-Qos", "2"],
      ["Mqtt-Retain", "true"],
      ["Mqtt-Client-Id", "press-07"],
      ["Mqtt-Message-Id", "01J"],
      ["Mqtt-Published-At", "2026-01-05T10:00:00.5Z"],
      ["Mqtt-Message-Expiry-Interval", "4294967295"],
      ["Mqtt-Content-Type", "application/json"],
      ["Mqtt-User-Property", "a%3Db=c%2Cd"],
      ["Mqtt-User-Property", "a%3Db=x=y"],
      ["Mqtt-User-Property", "empty="],
      ["Content-Type", "image/png"],
    ]);
    expect(message).toEqual({
      topic: "plant/düse/1",
      payload: Uint8Array.of(0, 255),
      qos: 2,
      retain: true,
      clientId: "press-07",
      messageId: "01J",
      publishedAtUs: 1767607200500000,
      messageExpiryIntervalSeconds: 4294967295,
      contentType: "application/json",
      userProperties: [
        ["a=b", "c,d"],
        ["a=b", "x=y"],
        ["empty", ""],
      ],
    });
  });

  it("needs only a topic, also as a query parameter", () => {
    const bare = { topic: "a/b", payload: Uint8Array.of(0, 255), userProperties: [] };
    expect(read({ "mqtt-topic": "a/b" })).toEqual(bare);
    expect(read({}, "topic=a%2Fb")).toEqual(bare);
    expect(read({ "mqtt-topic": "a/b" }, "topic=other")).toEqual(bare);
  });

  it("reads UTF-8 that was not percent-encoded", () => {
    expect(read({ "mqtt-topic": latin1("düse/€"), "mqtt-client-id": latin1("ü") })).toMatchObject({
      topic: "düse/€",
      clientId: "ü",
    });
    expect(read({ "mqtt-topic": "d\xfcse" })).toMatchObject({ topic: "düse" });
    expect(read({ "mqtt-topic": latin1("\ufeffa") })).toMatchObject({ topic: "\ufeffa" });
  });

  it("takes milliseconds since 1970 as a broker's template fills them in", () => {
    expect(read({ "mqtt-topic": "t", "mqtt-published-at": "1767607200123" })).toMatchObject({
      publishedAtUs: 1767607200123000,
    });
  });

  it("takes the text undefined and an empty header for absent", () => {
    const names = [
      "qos",
      "retain",
      "client-id",
      "message-id",
      "published-at",
      "message-expiry-interval",
      "content-type",
      "user-property",
    ];
    const bare = { topic: "t", payload: Uint8Array.of(0, 255), userProperties: [] };
    for (const nothing of ["undefined", ""]) {
      const headers = Object.fromEntries(names.map((name) => [`mqtt-${name}`, nothing]));
      expect(read({ ...headers, "mqtt-topic": "t" })).toEqual(bare);
    }
  });

  it.each<[string, Record<string, string>]>([
    ["Mqtt-Topic", { "mqtt-topic": "" }],
    ["Mqtt-Topic", { "mqtt-topic": "undefined" }],
    ["Mqtt-Topic", { "mqtt-topic": "a/%23" }],
    ["Mqtt-Topic", { "mqtt-topic": "a/%" }],
    ["Mqtt-Topic", { "mqtt-topic": "%ff" }],
    ["Mqtt-Topic", { "mqtt-topic": "a%00" }],
    ["Mqtt-Qos", { "mqtt-qos": "3" }],
    ["Mqtt-Qos", { "mqtt-qos": "01" }],
    ["Mqtt-Retain", { "mqtt-retain": "yes" }],
    ["Mqtt-Published-At", { "mqtt-published-at": "now" }],
    ["Mqtt-Published-At", { "mqtt-published-at": "8993721600000" }],
    ["Mqtt-Message-Expiry-Interval", { "mqtt-message-expiry-interval": "4294967296" }],
    ["Mqtt-Message-Expiry-Interval", { "mqtt-message-expiry-interval": "-1" }],
    ["Mqtt-User-Property", { "mqtt-user-property": "a" }],
    ["Mqtt-User-Property", { "mqtt-user-property": "a=%" }],
    ["Mqtt-User-Property", { "mqtt-user-property": "a=1,,b=2" }],
  ])("refuses a bad %s: %j", (path, headers) => {
    const error = readError(adapter, webhookRequest("", { "mqtt-topic": "t", ...headers }));
    expect(error).toBeInstanceOf(EnvelopeError);
    expect((error as EnvelopeError).issues).toEqual([
      { path, message: expect.stringMatching(/^met .+, wanted .+/) },
    ]);
  });

  it.each([
    ["nothing", {}, ""],
    ["another text", { "mqtt-topic": "a/#" }, ""],
    ["another text", {}, "?topic=a/%23"],
  ])("says each place for a topic when it meets %s: %j %s", (met, headers, query) => {
    const error = readError(adapter, webhookRequest("", headers, query));
    expect((error as EnvelopeError).message).toBe(
      `Cannot read the body as raw: Mqtt-Topic: met ${met}, wanted a percent-encoded Topic Name without wildcards, here or in the query parameter topic`,
    );
  });
});
