/** What a receiver gets from a whole gateway whose sources add attributes to their messages. */
import { expect, it } from "vitest";
import type { LogRecord } from "../../gen/opentelemetry/proto/logs/v1/logs_pb.ts";
import { numberPoints, plainAttributes } from "../otlp/fixtures.ts";
import { createFolder, startGateway, startReceiver } from "../support/running-gateway.ts";

const payload = JSON.stringify({
  metrics: [{ name: "parts", type: "u64_counter", value: 1 }],
  logs: [{ level: "info", value: "door open" }],
});

it("topic, client, User Properties and baggage become attributes where the source says so", async () => {
  const { metrics, logs, endpoint } = await startReceiver("collector");
  const source = {
    attributes: { line: "${topic.2}", device: "${clientId}", site: "${userProperty.site}", plant: "7" },
    baggage: ["tenant"],
  };
  const { publish, flush } = await startGateway(createFolder(), [endpoint], { source });
  await publish("plant/line1", payload, {
    "Mqtt-Client-Id": "t-1",
    "Mqtt-User-Property": "site=north",
    baggage: "tenant=a%20b,user=secret",
    b3: `${"ab".repeat(16)}-${"cd".repeat(8)}-1`,
  });
  await flush();
  const added = { line: "line1", device: "t-1", site: "north", plant: "7", tenant: "a b" };
  const [point] = numberPoints(metrics);
  expect(plainAttributes(point?.attributes ?? [])).toEqual(added);
  expect(Buffer.from(point?.exemplars[0]?.traceId ?? []).toString("hex")).toBe("ab".repeat(16));
  expect(plainAttributes(logs[0]?.attributes ?? [])).toEqual({
    ...added,
    "messaging.system": "mqtt",
    "messaging.destination.name": "plant/line1",
  });
});

it("values beyond attributeValuesMax share one, and the log says so once", async () => {
  const { metrics, logs, endpoint } = await startReceiver("collector");
  const source = { attributes: { device: "${topic}" }, attributeValuesMax: 1 };
  const { logger, publish, flush } = await startGateway(createFolder(), [endpoint], { source });
  for (const device of ["a", "b", "c", "a"]) {
    await publish(device, payload);
    await flush();
  }
  const devices = (list: { attributes: LogRecord["attributes"] }[]) =>
    list.map(({ attributes }) => plainAttributes(attributes).device);
  const points = numberPoints(metrics);
  expect(devices(points)).toEqual(["a", "(other)", "(other)", "a"]);
  expect(points.map(({ value }) => value.value)).toEqual([1n, 1n, 2n, 2n]);
  expect(devices(logs)).toEqual(["a", "b", "c", "a"]);
  const warnings = logger.lines.filter(({ level }) => level === "warn");
  expect(warnings).toMatchObject([
    { fields: { destination: "collector", source: "raw", attribute: "device", valuesMax: 1 } },
  ]);
});
