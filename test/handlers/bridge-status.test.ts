import { describe, expect, it } from "vitest";
import { aioFormat } from "../../pipeline/payload/aio.ts";
import { createReceiver } from "../../pipeline/receive.ts";
import { createTestApp, lanes, validMetrics } from "../support/app.ts";
import { bridgeConfig } from "./bridge-setup.ts";

const bridges = [
  { name: "plant", connected: true, retainedSkipped: 2, droppedWhenBusy: 3, reason: null },
  { name: "hall", connected: false, retainedSkipped: 0, droppedWhenBusy: 0, reason: "Away" },
];

/** An app whose bridge `plant` has taken a message. */
async function open() {
  const app = createTestApp({ bridges });
  const { store, clock, logger } = app;
  const plant = bridgeConfig();
  const receiver = createReceiver({
    store,
    clock,
    logger,
    format: aioFormat,
    lanes: lanes.map((name) => ({ name, mask: store.lane(name).mask })),
    sources: [plant],
    payloadBytesMax: 10_000,
  });
  const payload = Buffer.from(validMetrics);
  const message = { topic: "plant/a", payload, userProperties: [] };
  await receiver.receive(plant, { isArray: true, elements: [{ kind: "message", message }] });
  return app;
}

describe("/status", () => {
  it("shows bridges beside the sources, with what the ledger has of them", async () => {
    const { status } = await open();
    const { received, sources, bridges } = await status();
    expect(received).toBe(1);
    expect(bridges).toEqual({
      plant: {
        connected: true,
        received: 1,
        lastReceivedAt: "2026-01-05T10:00:00.000Z",
        retainedSkipped: 2,
        droppedWhenBusy: 3,
        reason: null,
      },
      hall: {
        connected: false,
        received: 0,
        lastReceivedAt: null,
        retainedSkipped: 0,
        droppedWhenBusy: 0,
        reason: "Away",
      },
    });
    expect(Object.keys(sources as object)).toEqual(["raw", "mqtt", "emqx"]);
  });
});

describe("/metrics", () => {
  it("has the bridges", async () => {
    const { app } = await open();
    const text = await (await app.request("/metrics")).text();
    const lines = text.split("\n").filter((line) => line.startsWith("gateway_bridge_"));
    expect(lines).toEqual([
      'gateway_bridge_connected{bridge="plant"} 1',
      'gateway_bridge_connected{bridge="hall"} 0',
      'gateway_bridge_retained_skipped_total{bridge="plant"} 2',
      'gateway_bridge_retained_skipped_total{bridge="hall"} 0',
      'gateway_bridge_dropped_when_busy_total{bridge="plant"} 3',
      'gateway_bridge_dropped_when_busy_total{bridge="hall"} 0',
    ]);
    expect(text).toContain('gateway_messages_received_total{source="plant"} 1');
  });
});
