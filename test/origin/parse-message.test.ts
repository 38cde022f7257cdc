import { describe, expect, it } from "vitest";
import type { Origin } from "../../pipeline/config/config.ts";
import { createLogsEncoder, createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { Encoder } from "../../pipeline/otlp/encoder.ts";
import { createParse } from "../../pipeline/parse-message.ts";
import type { StoredMessage } from "../../pipeline/store/batch-store.ts";
import {
  decodeLogs,
  decodeMetrics,
  message,
  numberPoints,
  plainAttributes,
  settings,
  traceparent,
} from "../otlp/fixtures.ts";

const payload = {
  metrics: [
    { name: "parts", type: "u64_counter", value: 5 },
    { name: "parts", type: "u64_counter", value: 7, attributes: [{ key: "line", value: "own" }] },
  ],
  logs: [{ level: "info", value: "door open" }],
};

function origin(fields: Partial<Origin> = {}): Origin {
  return {
    name: "devices",
    topicFilters: [],
    lenient: false,
    counterValues: "increment",
    attributes: {},
    attributeValuesMax: 1000,
    baggage: [],
    ...fields,
  };
}

function stored(more: Partial<StoredMessage> = {}, body: unknown = payload): StoredMessage {
  return message({ payload: new TextEncoder().encode(JSON.stringify(body)), ...more });
}

function itemsOf(origins: Origin[], one: StoredMessage) {
  const parsed = createParse(origins)(one);
  if (parsed.kind === "refused") throw new Error(parsed.refusal.message);
  return parsed.items;
}

/** All that leaves for a message. */
function encoded(origins: Origin[], one: StoredMessage) {
  const items = itemsOf(origins, one);
  const request = (encoder: Encoder) => {
    const encoding = encoder.begin();
    encoding.add(one, items);
    return encoding.finish().request ?? new Uint8Array();
  };
  return {
    metrics: decodeMetrics(request(createMetricsEncoder(settings))),
    logs: decodeLogs(request(createLogsEncoder(settings))),
  };
}

/** The attributes of a message's points, and then of its log records. */
function sent(origins: Origin[], one: StoredMessage) {
  const { metrics, logs } = encoded(origins, one);
  return [...numberPoints(metrics), ...logs].map(({ attributes }) => plainAttributes(attributes));
}

const ofMessage = { "messaging.system": "mqtt", "messaging.destination.name": "plant/line1" };

describe("createParse()", () => {
  it("adds an origin's attributes to each point and log record, and an item's own win", () => {
    const attributes = {
      line: `\${topic.2}`,
      device: `\${clientId}`,
      plant: "7",
      gone: `\${userProperty.x}`,
    };
    expect(sent([origin({ attributes })], stored({ clientId: "t-1" }))).toEqual([
      { line: "line1", device: "t-1", plant: "7" },
      { line: "own", device: "t-1", plant: "7" },
      { line: "line1", device: "t-1", plant: "7", ...ofMessage },
    ]);
  });

  it("adds allowed baggage under its own key, behind the templates", () => {
    const settings = {
      baggage: ["site", "tier", "line"],
      attributes: { site: `\${topic.1}`, tier: `\${messageId}` },
    };
    const baggage = "site=s,tier=g%C3%BC,line=9,user=secret";
    expect(sent([origin(settings)], stored({ userProperties: [["baggage", baggage]] }))).toEqual([
      { site: "plant", tier: "gü", line: "9" },
      { site: "plant", tier: "gü", line: "own" },
      { site: "plant", tier: "gü", line: "9", ...ofMessage },
    ]);
  });

  it("adds nothing without such settings, whatever the message says", () => {
    const told = stored({ clientId: "t-1", userProperties: [["baggage", "site=s"]] });
    expect(sent([origin()], told)).toEqual([{}, { line: "own" }, ofMessage]);
    expect(itemsOf([origin()], told)).toEqual({ metrics: expect.anything(), logs: expect.anything() });
  });

  it("adds nothing where every template resolves to nothing", () => {
    const one = origin({ attributes: { device: `\${clientId}` }, baggage: ["site"] });
    expect(itemsOf([one], stored()).added).toBeUndefined();
  });

  it("limits the values of what varies, and of nothing else", () => {
    const attributes = { device: `\${clientId}`, plant: "7" };
    const one = origin({ attributes, baggage: ["site"], attributeValuesMax: 3 });
    const told = stored({ clientId: "t-1", userProperties: [["baggage", "site=s"]] });
    expect(itemsOf([one], told).added).toEqual([
      { key: "device", value: "t-1", valuesMax: 3, rule: `\${clientId}` },
      { key: "plant", value: "7" },
      { key: "site", value: "s", valuesMax: 3 },
    ]);
  });

  it("tells origins apart", () => {
    const origins = [
      origin({ attributes: { from: "devices" } }),
      origin({ name: "bridge", attributes: { from: "bridge" } }),
    ];
    expect(sent(origins, stored({ source: "bridge" }))[0]).toEqual({ from: "bridge" });
    expect(sent(origins, stored())[0]).toEqual({ from: "devices" });
  });

  it("reads strictly and adds nothing when the origin is no longer configured", () => {
    const lenient = origin({ lenient: true, attributes: { plant: "7" }, counterValues: "total" });
    const loose = stored({ source: "gone" }, { metrics: null, logs: [{ level: "INFO", value: "x" }] });
    expect(createParse([lenient])(loose).kind).toBe("refused");
    expect(createParse([lenient])({ ...loose, source: "devices" }).kind).toBe("items");
    expect(itemsOf([lenient], stored({ source: "gone" }))).not.toHaveProperty("added");
  });

  it("hands on the trace of a payload that is a CloudEvent", () => {
    const event = { specversion: "1.0", traceparent, data: payload };
    const one = stored({ contentType: "application/cloudevents+json" }, event);
    const { logs, metrics } = encoded([origin({ attributes: { plant: "7" } })], one);
    expect(Buffer.from(logs[0]?.traceId ?? []).toString("hex")).toBe("ab".repeat(16));
    expect(numberPoints(metrics).map((point) => point.exemplars.length)).toEqual([1, 1]);
  });

  it("hands on whether the values of counters are totals", () => {
    expect(itemsOf([origin({ counterValues: "total" })], stored()).counterValues).toBe("total");
    const added = origin({ attributes: { plant: "7" } });
    expect(itemsOf([added], stored()).counterValues).toBe("increment");
  });

  it("refuses what the payload's format refuses", () => {
    const one = origin({ attributes: { plant: "7" } });
    expect(createParse([one])(stored({}, { metrics: 5 })).kind).toBe("refused");
  });

  it("cannot be made from a template that cannot be read", () => {
    expect(() => createParse([origin({ attributes: { device: `\${client}` } })])).toThrow(
      "Cannot read attribute device of source devices: Wanted",
    );
  });
});
