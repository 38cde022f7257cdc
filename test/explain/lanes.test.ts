import { describe, expect, it } from "vitest";
import { endpoint, gateway, load } from "../config/support.ts";
import { arrivedAtUs, configOf, explain, one } from "./support.ts";

const log = { logs: [{ level: "warn", value: "hot", attributes: [] }] };
const traceparent = ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] as const;

/** The lanes without their requests, which other tests look at. */
async function lanesOf(...args: Parameters<typeof explain>) {
  const { lanes } = await explain(...args);
  return lanes.map(({ destination, signal, ...lane }) => ({
    lane: `${destination}/${signal}`,
    told: lane.exports ? "exports" : lane.reason,
  }));
}

async function requestOf(signal: string, ...args: Parameters<typeof explain>) {
  const { lanes } = await explain(...args);
  const lane = lanes.find((each) => each.signal === signal);
  return lane?.exports ? lane.request : undefined;
}

describe("the lanes of an explained message", () => {
  it("that a message has no items for do not get it", async () => {
    expect(await lanesOf(configOf())).toEqual([
      { lane: "collector/metrics", told: "exports" },
      { lane: "collector/logs", told: "the message has no logs" },
    ]);
    const nothing = { metrics: [] };
    expect(await lanesOf(configOf(), { payload: nothing })).toEqual([
      { lane: "collector/metrics", told: "the message has no metrics" },
      { lane: "collector/logs", told: "the message has no logs" },
    ]);
    expect(await explain(configOf(), { payload: nothing })).toMatchObject({
      verdict: "accepted",
      isDelivered: false,
    });
  });

  it("that a destination does not have are named when the message has items for them", async () => {
    const config = configOf({ destination: "signals: [logs]" });
    expect(await lanesOf(config)).toEqual([
      { lane: "collector/logs", told: "the message has no logs" },
      { lane: "collector/metrics", told: "it takes no metrics" },
    ]);
    expect((await explain(config)).isDelivered).toBe(false);
  });

  it("that want other topics or other sources do not get it", async () => {
    const byTopic = configOf({ destination: "signals: [metrics], topicFilters: [site/#, east/#]" });
    expect(await lanesOf(byTopic)).toEqual([
      { lane: "collector/metrics", told: "it takes topics that match site/#, east/# alone" },
    ]);
    expect(await lanesOf(byTopic, { topic: "site/b" })).toEqual([
      { lane: "collector/metrics", told: "exports" },
    ]);

    const bySource = configOf({
      destination: "signals: [metrics], sources: [plant]",
      spec: "bridges: [{ name: plant, endpointRef: broker, topicFilters: [plant/#] }]",
    });
    expect(await lanesOf(bySource, { from: "devices" })).toEqual([
      { lane: "collector/metrics", told: "it takes messages of plant alone" },
    ]);
    expect(await lanesOf(bySource, { from: "plant" })).toEqual([
      { lane: "collector/metrics", told: "exports" },
    ]);
  });

  it("of several destinations are told apart", async () => {
    const config = load(`${endpoint("host: http://127.0.0.1:4317\nbatching: {}")}---
${endpoint("host: http://127.0.0.1:4327\nbatching: {}", "second")}---
${gateway("destinations:\n  - { endpointRef: collector, topicFilters: [x] }\n  - { endpointRef: second }")}`);
    expect(await lanesOf(config, { payload: { ...one, ...log } })).toEqual([
      { lane: "collector/metrics", told: "it takes topics that match x alone" },
      { lane: "collector/logs", told: "it takes topics that match x alone" },
      { lane: "second/metrics", told: "exports" },
      { lane: "second/logs", told: "exports" },
    ]);
    const { lanes } = await explain(config);
    expect(lanes[2]).toMatchObject({ url: "http://127.0.0.1:4327" });
  });

  it("that would give a message up make it undelivered, though others export it", async () => {
    const config = configOf({ destination: "requestBytesMax: 1024" });
    const payload = { ...one, logs: [{ level: "info", value: "x".repeat(1024), attributes: [] }] };
    const explanation = await explain(config, { payload });
    expect(explanation.lanes).toMatchObject([
      { signal: "metrics", exports: true },
      {
        signal: "logs",
        exports: false,
        isOwed: true,
        reason: "Cannot send the message: its items alone are larger than requestBytesMax",
      },
    ]);
    expect(explanation.isDelivered).toBe(false);
  });
});

describe("the request of an explained lane", () => {
  it("is OTLP/JSON of metrics, with enumerations as numbers and 64-bit integers as strings", async () => {
    const value = 9007199254740993n;
    const payload = `{"metrics":[{"name":"n","type":"u64_counter","value":${value},"timestamp":1767607200123456789,"attributes":[]}]}`;
    const config = configOf({ destination: "resourceAttributes: { service.instance.id: i }" });
    expect(await requestOf("metrics", config, { payload })).toEqual({
      resourceMetrics: [
        {
          resource: {
            attributes: [
              { key: "service.instance.id", value: { stringValue: "i" } },
              { key: "service.name", value: { stringValue: "mqtt-otlp-gateway" } },
            ],
          },
          scopeMetrics: [
            {
              scope: { name: "mqtt-otlp-gateway" },
              metrics: [
                {
                  name: "n",
                  sum: {
                    aggregationTemporality: 2,
                    isMonotonic: true,
                    dataPoints: [
                      {
                        startTimeUnixNano: "1767607200000000000",
                        timeUnixNano: "1767607200123456789",
                        asInt: String(value),
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it("has the trace and span ids of log records and exemplars in hexadecimal", async () => {
    const payload = { ...log, metrics: [{ name: "n", type: "u64_counter", value: 1, attributes: [] }] };
    const ids = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
    const asked = { payload, userProperties: [traceparent] };
    const logs = await requestOf("logs", configOf(), asked);
    expect(logs).toMatchObject({
      resourceLogs: [
        {
          scopeLogs: [
            {
              logRecords: [
                { ...ids, severityNumber: 13, observedTimeUnixNano: `${arrivedAtUs}000`, flags: 1 },
              ],
            },
          ],
        },
      ],
    });
    const metrics = JSON.stringify(await requestOf("metrics", configOf(), asked));
    expect(metrics).toContain(`"traceId":"${ids.traceId}"`);
    expect(metrics).toContain(`"spanId":"${ids.spanId}"`);
  });

  it("leaves an attribute alone that has the name of an id", async () => {
    const attributes = [{ key: "traceId", value: "AAAA" }];
    const payload = { metrics: [{ name: "n", type: "u64_gauge", value: 1, attributes }] };
    const request = JSON.stringify(await requestOf("metrics", configOf(), { payload }));
    expect(request).toContain('{"key":"traceId","value":{"stringValue":"AAAA"}}');
  });

  it("has the store's instance id, and a remark where no store is open", async () => {
    const opened = await explain(configOf(), { instanceId: "store-1" });
    expect(JSON.stringify(opened.lanes)).toContain('"stringValue":"store-1"');
    expect(opened.remarks).toEqual([]);
    const without = await explain(configOf());
    expect(JSON.stringify(without.lanes)).not.toContain("service.instance.id");
    expect(without.remarks).toEqual([expect.stringContaining("service.instance.id")]);
  });
});

describe("the series of an explained lane", () => {
  async function seriesOf(metrics: object[], destination = "") {
    const { lanes, remarks } = await explain(configOf({ destination }), { payload: { metrics } });
    const [lane] = lanes;
    return { series: lane?.exports ? lane.series : undefined, remarks };
  }

  it("are those that its points belong to, each once", async () => {
    const at = (device: string, seconds: number) => ({
      name: "temperature",
      type: "f64_gauge",
      value: 1,
      timestamp: 1_767_607_200_000_000_000 + seconds * 1e9,
      attributes: [{ key: "device", value: device }],
    });
    const { series, remarks } = await seriesOf([at("a", 0), at("a", 1), at("b", 2)]);
    expect(series).toEqual([
      { name: "temperature", unit: "", type: "gauge", attributes: { device: "a" } },
      { name: "temperature", unit: "", type: "gauge", attributes: { device: "b" } },
    ]);
    expect(remarks).toEqual([expect.stringContaining("service.instance.id")]);
  });

  it.each([
    ["u64_counter", "", { type: "sum", temporality: "cumulative" }],
    ["u64_counter", "temporality: delta", { type: "sum", temporality: "delta" }],
    ["i64_up_down_counter", "temporality: delta", { type: "upDownSum", temporality: "cumulative" }],
    ["f64_histogram", "", { type: "histogram", temporality: "cumulative" }],
    [
      "f64_histogram",
      "histogramAggregation: exponential",
      { type: "exponentialHistogram", temporality: "cumulative" },
    ],
  ])("of a %s (%s) have its type, and a remark tells that they run on", async (type, destination, wanted) => {
    const { series, remarks } = await seriesOf([{ name: "n", type, value: 1, attributes: [] }], destination);
    expect(series).toEqual([{ name: "n", unit: "", attributes: {}, ...wanted }]);
    expect(remarks.at(-1)).toContain("carries on");
  });
});

describe("the items of an explained message", () => {
  it("are told with what their source adds to them, exactly", async () => {
    const config = configOf({ source: 'attributes: { site: "${topic.1}", device: other }' });
    const payload = `{"metrics":[{"name":"n","type":"i64_gauge","value":-9223372036854775808,"description":"d",
      "timestamp":1767607200123456789,"attributes":[{"key":"device","value":"t-1"}]}],
      "logs":[{"level":"warn","value":"hot","attributes":[]}]}`;
    expect((await explain(config, { payload })).items).toEqual({
      metrics: [
        {
          name: "n",
          type: "i64_gauge",
          value: "-9223372036854775808",
          unit: null,
          description: "d",
          time: "2026-01-05T10:00:00.123456789Z",
          attributes: { device: "t-1", site: "plant" },
        },
      ],
      logs: [{ level: "warn", body: "hot", time: null, attributes: { site: "plant", device: "other" } }],
    });
  });
});
