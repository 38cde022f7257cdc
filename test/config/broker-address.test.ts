import { describe, expect, it } from "vitest";
import { type BrokerAddressOptions, resolveBrokerAddress } from "../../pipeline/config/broker-address.ts";

const silent: BrokerAddressOptions = { tlsMode: undefined, protocol: undefined, doesSchemeDecide: false };

describe("resolveBrokerAddress()", () => {
  it.each<[string, Partial<BrokerAddressOptions>, string]>([
    ["broker", {}, "mqtts://broker:8883"],
    ["broker:1", {}, "mqtts://broker:1"],
    ["broker", { tlsMode: "Enabled" }, "mqtts://broker:8883"],
    ["broker", { tlsMode: "Disabled" }, "mqtt://broker:1883"],
    ["broker", { protocol: "Mqtt" }, "mqtts://broker:8883"],
    ["broker", { protocol: "WebSockets" }, "wss://broker:443/mqtt"],
    ["broker", { protocol: "WebSockets", tlsMode: "Disabled" }, "ws://broker:80/mqtt"],
    ["broker:9001/ws", { protocol: "WebSockets" }, "wss://broker:9001/ws"],
    ["mqtt://broker", {}, "mqtt://broker:1883"],
    ["mqtts://broker", {}, "mqtts://broker:8883"],
    ["MQTTS://Broker.Example/", {}, "mqtts://broker.example:8883"],
    ["ws://broker", {}, "ws://broker:80/mqtt"],
    ["wss://broker", {}, "wss://broker:443/mqtt"],
    ["wss://broker/", {}, "wss://broker:443/"],
    ["wss://broker:8084/a/b", { protocol: "WebSockets", tlsMode: "Enabled" }, "wss://broker:8084/a/b"],
    ["[::1]:1883", { tlsMode: "Disabled" }, "mqtt://[::1]:1883"],
    ["10.0.0.1", {}, "mqtts://10.0.0.1:8883"],
  ])("makes of %s with %o: %s", (text, options, url) => {
    expect(resolveBrokerAddress(text, { ...silent, ...options })).toEqual({ url, isContradicted: false });
  });

  it.each<[string, Partial<BrokerAddressOptions>, string]>([
    ["http://broker", {}, "Wanted scheme mqtt, mqtts, ws or wss, met http"],
    ["constructor://broker", {}, "Wanted scheme mqtt, mqtts, ws or wss, met constructor"],
    [
      "u:hunter2@broker",
      {},
      "Wanted a host without user name and password, which stand in the bridge, met one with them",
    ],
    ["<BROKER>", {}, "Wanted the broker's address, met the placeholder <BROKER>"],
    ["wss://broker/mqtt?token=hunter2", {}, "Wanted a host without query and fragment, met one with them"],
    ["broker/a", {}, 'Wanted a host without a path for protocol Mqtt, met "/a"'],
    ["mqtt://", {}, 'Wanted a host such as broker:8883 or mqtts://broker:8883, met "mqtt://"'],
    ["broker:0", {}, 'Wanted a host such as broker:8883 or mqtts://broker:8883, met "broker:0"'],
    ["broker:65536", {}, 'Wanted a host such as broker:8883 or mqtts://broker:8883, met "broker:65536"'],
    ["a b", {}, 'Wanted a host such as broker:8883 or mqtts://broker:8883, met "a b"'],
    [
      "mqtt://broker",
      { protocol: "WebSockets" },
      "Wanted a scheme and a protocol that agree, met mqtt:// with protocol WebSockets",
    ],
    [
      "wss://broker",
      { protocol: "Mqtt", doesSchemeDecide: true },
      "Wanted a scheme and a protocol that agree, met wss:// with protocol Mqtt",
    ],
  ])("refuses %s with %o", (text, options, fault) => {
    expect(resolveBrokerAddress(text, { ...silent, ...options })).toEqual({ fault });
  });

  it.each([
    ["mqtt://broker", "Enabled", "mqtt://broker:1883"],
    ["mqtts://broker", "Disabled", "mqtts://broker:8883"],
    ["ws://broker", "Enabled", "ws://broker:80/mqtt"],
    ["wss://broker", "Disabled", "wss://broker:443/mqtt"],
  ] as const)("refuses %s with tls.mode %s, unless the scheme decides", (text, tlsMode, url) => {
    const [scheme] = text.split(":");
    expect(resolveBrokerAddress(text, { ...silent, tlsMode })).toEqual({
      fault: `Wanted a scheme and a tls.mode that agree, met ${scheme}:// with tls.mode ${tlsMode}`,
      isContradiction: true,
    });
    expect(resolveBrokerAddress(text, { ...silent, tlsMode, doesSchemeDecide: true })).toEqual({
      url,
      isContradicted: true,
    });
  });
});
