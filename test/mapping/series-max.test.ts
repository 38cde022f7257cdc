import { describe, expect, it } from "vitest";
import { createPayloadFormat } from "../../pipeline/mapping/mappings.ts";
import type { MappingRules } from "../../pipeline/mapping/rules.ts";
import { createMetricsEncoder } from "../../pipeline/otlp/metrics-encoder.ts";
import { createParse } from "../../pipeline/parse-message.ts";
import { message, settings } from "../otlp/fixtures.ts";
import { metric, rules } from "./support.ts";

/** What is told when so many devices each send a part, in two batches. */
function toldBy(mapping: MappingRules, { devices, seriesMax }: { devices: number; seriesMax: number }) {
  const told: unknown[] = [];
  const encoder = createMetricsEncoder({ ...settings, seriesMax }, undefined, (limit) => told.push(limit));
  const parse = createParse([], createPayloadFormat([mapping]));
  for (let batch = 0; batch < 2; batch += 1) {
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
    encoding.finish();
    encoding.commit();
  }
  return told;
}

describe("a mapped metric with more series than seriesMax", () => {
  const growing = rules({
    attributes: { site: "north", device: `\${topic.2}` },
    metrics: [
      metric({ name: "gauges" }),
      metric({ name: "parts", type: "u64_counter", attributes: { line: `\${payload.line}` } }),
    ],
  });

  it("is told once, with its rule and the attributes that vary", () => {
    expect(toldBy(growing, { devices: 5, seriesMax: 3 })).toEqual([
      {
        metric: "parts",
        seriesMax: 3,
        rule: "metrics[1] of Mapping thermostat",
        attributes: ["device", "line"],
      },
    ]);
  });

  it("is not told while there is room", () => {
    expect(toldBy(growing, { devices: 3, seriesMax: 3 })).toEqual([]);
  });

  it("is told by its own name where no attribute varies", () => {
    const many = rules({ metrics: ["a", "b"].map((name) => metric({ name, type: "u64_counter" })) });
    expect(toldBy(many, { devices: 1, seriesMax: 1 })).toEqual([{ metric: "b", seriesMax: 1 }]);
  });
});
