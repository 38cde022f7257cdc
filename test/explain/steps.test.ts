import { describe, expect, it } from "vitest";
import { findOrigin } from "../../pipeline/explain/origin.ts";
import { metric, rules } from "../mapping/support.ts";
import { arrivedAtUs, configOf, explain, stepOf, stopOf } from "./support.ts";

const seconds = 1_000_000;

describe("explain", () => {
  it("tells every step of a message that is accepted, in the order of the checks", async () => {
    const { verdict, isDelivered, arrivedAt, steps } = await explain(configOf());
    expect({ verdict, isDelivered, arrivedAt }).toEqual({
      verdict: "accepted",
      isDelivered: true,
      arrivedAt: "2026-01-05T10:00:00.000Z",
    });
    expect(steps).toEqual([
      { step: "source", passes: true, detail: "devices: POST /webhooks/devices, adapter mqtt" },
      { step: "topic", passes: true, detail: '"plant/a" is taken, as any topic is' },
      { step: "payloadSize", passes: true, detail: "84 bytes, limit is 1048576" },
      { step: "expiry", passes: true, detail: "never" },
      { step: "duplicate", passes: true, detail: "no message id: a repeat counts as another message" },
      { step: "payload", passes: true, detail: "read as AIO JSON, strictly: 1 metric, 0 logs" },
    ]);
  });

  it("ends at the topic when none of the source's filters matches it", async () => {
    const explanation = await explain(configOf({ source: "topicFilters: [site/#]" }));
    expect(explanation).toMatchObject({ verdict: "deadLettered", isDelivered: false, lanes: [] });
    expect(explanation.steps.at(-1)).toEqual(stopOf(explanation));
    expect(stopOf(explanation)).toEqual({
      step: "topic",
      passes: false,
      detail: 'Cannot take topic "plant/a": wanted one that matches site/#',
    });
  });

  it("names the filter that a topic matches", async () => {
    const explanation = await explain(configOf({ source: "topicFilters: [site/#, plant/+]" }));
    expect(stepOf(explanation, "topic")?.detail).toBe('"plant/a" matches plant/+');
  });

  it("ends at the size of a payload beyond the limit", async () => {
    const explanation = await explain(configOf({ spec: "limits: { payloadBytes: 83 }" }));
    expect(explanation.steps.map(({ step }) => step)).toEqual(["source", "topic", "payloadSize"]);
    expect(stopOf(explanation)?.detail).toBe("Cannot take a payload of 84 bytes: limit is 83");
  });

  it("ends where a message has expired, and looks at nothing behind it", async () => {
    const explanation = await explain(configOf(), {
      payload: "no JSON",
      publishedAtUs: arrivedAtUs - 30 * seconds,
      messageExpiryIntervalSeconds: 30,
    });
    expect(explanation).toMatchObject({ verdict: "expired", isDelivered: false });
    expect(explanation.steps.at(-1)).toEqual({
      step: "expiry",
      passes: false,
      detail: "expired at 2026-01-05T10:00:00.000Z",
    });
  });

  it("tells when a message expires that has not", async () => {
    const explanation = await explain(configOf(), { messageExpiryIntervalSeconds: 30 });
    expect(stepOf(explanation, "expiry")?.detail).toBe("at 2026-01-05T10:00:30.000Z");
    expect(explanation.isDelivered).toBe(true);
  });

  it("tells by what a repeat is known, and whether repeats are looked for at all", async () => {
    const known = await explain(configOf(), { messageId: "m\n1" });
    expect(stepOf(known, "duplicate")?.detail).toBe(
      'message id "m\\n1" of source devices: a repeat within 3600 s is acknowledged and stored no more',
    );
    const ofClient = await explain(configOf(), { messageId: "m1", clientId: "c1" });
    expect(stepOf(ofClient, "duplicate")?.detail).toContain('of client "c1" of source devices');
    const off = await explain(configOf({ spec: "dedupe: { seconds: 0 }" }), { messageId: "m1" });
    expect(stepOf(off, "duplicate")?.detail).toBe("repeats are not looked for");
  });

  it("ends at the payload with the path and the reason of the refusal", async () => {
    const payload = { metrics: [{ name: "x", type: "u64_gauge", value: -1, attributes: [] }] };
    const explanation = await explain(configOf(), { payload });
    expect(explanation).toMatchObject({ verdict: "deadLettered", items: { metrics: [], logs: [] } });
    expect(stopOf(explanation)).toMatchObject({
      step: "payload",
      detail: expect.stringMatching(/^read as AIO JSON, strictly: metrics\[0\]\.value: .*met -1, wanted/),
    });
  });

  it("reads a payload as leniently as the source does", async () => {
    const payload = { logs: [{ level: "WARN", value: "hot", attributes: [] }] };
    expect((await explain(configOf(), { payload })).isDelivered).toBe(false);
    const lenient = await explain(configOf({ source: "lenient: true" }), { payload });
    expect(lenient.items.logs).toMatchObject([{ level: "warn", body: "hot" }]);
    expect(stepOf(lenient, "payload")?.detail).toContain("leniently");
  });

  it("names the mapping that a message is read by", async () => {
    const config = { ...configOf(), mappings: [rules({ name: "thermostat", metrics: [metric()] })] };
    const explanation = await explain(config, { payload: { v: 1 } });
    expect(stepOf(explanation, "payload")?.detail).toBe(
      "read by Mapping thermostat, strictly: 1 metric, 0 logs",
    );
    expect(stopOf(await explain(config, { payload: {} }))?.detail).toContain(
      "metrics[0] of Mapping thermostat",
    );
  });

  it("tells that no mapping takes a message where there are some", async () => {
    const elsewhere = rules({ topicFilters: ["site/#"], metrics: [metric()] });
    const config = { ...configOf(), mappings: [elsewhere] };
    expect(stepOf(await explain(config), "payload")?.detail).toMatch(
      /^read as AIO JSON, as no Mapping and no DataflowGraph takes it, strictly: 1 metric/,
    );
  });

  it("names the filter that drops a message", async () => {
    const filter = { inputs: ["v"], expression: "$1 < 0" };
    const config = { ...configOf(), mappings: [rules({ name: "cold", filter, metrics: [metric()] })] };
    const explanation = await explain(config, { payload: { v: -1 } });
    expect(explanation).toMatchObject({ verdict: "filtered", isDelivered: false });
    expect(stopOf(explanation)?.detail).toContain("dropped by filter of Mapping cold");
    expect(await explain(config, { payload: { v: 1 } })).toMatchObject({ verdict: "accepted" });
  });
});

describe("findOrigin()", () => {
  const config = configOf({ source: "topicFilters: [site/#]" });
  const two = {
    ...config,
    sources: [...config.sources, ...configOf().sources.map((source) => ({ ...source, name: "second" }))],
  };
  const nameOf = (topic: string, name?: string) => findOrigin(two, { name, topic }).name;

  it("finds the source of a name", () => {
    expect(nameOf("plant/a", "devices")).toBe("devices");
  });

  it("takes the first source that takes the topic where no name is given", () => {
    expect(nameOf("site/a")).toBe("devices");
    expect(nameOf("plant/a")).toBe("second");
  });

  it("takes the one that has a filter for the topic before one that takes any", () => {
    const config = configOf({
      spec: "bridges: [{ name: plant, endpointRef: broker, topicFilters: [plant/#] }]",
    });
    expect(findOrigin(config, { name: undefined, topic: "plant/a" }).name).toBe("plant");
    expect(findOrigin(config, { name: undefined, topic: "site/a" }).name).toBe("devices");
  });

  it("takes the first source where none takes the topic, for it to tell why", () => {
    expect(findOrigin(config, { name: undefined, topic: "plant/a" }).name).toBe("devices");
  });

  it("names the sources that there are when it finds none", () => {
    expect(() => nameOf("plant/a", "third")).toThrow(
      'Cannot find the source or bridge: met "third", wanted one of devices, second',
    );
    expect(() => findOrigin({ sources: [], bridges: [] }, { name: undefined, topic: "t" })).toThrow(
      "there is none",
    );
  });

  it("finds a bridge, whose messages are explained too", async () => {
    const config = configOf({
      spec: "bridges: [{ name: plant, endpointRef: broker, topicFilters: [plant/#] }]",
    });
    expect(findOrigin(config, { name: "plant", topic: "plant/a" }).name).toBe("plant");
    const { steps, isDelivered } = await explain(config, { from: "plant" });
    expect(steps[0]?.detail).toBe("plant: bridge to mqtt://broker.example:1883");
    expect(steps.find(({ step }) => step === "duplicate")?.detail).toBe(
      "by Packet Identifier: what the broker repeats within 3600 s is acknowledged and stored no more",
    );
    expect(isDelivered).toBe(true);
  });
});
