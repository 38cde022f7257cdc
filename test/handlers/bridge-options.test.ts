import { describe, expect, it } from "vitest";
import { readPublish } from "../../handlers/bridge/message.ts";
import { clientOptions } from "../../handlers/bridge/options.ts";
import { describeFailure, describeReasonCode } from "../../handlers/bridge/reasons.ts";
import { bridgeConfig, publishPacket } from "./bridge-setup.ts";

const identity = { clientId: "id", tls: { ca: ["authority"] }, user: undefined, authentication: undefined };
const optionsOf = (fields: Parameters<typeof bridgeConfig>[0]) =>
  clientOptions(bridgeConfig(fields), identity);

describe("clientOptions", () => {
  it.each([
    ["mqtt://broker:1884", { protocol: "mqtt", hostname: "broker", port: 1884 }],
    ["mqtts://broker:8883", { protocol: "mqtts", hostname: "broker", port: 8883 }],
    ["mqtt://[::1]:1883", { protocol: "mqtt", hostname: "::1", port: 1883 }],
    ["ws://broker:8083/mqtt", { protocol: "ws", hostname: "broker", port: 8083, path: "/mqtt" }],
    ["wss://[::1]:8084/a?b=c", { protocol: "wss", hostname: "[::1]", port: 8084, path: "/a?b=c" }],
  ])("leads to %s", (url, wanted) => {
    expect(optionsOf({ url })).toMatchObject(wanted);
  });

  it("gives certificates to secure connections alone, and checks the broker's", () => {
    expect(optionsOf({ url: "mqtts://broker:8883" })).toMatchObject({
      ca: ["authority"],
      rejectUnauthorized: true,
    });
    expect(optionsOf({ url: "mqtt://broker:1883" })).not.toHaveProperty("ca");
  });

  it("shows a client certificate where there is one", () => {
    const config = bridgeConfig({ url: "mqtts://broker:8883" });
    const tls = { ca: ["authority"], cert: "certificate", key: "key" };
    expect(clientOptions(config, { ...identity, tls })).toMatchObject({ cert: "certificate", key: "key" });
  });

  it("leaves it to the bridge when to connect again", () => {
    expect(optionsOf({})).toMatchObject({ manualConnect: true, reconnectPeriod: 0, resubscribe: false });
  });
});

describe("readPublish", () => {
  it("leaves out what MQTT 3.1.1 does not have", () => {
    const packet = publishPacket({ payload: Buffer.from("x"), retain: true, dup: true, messageId: 7 });
    expect(readPublish(packet)).toEqual({
      kind: "message",
      message: {
        topic: "plant/a",
        payload: Buffer.from("x"),
        qos: 1,
        retain: true,
        dup: true,
        repeatId: undefined,
        contentType: undefined,
        messageExpiryIntervalSeconds: undefined,
        publishedAtUs: undefined,
        userProperties: [],
      },
      delivery: { packetId: 7, isSettled: false },
      bytes: 1,
    });
  });
});

describe("describeFailure", () => {
  it.each([
    [new Error("connack timeout"), "The broker did not answer in time"],
    [new Error("Keepalive timeout"), "The broker answered no more"],
    [Object.assign(new Error("x"), { code: "ERR_SSL_WRONG_VERSION_NUMBER" }), "The port does not speak TLS"],
    [Object.assign(new Error("x"), { code: "ECONNREFUSED" }), "The connection was refused"],
    [Object.assign(new Error("x"), { code: "ENOTFOUND" }), "The host name is unknown"],
    [new Error("Unexpected server response: 404"), "The connection failed (Unexpected server response: 404)"],
  ])("says what %s means", (error, words) => {
    expect(describeFailure(error)).toContain(words);
  });
});

describe("describeReasonCode", () => {
  it("keeps a broker's words on one line and within bounds", () => {
    const described = describeReasonCode(135, `no\r\n${"x".repeat(10_000)}`);
    expect(described).not.toContain("\n");
    expect(described.length).toBeLessThan(800);
  });
});
