import { describe, expect, it } from "vitest";
import type { Signal } from "../../pipeline/message.ts";
import { load } from "../config/support.ts";
import { createTestApp, problemOf, validMetrics } from "../support/app.ts";

describe("GET /livez and /readyz", () => {
  it.each(["/livez", "/readyz", "/readyz/"])("%s answers 200", async (path) => {
    expect((await createTestApp().app.request(path)).status).toBe(200);
  });

  it("/readyz answers 503 with the reason when the store cannot be used", async () => {
    const { app } = createTestApp({
      wrapStore: (store) => ({ ...store, ledger: () => Promise.reject(new Error("no /tmp/file")) }),
    });
    const response = await app.request("/readyz");
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ status: 503, errors: [{ message: "The store cannot be used" }] });
    expect(JSON.stringify(problem)).not.toContain("/tmp");
    expect((await app.request("/livez")).status).toBe(200);
  });

  it.each(["stopping", "draining"] as const)("/readyz answers 503 while %s", async (phase) => {
    const { app, state } = createTestApp();
    state[phase] = true;
    expect(await problemOf(await app.request("/readyz"))).toMatchObject({ status: 503 });
    expect((await app.request("/livez")).status).toBe(200);
  });
});

describe("GET /status", () => {
  it("never shows the trouble of a lane beside a delivery that came after it", async () => {
    const health: { health: "Degraded" | "Available" } = { health: "Degraded" };
    const { status } = createTestApp({
      health,
      wrapStore: (store) => ({
        ...store,
        async ledger() {
          health.health = "Available";
          return await store.ledger();
        },
      }),
    });
    const { destinations } = (await status()) as {
      destinations: Record<string, Record<string, { health: string }>>;
    };
    expect(destinations.collector?.metrics?.health).toBe("Available");
  });

  it("has exactly the fields of the contract", async () => {
    const { post, status, clock } = createTestApp({
      health: {
        health: "Degraded",
        reasonCode: "DataflowOtelTargetSendFailed",
        reason: "Away",
        nextAttemptAtUs: 1_767_607_200_000_000,
        retries: 3,
        overflowedReadings: 4,
      },
    });
    await post("/webhooks/raw", validMetrics);
    clock.advance(2_500);
    const lane = {
      endpoint: null,
      protocol: null,
      owed: 0,
      delivered: 0,
      expiredInStore: 0,
      deadLettered: 0,
      pending: 0,
      oldestPendingSeconds: 0,
      exportedItems: 0,
      rejectedItems: 0,
      retries: 3,
      health: "Degraded",
      reasonCode: "DataflowOtelTargetSendFailed",
      reason: "Away",
      nextAttemptAt: "2026-01-05T10:00:00.000Z",
    };
    expect(await status()).toEqual({
      version: "1.2.3",
      startedAt: "2026-01-05T10:00:00.000Z",
      acknowledge: "stored",
      received: 1,
      accepted: 1,
      duplicates: 0,
      idConflicts: 0,
      expiredOnArrival: 0,
      filtered: 0,
      deadLetteredOnArrival: 0,
      ignored: 0,
      refused: {
        unauthorized: 0,
        badEnvelope: 0,
        tooLarge: 0,
        storeFull: 0,
        overloaded: 0,
        stopping: 0,
        timedOut: 0,
      },
      sources: {
        raw: { received: 1, lastReceivedAt: "2026-01-05T10:00:00.000Z" },
        mqtt: { received: 0, lastReceivedAt: null },
        emqx: { received: 0, lastReceivedAt: null },
      },
      bridges: {},
      store: { bytes: expect.any(Number), bytesMax: 10_000_000 },
      deadLetters: { kept: 0, discarded: 0 },
      destinations: {
        collector: {
          metrics: { ...lane, owed: 1, pending: 1, oldestPendingSeconds: 2, overflowedReadings: 4 },
          logs: lane,
        },
      },
    });
  });
});

describe("where a destination is", () => {
  it("is in /status by lane, with scheme, host and port alone", async () => {
    const environment = {
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf",
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "https://metrics.example:443/secret/path",
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://127.0.0.1:4318/v1/logs",
    };
    const destinations = load("", environment).destinations.map((one) => ({ ...one, name: "collector" }));
    const { status } = createTestApp({ configured: { destinations } });
    expect((await status()).destinations).toMatchObject({
      collector: {
        metrics: { endpoint: "https://metrics.example:443", protocol: "http/protobuf" },
        logs: { endpoint: "http://127.0.0.1:4318", protocol: "http/protobuf" },
      },
    });
  });
});

describe("a destination that is no longer configured", () => {
  const removed = (pending: number) =>
    createTestApp({
      wrapStore: (store) => ({
        ...store,
        async ledger() {
          const ledger = await store.ledger();
          const [lane] = ledger.lanes;
          if (!lane) throw new Error("No lane");
          const name = { destination: "former", signal: "logs" } as const;
          return { ...ledger, lanes: [...ledger.lanes, { ...lane, name, isConfigured: false, pending }] };
        },
      }),
    });

  it("is in /status and /metrics with what it still owes, and how to give that up", async () => {
    const { app, status } = removed(3);
    const { destinations } = (await status()) as { destinations: Record<string, unknown> };
    expect(destinations.former).toMatchObject({
      logs: {
        pending: 3,
        health: "Unavailable",
        reasonCode: "DataflowOtelTargetConfigurationError",
        reason: expect.stringMatching(/no longer configured.* 3 messages.*drop-destination former$/),
      },
    });
    const text = await (await app.request("/metrics")).text();
    expect(text).toContain('gateway_messages_pending{destination="former",signal="logs"} 3\n');
    expect(text).toContain(
      'gateway_destination_health{destination="former",signal="logs",health="Unavailable"} 1\n',
    );
  });

  it("is in neither once it owes nothing, but for its counters", async () => {
    const { app, status } = removed(0);
    expect((await status()).destinations).not.toHaveProperty("former");
    const text = await (await app.request("/metrics")).text();
    expect(text).not.toContain('gateway_destination_health{destination="former"');
    expect(text).toContain('gateway_messages_delivered_total{destination="former",signal="logs"} 0\n');
  });
});

describe("a lane's reason in /status", () => {
  it("is the receiver's remark while there is nothing worse to tell", async () => {
    const { status } = createTestApp({ health: { health: "Available", warning: "3 points were too old" } });
    const { destinations } = (await status()) as { destinations: Record<string, unknown> };
    expect(destinations.collector).toMatchObject({
      metrics: { health: "Available", reasonCode: null, reason: "3 points were too old" },
    });
  });
});

describe("credentials of destinations", () => {
  const days = (count: number) => 1_767_607_200_000_000 + count * 86_400_000_000;
  const credentials = [
    {
      destination: "otel",
      problem: "Cannot use tls.key",
      expirations: [
        { credential: "clientCertificate" as const, expiresAtUs: days(30.5) },
        { credential: "token" as const, expiresAtUs: days(-0.25) },
      ],
    },
    { destination: "anonymous", problem: null, expirations: [] },
  ];

  it("are shown in /status where there are any, with their ends", async () => {
    const { status } = createTestApp({ credentials });
    expect((await status()).credentials).toEqual({
      otel: {
        problem: "Cannot use tls.key",
        clientCertificate: { expiresAt: "2026-02-04T22:00:00.000Z", daysToExpiry: 30.5 },
        token: { expiresAt: "2026-01-05T04:00:00.000Z", daysToExpiry: -0.25 },
      },
    });
  });

  it("are metrics in days to their ends", async () => {
    const { app } = createTestApp({ credentials });
    const lines = (await (await app.request("/metrics")).text()).split("\n");
    expect(lines.filter((line) => line.startsWith("gateway_credential_"))).toEqual([
      'gateway_credential_days_to_expiry{destination="otel",credential="clientCertificate"} 30.5',
      'gateway_credential_days_to_expiry{destination="otel",credential="token"} -0.25',
    ]);
  });
});

describe("every route", () => {
  it.each([
    ["POST", "/livez", "GET, HEAD"],
    ["POST", "/readyz", "GET, HEAD"],
    ["DELETE", "/status", "GET, HEAD"],
    ["POST", "/metrics", "GET, HEAD"],
    ["GET", "/timer/flush", "POST"],
    ["POST", "/dead-letters", "GET, HEAD"],
    ["POST", "/dead-letters/1", "GET, HEAD, DELETE"],
    ["GET", "/dead-letters/1/replay", "POST"],
  ])("%s %s answers 405 with Allow", async (method, path, allow) => {
    const response = await createTestApp().app.request(path, { method });
    expect(response.headers.get("allow")).toBe(allow);
    expect(await problemOf(response)).toMatchObject({ status: 405 });
  });

  it("that is unknown answers 404 as a problem", async () => {
    expect(await problemOf(await createTestApp().app.request("/nothing"))).toMatchObject({ status: 404 });
  });

  it.each(["/status", "/metrics"])("%s answers 503, not 500, when the store fails", async (path) => {
    const { app } = createTestApp({
      wrapStore: (store) => ({ ...store, ledger: () => Promise.reject(new Error("secret text")) }),
    });
    const response = await app.request(path);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await problemOf(response)).toMatchObject({
      status: 503,
      detail: expect.not.stringContaining("secret"),
    });
  });
});

describe("GET /metrics", () => {
  it("gives the metrics of the contract, by exactly these names", async () => {
    const { app, post, telemetry } = createTestApp();
    await post("/webhooks/raw", validMetrics);
    await post("/webhooks/raw", "{");
    await post("/webhooks/raw", '{"logs":[],"logs":[{"level":"info","value":"x","timestamp":0}]}');
    await post("/webhooks/emqx", '{"topic":"t","payload":"\ufffd"}', { "Content-Type": "application/json" });
    await post("/webhooks/mqtt", "{");
    telemetry.onExport({ destination: "collector", signal: "metrics", outcome: "accepted", durationMs: 20 });
    const response = await app.request("/metrics");
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
    const text = await response.text();
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    expect(types.sort()).toEqual([
      "gateway_commit_duration_seconds histogram",
      "gateway_destination_health gauge",
      "gateway_destination_health_reason gauge",
      "gateway_export_duration_seconds histogram",
      "gateway_exports_total counter",
      "gateway_items_exported_total counter",
      "gateway_items_rejected_total counter",
      "gateway_messages_accepted_total counter",
      "gateway_messages_dead_lettered_total counter",
      "gateway_messages_delivered_total counter",
      "gateway_messages_duplicate_total counter",
      "gateway_messages_expired_total counter",
      "gateway_messages_pending gauge",
      "gateway_messages_per_commit histogram",
      "gateway_messages_received_total counter",
      "gateway_oldest_pending_seconds gauge",
      "gateway_payload_oddities_total counter",
      "gateway_readings_overflowed_total counter",
      "gateway_requests_refused_total counter",
      "gateway_store_bytes gauge",
      "gateway_store_bytes_max gauge",
    ]);
    for (const line of [
      'gateway_messages_received_total{source="raw"} 3',
      'gateway_messages_accepted_total{source="raw"} 2',
      'gateway_messages_dead_lettered_total{stage="arrival",reason="invalidPayload"} 2',
      'gateway_payload_oddities_total{source="raw",oddity="repeatedMembers"} 1',
      'gateway_payload_oddities_total{source="raw",oddity="zeroTimestamps"} 1',
      'gateway_payload_oddities_total{source="emqx",oddity="damagedPayloads"} 1',
      'gateway_messages_pending{destination="collector",signal="metrics"} 1',
      'gateway_messages_expired_total{stage="delivery"} 0',
      'gateway_requests_refused_total{source="mqtt",reason="badEnvelope"} 1',
      'gateway_exports_total{destination="collector",signal="metrics",outcome="accepted"} 1',
      "gateway_store_bytes_max 10000000",
      "gateway_messages_per_commit_count 4",
      "gateway_commit_duration_seconds_count 4",
    ]) {
      expect(text.split("\n")).toContain(line);
    }
    expect(text).not.toMatch(/otel_scope|target_info|_total_total/);
  });

  it("tells each lane's health and reason code, one point for each that it may have", async () => {
    const { app } = createTestApp({
      health: { health: "Degraded", reasonCode: "DataflowOtelTargetSendFailed" },
    });
    const text = await (await app.request("/metrics")).text();
    const points = text.split("\n").filter((line) => /^gateway_destination_health.*signal="logs"/.test(line));
    const lane = 'destination="collector",signal="logs"';
    expect(points).toEqual([
      `gateway_destination_health{${lane},health="Available"} 0`,
      `gateway_destination_health{${lane},health="Degraded"} 1`,
      `gateway_destination_health{${lane},health="Unavailable"} 0`,
      `gateway_destination_health{${lane},health="Unknown"} 0`,
      `gateway_destination_health_reason{${lane},reason_code="DataflowOtelTargetConfigurationError"} 0`,
      `gateway_destination_health_reason{${lane},reason_code="DataflowOtelTargetProcessingError"} 0`,
      `gateway_destination_health_reason{${lane},reason_code="DataflowOtelTargetSendFailed"} 1`,
    ]);
  });

  it("counts the overflowed readings of each destination, which its metrics alone have, from 0 on", async () => {
    const { store, telemetry, clock } = createTestApp();
    const ofLane = (destination: string, signal: Signal, overflowedReadings: number) => {
      return {
        lane: { destination, signal },
        health: "Available",
        reasonCode: null,
        overflowedReadings,
      } as const;
    };
    const text = await telemetry.scrape({
      ledger: await store.ledger(),
      conditions: [ofLane("one", "metrics", 7), ofLane("one", "logs", 0), ofLane("other", "metrics", 0)],
      credentials: [],
      bridges: [],
      nowUs: clock.nowUs(),
    });
    expect(text.split("\n").filter((line) => line.startsWith("gateway_readings_overflowed_total"))).toEqual([
      'gateway_readings_overflowed_total{destination="one"} 7',
      'gateway_readings_overflowed_total{destination="other"} 0',
    ]);
  });

  it("serves them as the delivery counts them", async () => {
    const { app } = createTestApp({ health: { overflowedReadings: 4 } });
    const text = await (await app.request("/metrics")).text();
    expect(text).toContain('gateway_readings_overflowed_total{destination="collector"} 4\n');
  });

  it("keeps counting from one scrape to the next", async () => {
    const { app, post } = createTestApp();
    await post("/webhooks/raw", validMetrics);
    await app.request("/metrics");
    await post("/webhooks/raw", validMetrics);
    const text = await (await app.request("/metrics")).text();
    expect(text).toContain('gateway_messages_received_total{source="raw"} 2\n');
    expect(text).toContain("gateway_messages_per_commit_count 2\n");
  });
});
