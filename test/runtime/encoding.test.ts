import { expect, it } from "vitest";
import { createFolder, startGateway, startReceiver } from "../support/running-gateway.ts";

/** What a receiver gets of these payloads, posted one after another, and flushed. */
async function metricsOf(fields: { source?: object; destination?: object }, payloads: readonly string[]) {
  const { metrics, endpoint } = await startReceiver("collector");
  const { publish, flush } = await startGateway(createFolder(), [endpoint], {
    source: fields.source ?? {},
    spec: { destinations: [{ endpointRef: "collector", ...fields.destination }] },
  });
  for (const payload of payloads) {
    await publish("a", payload);
    await flush();
  }
  return metrics;
}

const item = (type: string, value: number, seconds: number) =>
  JSON.stringify({
    metrics: [{ name: "x", type, value, timestamp: 1_767_607_200_000_000_000 + seconds * 1e9 }],
  });

it("a destination may take exponential histograms", async () => {
  const metrics = await metricsOf({ destination: { histogramAggregation: "exponential" } }, [
    item("f64_histogram", 4, 0),
  ]);
  expect(metrics.map(({ data }) => data)).toMatchObject([
    { case: "exponentialHistogram", value: { dataPoints: [{ count: 1n, sum: 4 }] } },
  ]);
});

it("a source may post totals, which are never added up", async () => {
  const metrics = await metricsOf({ source: { counterValues: "total" } }, [
    item("u64_counter", 100, 0),
    item("u64_counter", 107, 60),
  ]);
  const values = metrics.map(({ data }) =>
    data.case === "sum" ? data.value.dataPoints.map(({ value }) => value.value) : data.case,
  );
  expect(values).toEqual([[100n], [107n]]);
});
