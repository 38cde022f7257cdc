import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ExportLogsServiceRequestSchema } from "../../gen/opentelemetry/proto/collector/logs/v1/logs_service_pb.ts";
import { createLogsEncoder } from "../../pipeline/otlp/encode.ts";
import { levels } from "../../pipeline/payload/format.ts";
import {
  at,
  counter,
  decodeLogs,
  log,
  logItems,
  message,
  metricItems,
  noonUs,
  plainAttributes,
  settings,
} from "./fixtures.ts";

function encodeLogs(
  ...messages: Parameters<ReturnType<ReturnType<typeof createLogsEncoder>["begin"]>["add"]>[]
) {
  const encoding = createLogsEncoder(settings).begin();
  for (const [stored, items] of messages) expect(encoding.add(stored, items)).toBe(true);
  const { request = new Uint8Array(), items } = encoding.finish();
  return { request, items, records: decodeLogs(request) };
}

function encodeOne(...input: Parameters<typeof log>) {
  const [record] = encodeLogs([message(), logItems(log(...input))]).records;
  if (record === undefined) throw new Error("no record");
  return record;
}

describe("createLogsEncoder()", () => {
  it("writes one Resource and one scope without a version", () => {
    const { request } = encodeLogs([message(), logItems(log(), log())]);
    const { resourceLogs } = fromBinary(ExportLogsServiceRequestSchema, request);
    expect(resourceLogs).toHaveLength(1);
    expect(plainAttributes(resourceLogs[0]?.resource?.attributes ?? [])).toEqual(settings.resourceAttributes);
    expect(resourceLogs[0]?.scopeLogs.map(({ scope }) => [scope?.name, scope?.version])).toEqual([
      ["mqtt-otlp-gateway", ""],
    ]);
    expect(resourceLogs[0]?.scopeLogs[0]?.logRecords).toHaveLength(2);
  });

  it.each(levels.map((level, i) => [level, 1 + 4 * i] as const))("%s has severity %i", (level, severity) => {
    const record = encodeOne({ level, severityText: level.toUpperCase() });
    expect([record.severityNumber, record.severityText]).toEqual([severity, level.toUpperCase()]);
  });

  it("keeps the body as a text, also an empty one", () => {
    expect(encodeOne({ body: "Tür offen €" }).body?.value).toEqual({
      case: "stringValue",
      value: "Tür offen €",
    });
    expect(encodeOne({ body: "" }).body?.value).toEqual({ case: "stringValue", value: "" });
  });

  it("takes the time from the payload and the observed time from the arrival", () => {
    const record = encodeOne({ timeUnixNano: 1754851200000000001n });
    expect(record.timeUnixNano).toBe(1754851200000000001n);
    expect(record.observedTimeUnixNano).toBe(BigInt(noonUs) * 1000n);
  });

  it("leaves the time out when the payload has none", () => {
    const record = encodeOne();
    expect(record.timeUnixNano).toBe(0n);
    expect(record.observedTimeUnixNano).toBe(at(0));
  });

  it("adds the messaging attributes to the log's own", () => {
    const { attributes } = encodeOne({ attributes: [{ key: "door", value: "7" }] });
    expect(plainAttributes(attributes)).toEqual({
      door: "7",
      "messaging.system": "mqtt",
      "messaging.destination.name": "plant/line1",
    });
  });

  it("lets the log's own attribute win over one of the message", () => {
    const { attributes } = encodeOne({ attributes: [{ key: "messaging.destination.name", value: "mine" }] });
    expect(attributes.map(({ key }) => key)).toEqual(["messaging.destination.name", "messaging.system"]);
    expect(plainAttributes(attributes)["messaging.destination.name"]).toBe("mine");
  });

  it("writes typed attribute values", () => {
    const { attributes } = encodeOne({
      attributes: [
        { key: "yes", value: true },
        { key: "no", value: false },
        { key: "int", value: 5 },
        { key: "negative", value: -5 },
        { key: "large", value: 9223372036854775807n },
        { key: "double", value: 0.5 },
        { key: "beyond", value: 2n ** 64n },
      ],
    });
    expect(attributes.slice(0, 7).map(({ value }) => value?.value)).toEqual([
      { case: "boolValue", value: true },
      { case: "boolValue", value: false },
      { case: "intValue", value: 5n },
      { case: "intValue", value: -5n },
      { case: "intValue", value: 9223372036854775807n },
      { case: "doubleValue", value: 0.5 },
      { case: "doubleValue", value: 2 ** 64 },
    ]);
  });

  it("carries the trace context of the message", () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const [record] = encodeLogs([
      message({ userProperties: [["traceparent", traceparent]] }),
      logItems(log()),
    ]).records;
    expect(Buffer.from(record?.traceId ?? []).toString("hex")).toBe("0af7651916cd43dd8448eb211c80319c");
    expect(Buffer.from(record?.spanId ?? []).toString("hex")).toBe("b7ad6b7169203331");
    expect(record?.flags).toBe(1);
  });

  it("writes no ids without a trace context", () => {
    const record = encodeOne();
    expect([record.traceId.length, record.spanId.length, record.flags]).toEqual([0, 0, 0]);
  });

  it("sends nothing when there is nothing to send", () => {
    const encoding = createLogsEncoder(settings).begin();
    expect(encoding.add(message(), metricItems(counter(1)))).toBe(true);
    expect(encoding.messages).toBe(1);
    expect(encoding.finish()).toEqual({ request: undefined, items: 0 });
    expect(encoding.commit()).toBeUndefined();
  });

  it("add() takes all records of a message or none when the request is full", () => {
    const { request: full } = encodeLogs([message(), logItems(log(), log(), log())]);
    const encoding = createLogsEncoder({ ...settings, requestBytesMax: full.length }).begin();
    expect(encoding.add(message(), logItems(log()))).toBe(true);
    expect(encoding.add(message(), logItems(log(), log(), log()))).toBe(false);
    expect(encoding.messages).toBe(1);
    expect(encoding.add(message(), logItems(log(), log()))).toBe(true);
    expect(encoding.add(message(), logItems(log({ body: "" })))).toBe(false);
    expect(encoding.finish()).toEqual({ request: full, items: 3 });
  });
});
