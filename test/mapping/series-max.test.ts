import { describe, expect, it } from "vitest";
import { createPayloadFormat } from "../../pipeline/mapping/mappings.ts";
import type { MappingRules } from "../../pipeline/mapping/rules.ts";
import { createMetricsEncoder } from "../../pipeline/otlp/metrics-encoder.ts";
import { createParse } from "../../pipeline/parse-message.ts";
import { decodeMetrics, message, numberPoints, plainAttributes, settings } from "../otlp/fixtures.ts";
import { metric, rules } from "./support.ts";

interface Plant {
  devices: number;
  seriesMax: number;
}

/** What is told, and the points of each batch, when so many devices each send a part, in two batches. */
function run(mapping: MappingRules, { devices, seriesMax }: Plant) {
  const told: unknown[] = [];
  const encoder = createMetricsEncoder({ ...settings, seriesMax }, undefined, (limit) => told.push(limit));
  const parse = createParse([], createPayloadFormat([mapping]));
  const requests = [0, 1].map(() => {
    const encoding = encoder.begin();
    for (let device = 0; device < devices; device += 1) {
      const one = message({
        topic: `plant/d${device}`,
        payload: new TextEncoder().encode('{"v":1,"line":"7"}'),
      });
      const parsed = parse(one);
      if (parsed.kind !== "items") throw new Error(JSON.stringify(parsed));
      encoding.add(one, parsed.items);
    }
    const finished = encoding.finish();
    encoding.commit();
    return finished;
  });
  return { told, requests };
}

describe("a mapped metric with more series than seriesMax", () => {
  const attributes = { site: "north", device: `\${topic.2}` };
  const growing = rules({
    attributes,
    metrics: [
      metric({ name: "running", attributes: { device: "" } }),
      metric({ name: "parts", type: "u64_counter", attributes: { line: `\${payload.line}` } }),
    ],
  });
  const gauges = rules({ attributes, metrics: [metric({ name: "temperature" }), metric({ name: "speed" })] });

  it("is told once, with its rule and the attributes that vary", () => {
    expect(run(growing, { devices: 5, seriesMax: 3 }).told).toEqual([
      {
        metric: "parts",
        seriesMax: 3,
        rule: "metrics[1] of Mapping thermostat",
        attributes: ["device", "line"],
      },
    ]);
  });

  it("is told once for each rule of gauges too", () => {
    expect(run(gauges, { devices: 5, seriesMax: 3 }).told).toEqual([
      {
        metric: "speed",
        seriesMax: 3,
        rule: "metrics[1] of Mapping thermostat",
        attributes: ["device"],
      },
      {
        metric: "temperature",
        seriesMax: 3,
        rule: "metrics[0] of Mapping thermostat",
        attributes: ["device"],
      },
    ]);
  });

  it("keeps the first series of its gauges apart, and one that stands for the others", () => {
    const { requests } = run(gauges, { devices: 5, seriesMax: 3 });
    for (const { request = new Uint8Array() } of requests) {
      const metrics = decodeMetrics(request).map((one) => [
        one.name,
        ...numberPoints([one]).map(({ attributes }) => plainAttributes(attributes)),
      ]);
      const [first, second, shared] = [
        ...["d0", "d1"].map((device) => ({ site: "north", device })),
        { "otel.metric.overflow": true },
      ];
      expect(metrics).toEqual([
        ["temperature", first, second, shared],
        ["speed", first, shared],
      ]);
    }
  });

  it("is not told while there is room", () => {
    expect(run(growing, { devices: 3, seriesMax: 3 }).told).toEqual([]);
    expect(run(gauges, { devices: 3, seriesMax: 6 }).told).toEqual([]);
  });

  it("is told by its own name where no attribute varies", () => {
    const many = rules({ metrics: ["a", "b"].map((name) => metric({ name, type: "u64_counter" })) });
    expect(run(many, { devices: 1, seriesMax: 1 }).told).toEqual([{ metric: "b", seriesMax: 1 }]);
  });

  it("is told of a hundred metrics, however many names a device makes up", () => {
    const named = rules({ metrics: [metric({ name: `\${topic.2}`, type: "u64_counter" })] });
    expect(run(named, { devices: 300, seriesMax: 1 }).told).toHaveLength(100);
  });

  it("is not counted where no attribute of a gauge varies", () => {
    const many = rules({ metrics: ["a", "b"].map((name) => metric({ name })) });
    expect(run(many, { devices: 5, seriesMax: 1 }).told).toEqual([]);
  });
});
