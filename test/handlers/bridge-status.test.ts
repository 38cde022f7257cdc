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
        endpoint: null,
        connected: true,
        received: 1,
        lastReceivedAt: "2026-01-05T10:00:00.000Z",
        retainedSkipped: 2,
        droppedWhenBusy: 3,
        reason: null,
      },
      hall: {
        endpoint: null,
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

  it.each([
    ["mqtt://127.0.0.1:1883", "mqtt://127.0.0.1:1883"],
    ["wss://broker.example:443/secret/path?token=secret", "wss://broker.example:443"],
    ["mqtts://user:secret@[::1]:8883", "mqtts://[::1]:8883"],
  ])("says where a bridge to %s connects, without what may be a secret", async (url, endpoint) => {
    const { status } = createTestApp({ bridges, configured: { bridges: [bridgeConfig({ url })] } });
    expect((await status()).bridges).toMatchObject({ plant: { endpoint }, hall: { endpoint: null } });
  });
});

describe("credentials of a bridge", () => {
  const expiresAtUs = 1_767_607_200_000_000 + 30.5 * 86_400_000_000;
  const expirations = [{ credential: "clientCertificate", expiresAtUs }] as const;
  const withCredentials = bridges.map((bridge) => ({
    ...bridge,
    credentials: { problem: null, expirations: bridge.name === "plant" ? expirations : [] },
  }));

  it("are in /status where there are any, with their ends", async () => {
    const { status } = createTestApp({ bridges: withCredentials });
    const { plant, hall } = (await status()).bridges as Record<string, object>;
    expect(plant).toMatchObject({
      credentials: {
        problem: null,
        clientCertificate: { expiresAt: "2026-02-04T22:00:00.000Z", daysToExpiry: 30.5 },
      },
    });
    expect(hall).not.toHaveProperty("credentials");
  });

  it("are a metric in days to their ends", async () => {
    const { app } = createTestApp({ bridges: withCredentials });
    const lines = (await (await app.request("/metrics")).text()).split("\n");
    expect(lines.filter((line) => line.startsWith("gateway_credential_"))).toEqual([
      'gateway_credential_days_to_expiry{bridge="plant",credential="clientCertificate"} 30.5',
    ]);
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
