import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openGateway } from "../../handlers/runtime/gateway.ts";
import { loadConfig } from "../../pipeline/config/load.ts";
import { validMetrics } from "../support/app.ts";
import { createFakeLogger } from "../support/fake-logger.ts";

/** Endpoints that nobody listens at, and a Gateway document with these destinations. */
function configuration(destinations: readonly { endpointRef: string }[]) {
  const endpoints = destinations.map(({ endpointRef: name }) => ({
    apiVersion: "connectivity.iotoperations.azure.com/v1",
    kind: "DataflowEndpoint",
    metadata: { name },
    spec: {
      endpointType: "OpenTelemetry",
      openTelemetrySettings: {
        host: "http://127.0.0.1:1",
        batching: { latencySeconds: 3600, maxMessages: 0 },
      },
    },
  }));
  const gateway = {
    apiVersion: "mqtt-otlp-gateway/v1",
    kind: "Gateway",
    spec: { destinations: destinations.map((one) => ({ signals: ["metrics"], ...one })) },
  };
  return [...endpoints, gateway].map((document, at) => ({
    name: `${at}.json`,
    text: JSON.stringify(document),
  }));
}

function setUp() {
  const folder = mkdtempSync(join(tmpdir(), "destinations-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));

  return async (destinations: readonly ({ endpointRef: string } & Record<string, unknown>)[]) => {
    const logger = createFakeLogger();
    const config = loadConfig({
      files: configuration(destinations),
      environment: { GATEWAY_STORE_PATH: join(folder, "gateway.db") },
      resolvePath: (_, path) => path,
    });
    const gateway = await openGateway({ ...config, shutdownGraceMs: 0 }, { logger, environment: {} });
    return {
      logger,
      close: () => gateway.close(),
      async post(topic: string, source = "raw") {
        const url = `http://gateway/webhooks/${source}`;
        const headers = { "Mqtt-Topic": topic };
        const answer = await gateway.fetch(new Request(url, { method: "POST", body: validMetrics, headers }));
        expect(answer.status).toBe(200);
      },
      async destinations() {
        const answer = await gateway.fetch(new Request("http://gateway/status"));
        const { destinations } = (await answer.json()) as { destinations: Record<string, unknown> };
        return destinations;
      },
    };
  };
}

describe("several destinations", () => {
  it("each owe what they want, keep it when they are removed, and hand it over to a new one that starts at the oldest", async () => {
    const open = setUp();
    const before = await open([
      { endpointRef: "plant", topicFilters: ["plant/#"] },
      { endpointRef: "all" },
      { endpointRef: "none", sources: ["emqx"] },
    ]);
    await before.post("plant/a");
    await before.post("plant/b");
    await before.post("hall");
    expect(await before.destinations()).toMatchObject({
      plant: { metrics: { owed: 2, pending: 2 } },
      all: { metrics: { owed: 3, pending: 3 } },
      none: { metrics: { owed: 0, pending: 0 } },
    });
    await before.close();

    const after = await open([
      { endpointRef: "new", startAt: "oldest", topicFilters: ["+/a", "hall"] },
      { endpointRef: "late" },
      { endpointRef: "all" },
    ]);
    expect(after.logger.lines).toContainEqual(
      expect.objectContaining({ level: "warn", message: expect.stringContaining("plant/metrics") }),
    );
    const destinations = await after.destinations();
    expect(destinations).toMatchObject({
      plant: {
        metrics: {
          owed: 2,
          pending: 2,
          health: "Unavailable",
          reason: expect.stringContaining("drop-destination"),
        },
      },
      new: { metrics: { owed: 2, pending: 2, health: "Unknown" } },
      late: { metrics: { owed: 0, pending: 0 } },
      all: { metrics: { owed: 3, pending: 3 } },
    });
    expect(destinations).not.toHaveProperty("none");
    await after.post("plant/c");
    expect(await after.destinations()).toMatchObject({
      plant: { metrics: { owed: 2 } },
      new: { metrics: { owed: 2 } },
      late: { metrics: { owed: 1 } },
      all: { metrics: { owed: 4 } },
    });
    await after.close();
  });
});
