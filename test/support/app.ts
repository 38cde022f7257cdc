import type { Hono } from "hono";
import { createApp, type FlushResult, type GatewayState, type LaneHealth } from "../../handlers/app.ts";
import type { BridgeReport } from "../../pipeline/bridge-report.ts";
import type { GatewayConfig, SecretReference, SourceConfig } from "../../pipeline/config/config.ts";
import { createConfiguredFormat } from "../../pipeline/configured-format.ts";
import type { CredentialReport } from "../../pipeline/credential-report.ts";
import type { LaneName } from "../../pipeline/message.ts";
import { createReceiver } from "../../pipeline/receive.ts";
import type { BatchStore, StoreOptions } from "../../pipeline/store/batch-store.ts";
import { openMemoryStore } from "../../pipeline/store/memory.ts";
import { createTelemetry, type Telemetry } from "../../pipeline/telemetry.ts";
import { createFakeClock, type FakeClock } from "./fake-clock.ts";
import { createFakeLogger } from "./fake-logger.ts";

export const lanes: readonly LaneName[] = [
  { destination: "collector", signal: "metrics" },
  { destination: "collector", signal: "logs" },
];

export const validMetrics =
  '{"metrics":[{"name":"temperature","type":"f64_gauge","value":21.5,"attributes":[]}]}';

export function sourceConfig(fields: Partial<SourceConfig> = {}): SourceConfig {
  return {
    name: "raw",
    adapter: "raw",
    authentication: { method: "None" },
    topicFilters: [],
    lenient: false,
    payloadEncoding: undefined,
    fields: {},
    allowedOrigins: [],
    confirmationHosts: [],
    retryStatus: 503,
    counterValues: "increment",
    attributes: {},
    attributeValuesMax: 1000,
    baggage: [],
    ...fields,
  };
}

export interface TestAppOptions {
  sources?: SourceConfig[];
  limits?: Partial<GatewayConfig["limits"]>;
  administration?: GatewayConfig["administration"];
  /** By the name of the environment variable that a secret refers to. */
  secrets?: Record<string, readonly string[] | undefined>;
  storeOptions?: Partial<StoreOptions>;
  wrapStore?: (store: BatchStore) => BatchStore;
  flushResult?: Partial<FlushResult>;
  health?: Partial<LaneHealth>;
  credentials?: readonly CredentialReport[];
  bridges?: readonly BridgeReport[];
  /** What is configured of bridges and destinations; neither is opened. */
  configured?: Partial<Pick<GatewayConfig, "bridges" | "destinations">>;
  mappings?: GatewayConfig["mappings"];
  graphs?: GatewayConfig["graphs"];
}

export interface TestApp {
  app: Hono;
  store: BatchStore;
  clock: FakeClock;
  telemetry: Telemetry;
  state: GatewayState;
  logger: ReturnType<typeof createFakeLogger>;
  /** Changing an entry rotates the secret. */
  secrets: Record<string, readonly string[] | undefined>;
  /** What each flush was asked for. */
  flushes: { force: boolean; deadlineMs: number }[];
  /** Posts to a source with the raw adapter. */
  post(path: string, body: BodyInit, headers?: Record<string, string>): Promise<Response>;
  status(): Promise<Record<string, unknown>>;
}

/** The real routes, adapters, checks and memory store behind `app.request()`; only delivery is told. */
export function createTestApp(options: TestAppOptions = {}): TestApp {
  const clock = createFakeClock();
  const logger = createFakeLogger();
  const telemetry = createTelemetry();
  const sources = options.sources ?? [
    sourceConfig(),
    sourceConfig({ name: "mqtt", adapter: "mqtt" }),
    sourceConfig({ name: "emqx", adapter: "emqx" }),
  ];
  const opened = openMemoryStore({
    bytesMax: 10_000_000,
    deadLetterBytesMax: 1_000_000,
    dedupe: { windowSeconds: 3600, entriesMax: 1000 },
    lanes,
    onCommit: telemetry.onCommit,
    ...options.storeOptions,
  });
  const store = options.wrapStore?.(opened) ?? opened;
  const config: GatewayConfig = {
    name: "test",
    listen: { host: "127.0.0.1", port: 0, tls: undefined },
    limits: {
      bodyBytesMax: 100_000,
      payloadBytesMax: 10_000,
      concurrentRequestsMax: 16,
      ...options.limits,
    },
    acknowledge: "stored",
    acknowledgeTimeoutMs: 20_000,
    store: { type: "memory", path: "unused", bytesMax: 10_000_000 },
    deadLetters: { bytesMax: 1_000_000 },
    dedupe: { windowSeconds: 3600, entriesMax: 1000 },
    drainMs: 0,
    shutdownGraceMs: 1000,
    log: { level: "info" },
    administration: options.administration,
    sources,
    bridges: [],
    destinations: [],
    ...options.configured,
    mappings: options.mappings ?? [],
    graphs: options.graphs ?? [],
    warnings: [],
  };
  const receiver = createReceiver({
    store,
    clock,
    logger,
    format: createConfiguredFormat(config),
    lanes: lanes.map((name) => ({ name, mask: store.lane(name).mask })),
    sources,
    payloadBytesMax: config.limits.payloadBytesMax,
    oddities: telemetry.oddities,
    filtered: telemetry.filtered,
  });
  const state: GatewayState = { stopping: false, startedAtUs: clock.nowUs(), version: "1.2.3" };
  const secrets = { ...options.secrets };
  const flushes: TestApp["flushes"] = [];
  const app = createApp({
    config,
    receiver,
    store,
    delivery: {
      async flush(asked) {
        flushes.push(asked);
        return {
          batches: 0,
          messages: 0,
          items: 0,
          pending: 0,
          nextDueMs: null,
          failed: false,
          ...options.flushResult,
        };
      },
      health: async () =>
        lanes.map((lane) => ({
          lane,
          health: {
            health: "Unknown",
            reasonCode: null,
            reason: null,
            nextAttemptAtUs: null,
            retries: 0,
            overflowedReadings: 0,
            warning: null,
            ...options.health,
          },
        })),
      credentials: async () => options.credentials ?? [],
    },
    bridges: () => options.bridges ?? [],
    telemetry,
    clock,
    logger,
    secrets: (reference: SecretReference) => ({
      current: () => ("env" in reference ? secrets[reference.env] : undefined),
    }),
    state,
  });
  return {
    app,
    store,
    clock,
    telemetry,
    state,
    logger,
    secrets,
    flushes,
    post: async (path, body, headers = {}) =>
      app.request(path, { method: "POST", body, headers: { "Mqtt-Topic": "plant/a", ...headers } }),
    async status() {
      return (await (await app.request("/status")).json()) as Record<string, unknown>;
    },
  };
}

/** The problem document of an answer, after checking that it is one. */
export async function problemOf(response: Response): Promise<{
  type: string;
  title: string;
  status: number;
  detail: string;
  errors?: { path: string; message: string }[];
}> {
  const body = (await response.json()) as Awaited<ReturnType<typeof problemOf>>;
  if (
    response.headers.get("content-type") !== "application/problem+json" ||
    body.status !== response.status
  ) {
    throw new Error(`Not a problem document: ${response.status} ${JSON.stringify(body)}`);
  }
  return body;
}
