import { describe, expect, it } from "vitest";
import type { Exemplar } from "../../gen/opentelemetry/proto/metrics/v1/metrics_pb.ts";
import { createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { Encoder } from "../../pipeline/otlp/encoder.ts";
import type { MetricItem } from "../../pipeline/payload/format.ts";
import {
  counter,
  decodeMetrics,
  message,
  metricItems,
  modes,
  rewritten,
  seconds,
  sequencePoints,
  settings,
  traceparent,
} from "./fixtures.ts";

const otherTrace = `00-${"12".repeat(16)}-${"34".repeat(8)}-03`;

function send(encoder: Encoder, ...messages: [string | undefined, ...MetricItem[]][]): Uint8Array {
  const encoding = encoder.begin();
  for (const [trace, ...metrics] of messages) {
    const userProperties = trace === undefined ? [] : ([["traceparent", trace]] as const);
    encoding.add(message({ userProperties }), metricItems(...metrics));
  }
  const { request = new Uint8Array() } = encoding.finish();
  encoding.commit();
  return request;
}

function exemplars(request: Uint8Array): Exemplar[] {
  return sequencePoints(decodeMetrics(request)).flatMap(({ exemplars }) => exemplars);
}

describe("an exemplar", () => {
  it("is the last reading of the point that came from a sampled trace", () => {
    const request = send(
      createMetricsEncoder(settings),
      [traceparent, counter(1, 1)],
      [otherTrace, counter(2, 3)],
      [undefined, counter(4, 4)],
    );
    const [exemplar, ...more] = exemplars(request);
    expect(more).toEqual([]);
    expect(exemplar?.value).toEqual({ case: "asInt", value: 2n });
    expect(seconds(exemplar?.timeUnixNano ?? 0n)).toBe(3);
    expect(Buffer.from(exemplar?.traceId ?? []).toString("hex")).toBe("12".repeat(16));
    expect(Buffer.from(exemplar?.spanId ?? []).toString("hex")).toBe("34".repeat(8));
    expect(exemplar?.filteredAttributes).toEqual([]);
  });

  it.each(modes)("is on sums and histograms of each kind: %s", (_, mode) => {
    const request = send(createMetricsEncoder({ ...settings, ...mode }), [
      traceparent,
      counter(1, 1),
      counter(2.5, 1, { name: "a", type: "f64_up_down_counter" }),
      counter(3, 1, { name: "b", type: "u64_histogram" }),
      counter(4.5, 1, { name: "c", type: "f64_histogram" }),
      counter(5, 1, { name: "d", type: "f64_gauge" }),
    ]);
    expect(exemplars(request).map(({ value }) => value)).toEqual([
      { case: "asInt", value: 1n },
      { case: "asDouble", value: 2.5 },
      { case: "asInt", value: 3n },
      { case: "asDouble", value: 4.5 },
    ]);
    expect(rewritten(request)).toHaveLength(request.length);
  });

  it("belongs to its own window, and not to the points behind it", () => {
    const encoder = createMetricsEncoder(settings);
    const request = send(encoder, [traceparent, counter(1, 1)], [undefined, counter(1, 7)]);
    expect(sequencePoints(decodeMetrics(request)).map((point) => point.exemplars.length)).toEqual([1, 0]);
    expect(exemplars(send(encoder, [undefined, counter(1, 12)]))).toEqual([]);
  });

  it("has the time at which its reading counts, within the interval of its point", () => {
    const encoder = createMetricsEncoder(settings);
    send(encoder, [undefined, counter(1, 7)]);
    const [exemplar] = exemplars(send(encoder, [traceparent, counter(1, 3)]));
    expect(seconds(exemplar?.timeUnixNano ?? 0n)).toBe(7.001);
  });

  it.each([
    ["is not sampled", `${traceparent.slice(0, -2)}00`],
    ["is invalid", `00-${"0".repeat(32)}-${"cd".repeat(8)}-01`],
  ])("is not made from a trace that %s", (_, trace) => {
    expect(exemplars(send(createMetricsEncoder(settings), [trace, counter(1, 1)]))).toEqual([]);
  });

  it("goes again with a message that does not fit, and the one before it is back", () => {
    const first = [traceparent, counter(1, 1)] as [string, MetricItem];
    const alone = send(createMetricsEncoder(settings), first);
    const encoding = createMetricsEncoder({ ...settings, requestBytesMax: alone.length }).begin();
    encoding.add(message({ userProperties: [["traceparent", traceparent]] }), metricItems(counter(1, 1)));
    const second = message({ userProperties: [["traceparent", otherTrace]] });
    expect(encoding.add(second, metricItems(counter(2, 2), counter(1, 9)))).toBe(false);
    expect(encoding.finish().request).toEqual(alone);
  });
});
