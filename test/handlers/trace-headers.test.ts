import { describe, expect, it } from "vitest";
import type { SourceConfig } from "../../pipeline/config/config.ts";
import { createLogsEncoder } from "../../pipeline/otlp/encode.ts";
import { createParse } from "../../pipeline/parse-message.ts";
import { decodeLogs, plainAttributes, settings } from "../otlp/fixtures.ts";
import { createTestApp, sourceConfig } from "../support/app.ts";

const traceId = "ab".repeat(16);
const spanId = "cd".repeat(8);
const traceparent = `00-${traceId}-${spanId}-01`;
const payload = { logs: [{ level: "info", value: "door open" }] };

/** The only log record that a request brings to a receiver: its trace, and the attribute `site`. */
async function sent(source: SourceConfig, body: unknown, headers: Record<string, string>) {
  const { post, store } = createTestApp({ sources: [source] });
  const json = { "Content-Type": "application/json" };
  const response = await post(`/webhooks/${source.name}`, JSON.stringify(body), { ...json, ...headers });
  expect(response.status).toBe(200);
  const [message] = await store.lane({ destination: "collector", signal: "logs" }).read(0, 10);
  if (message === undefined) throw new Error("nothing was stored");
  const parsed = createParse([source])(message);
  if (parsed.kind === "refused") throw new Error(parsed.refusal.message);
  const encoding = createLogsEncoder(settings).begin();
  encoding.add(message, parsed.items);
  const [record] = decodeLogs(encoding.finish().request ?? new Uint8Array());
  const hex = (bytes: Uint8Array = new Uint8Array()) => Buffer.from(bytes).toString("hex");
  return {
    traceId: hex(record?.traceId),
    spanId: hex(record?.spanId),
    flags: record?.flags,
    site: plainAttributes(record?.attributes ?? []).site,
  };
}

const raw = sourceConfig({ baggage: ["site"] });
const mqtt = sourceConfig({ name: "mqtt", adapter: "mqtt", baggage: ["site"] });
const envelope = (...userProperties: [string, string][]) => ({
  topic: "plant/a",
  payload,
  properties: { userProperties },
});

describe("the headers of a request that is one message", () => {
  it.each([
    ["traceparent", { traceparent }],
    ["b3", { b3: `${traceId}-${spanId}-d` }],
    ["x-b3-…", { "X-B3-TraceId": traceId, "X-B3-SpanId": spanId, "X-B3-Sampled": "1" }],
  ])("give its items a trace by %s", async (_, headers) => {
    for (const [source, body] of [[raw, payload] as const, [mqtt, envelope()] as const]) {
      expect(await sent(source, body, headers)).toMatchObject({ traceId, spanId, flags: 1 });
    }
  });

  it("give way to the message's own trace", async () => {
    const own = `00-${"12".repeat(16)}-${"34".repeat(8)}-00`;
    const { traceId, flags } = await sent(mqtt, envelope(["traceparent", own]), { traceparent });
    expect([traceId, flags]).toEqual(["12".repeat(16), 0]);
  });

  it("give way to the extension of a CloudEvent", async () => {
    const source = sourceConfig({ name: "events", adapter: "cloudevents" });
    const extension = `00-${"12".repeat(16)}-${"34".repeat(8)}-01`;
    const event = { specversion: "1.0", id: "1", source: "/s", type: "t", subject: "plant/a" };
    const structured = await sent(
      source,
      { ...event, traceparent: extension, data: payload },
      { "Content-Type": "application/cloudevents+json", traceparent },
    );
    const headers = Object.entries(event).map(([name, value]) => [`ce-${name}`, value]);
    const binary = await sent(source, payload, {
      ...Object.fromEntries(headers),
      "ce-traceparent": extension,
      traceparent,
    });
    for (const { traceId } of [structured, binary]) expect(traceId).toBe("12".repeat(16));
    const plain = await sent(source, payload, { ...Object.fromEntries(headers), traceparent });
    expect(plain.traceId).toBe(traceId);
  });

  it("count where a broken envelope is kept too", async () => {
    const source = sourceConfig({ name: "vernemq", adapter: "vernemq" });
    const body = {
      client_id: "c",
      mountpoint: "",
      username: null,
      topic: "plant/a",
      qos: 1,
      retain: false,
      payload: Buffer.from(JSON.stringify(payload)).toString("base64"),
    };
    const headers = { "vernemq-hook": "on_publish", traceparent };
    expect(await sent(source, body, headers)).toMatchObject({ traceId, spanId });
  });

  it("give its items allowed baggage", async () => {
    const headers = { baggage: "site=north%20gate,user=secret" };
    expect(await sent(raw, payload, headers)).toMatchObject({ site: "north gate", traceId: "" });
    expect(await sent(sourceConfig(), payload, headers)).toMatchObject({ site: undefined });
  });

  it("say nothing about the messages of an array", async () => {
    expect(await sent(mqtt, [envelope()], { traceparent, baggage: "site=a" })).toMatchObject({
      traceId: "",
      site: undefined,
    });
  });
});
