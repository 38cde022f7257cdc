import { expect, it } from "vitest";
import { createMetricsEncoder } from "../../pipeline/otlp/encode.ts";
import type { Items } from "../../pipeline/payload/format.ts";
import { decodeMetrics, settings } from "../otlp/fixtures.ts";
import { outcomes } from "../support/fake-exporter.ts";
import { setUp } from "./setup.ts";

/** A reading of the device that the text names, and "poison": one of a metric that the receiver refuses. */
function itemsOf(device: string): Items {
  const name = device === "poison" ? device : "parts";
  const attributes = [{ key: "device", value: device }];
  return { metrics: [{ name, type: "u64_counter", value: 1, attributes }], logs: [] };
}

function setUpFull() {
  const encoder = createMetricsEncoder({ ...settings, seriesMax: 1 });
  return setUp({ latencyMs: 0, real: { encoder, itemsOf } });
}

it("overflowed readings count once, however often their batch is sent", async () => {
  const { append, flush, exporter, delivery } = setUpFull();
  await append(["a", "b", "c"]);
  exporter.answer = () => outcomes.unavailable;
  await flush();
  await flush();
  expect(delivery.health().overflowedReadings).toBe(0);
  exporter.answer = () => outcomes.accepted;
  await flush();
  expect(exporter.requests).toHaveLength(3);
  expect(delivery.health().overflowedReadings).toBe(2);
});

it("overflowed readings count once when their batch is halved, and not those of a dead letter", async () => {
  const { append, flush, exporter, delivery, ledger } = setUpFull();
  await append(["a", "b", "poison", "c"]);
  exporter.answer = () => outcomes.cut;
  await flush();
  exporter.answer = (request) =>
    decodeMetrics(request).some(({ name }) => name === "poison") ? outcomes.invalid : outcomes.accepted;
  await flush();
  expect(await ledger()).toMatchObject({ delivered: 3, deadLettered: 1 });
  expect(exporter.requests.length).toBeGreaterThan(3);
  expect(delivery.health().overflowedReadings).toBe(2);
});
