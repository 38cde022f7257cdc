/**
 * The gateway's own metrics. What the ledger counts is observed from the ledger at each scrape; what only the
 * process sees is recorded as it happens. The metrics SDK takes a tenth of a second to load, so that it is loaded
 * at the first scrape, or when enough recordings wait for it; until then they wait in a list.
 */
import type { Attributes, Counter, Histogram } from "@opentelemetry/api";
import { createOddityCounters, type OddityCounters } from "./oddities.ts";
import { createRequestCounters, type RequestCounters } from "./refusals.ts";
import type { CommitObserver, LaneLedger, Ledger, SourceLedger } from "./store/batch-store.ts";

/** One attempt to send, for the metrics. */
export interface ExportObservation {
  destination: string;
  signal: string;
  /** Kind of an ExportOutcome. */
  outcome: string;
  durationMs: number;
}

export interface Telemetry {
  /** Requests that the ledger knows nothing of. */
  readonly requests: RequestCounters;
  /** What was taken, though its sender may have meant something else. */
  readonly oddities: OddityCounters;
  readonly onCommit: CommitObserver;
  onExport(observation: ExportObservation): void;
  /** All metrics in the text format of Prometheus. */
  scrape(ledger: Ledger, nowUs: number): Promise<string>;
}

type Recording =
  | { kind: "commit"; durationMs: number; messages: number }
  | ({ kind: "export" } & ExportObservation);

interface Instruments {
  commitDuration: Histogram;
  messagesPerCommit: Histogram;
  exports: Counter;
  exportDuration: Histogram;
}

interface Backend {
  record(recording: Recording): void;
  scrape(ledger: Ledger, nowUs: number): Promise<string>;
}

/** So many recordings have the SDK loaded for them. */
const recordingsToLoad = 1_000;
/** What is recorded beyond that, while the SDK cannot be loaded, is dropped. */
const recordingsMax = 100_000;

const commitSecondsBounds = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5,
];
const exportSecondsBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const messagesBounds = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000];

export function createTelemetry(): Telemetry {
  const requests = createRequestCounters();
  const oddities = createOddityCounters();
  let waiting: Recording[] = [];
  let backend: Backend | undefined;
  let loading: Promise<Backend> | undefined;

  function load(): Promise<Backend> {
    loading ??= loadBackend(requests, oddities).then((loaded) => {
      for (const recording of waiting) loaded.record(recording);
      waiting = [];
      backend = loaded;
      return loaded;
    });
    return loading;
  }

  function record(recording: Recording) {
    if (backend) return backend.record(recording);
    if (waiting.length < recordingsMax) waiting.push(recording);
    // A failure to load is seen, and answered, by the next scrape.
    if (waiting.length === recordingsToLoad) load().catch(() => undefined);
  }

  return {
    requests,
    oddities,
    onCommit: ({ durationMs, messages }) => record({ kind: "commit", durationMs, messages }),
    onExport: (observation) => record({ kind: "export", ...observation }),
    scrape: async (ledger, nowUs) => (await load()).scrape(ledger, nowUs),
  };
}

async function loadBackend(requests: RequestCounters, oddities: OddityCounters): Promise<Backend> {
  const [{ MeterProvider }, { PrometheusExporter, PrometheusSerializer }] = await Promise.all([
    import("@opentelemetry/sdk-metrics"),
    import("@opentelemetry/exporter-prometheus"),
  ]);
  const reader = new PrometheusExporter({ preventServerStart: true });
  const meter = new MeterProvider({ readers: [reader] }).getMeter("mqtt-otlp-gateway");
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  let scraped: { ledger: Ledger; nowUs: number } | undefined;

  const histogram = (name: string, description: string, explicitBucketBoundaries: number[]) =>
    meter.createHistogram(name, { description, advice: { explicitBucketBoundaries } });
  const instruments: Instruments = {
    commitDuration: histogram(
      "gateway_commit_duration_seconds",
      "Time to commit appended messages to the store",
      commitSecondsBounds,
    ),
    messagesPerCommit: histogram(
      "gateway_messages_per_commit",
      "Messages committed together",
      messagesBounds,
    ),
    exports: meter.createCounter("gateway_exports_total", { description: "Attempts to send, by outcome" }),
    exportDuration: histogram(
      "gateway_export_duration_seconds",
      "Time of one attempt to send",
      exportSecondsBounds,
    ),
  };

  for (const { kind, name, description, points } of observed(requests, oddities)) {
    const instrument =
      kind === "counter"
        ? meter.createObservableCounter(name, { description })
        : meter.createObservableGauge(name, { description });
    instrument.addCallback((result) => {
      if (!scraped) return;
      for (const { value, attributes } of points(scraped)) result.observe(value, attributes);
    });
  }

  return {
    record: (recording) => recordWith(instruments, recording),
    async scrape(ledger, nowUs) {
      scraped = { ledger, nowUs };
      const { resourceMetrics } = await reader.collect();
      return serializer.serialize(resourceMetrics);
    },
  };
}

function recordWith(instruments: Instruments, recording: Recording) {
  if (recording.kind === "commit") {
    instruments.commitDuration.record(recording.durationMs / 1000);
    instruments.messagesPerCommit.record(recording.messages);
    return;
  }
  const { destination, signal, outcome, durationMs } = recording;
  instruments.exports.add(1, { destination, signal, outcome });
  instruments.exportDuration.record(durationMs / 1000, { destination, signal });
}

interface Point {
  value: number;
  attributes?: Attributes;
}

interface Observed {
  kind: "counter" | "gauge";
  name: string;
  description: string;
  points(scraped: { ledger: Ledger; nowUs: number }): Point[];
}

/** What is read from the ledger, and from the counters beside it, at each scrape. */
function observed(requests: RequestCounters, oddities: OddityCounters): Observed[] {
  return [
    ofSources("gateway_messages_received_total", "Acknowledged messages", (source) => source.received),
    ofSources("gateway_messages_accepted_total", "Messages taken for delivery", (source) => source.accepted),
    ofSources(
      "gateway_messages_duplicate_total",
      "Repeats that were acknowledged",
      (source) => source.duplicates,
    ),
    {
      kind: "counter",
      name: "gateway_messages_expired_total",
      description: "Messages past their Message Expiry Interval, on arrival or in the store",
      points: ({ ledger }) => [
        { value: sum(Object.values(ledger.sources)), attributes: { stage: "arrival" } },
        { value: sum(ledger.lanes), attributes: { stage: "delivery" } },
      ],
    },
    {
      kind: "counter",
      name: "gateway_messages_dead_lettered_total",
      description: "Messages that became dead letters",
      points: ({ ledger }) =>
        ledger.deadLettered.map(({ stage, reason, count }) => ({
          value: count,
          attributes: { stage, reason },
        })),
    },
    ofLanes(
      "counter",
      "gateway_messages_delivered_total",
      "Messages that a lane delivered",
      (lane) => lane.delivered,
    ),
    ofLanes("gauge", "gateway_messages_pending", "Messages that a lane still owes", (lane) => lane.pending),
    ofLanes(
      "gauge",
      "gateway_oldest_pending_seconds",
      "Age of the oldest message that a lane owes",
      (lane, nowUs) =>
        lane.oldestArrivedAtUs === undefined ? 0 : Math.max(0, (nowUs - lane.oldestArrivedAtUs) / 1_000_000),
    ),
    ofLanes(
      "counter",
      "gateway_items_exported_total",
      "Items that a receiver took",
      (lane) => lane.exportedItems,
    ),
    ofLanes(
      "counter",
      "gateway_items_rejected_total",
      "Items that a receiver rejected",
      (lane) => lane.rejectedItems,
    ),
    {
      kind: "counter",
      name: "gateway_requests_refused_total",
      description: "Requests that were never acknowledged",
      points: () =>
        [...requests.bySource()].map(({ source, reason, count }) => ({
          value: count,
          attributes: { source, reason },
        })),
    },
    {
      kind: "counter",
      name: "gateway_payload_oddities_total",
      description: "Things in payloads that were taken, though their sender may have meant something else",
      points: () =>
        [...oddities.bySource()].map(({ source, oddity, count }) => ({
          value: count,
          attributes: { source, oddity },
        })),
    },
    {
      kind: "gauge",
      name: "gateway_store_bytes",
      description: "Size of the store",
      points: ({ ledger }) => [{ value: ledger.store.bytes }],
    },
  ];
}

function ofSources(name: string, description: string, read: (source: SourceLedger) => number): Observed {
  return {
    kind: "counter",
    name,
    description,
    points: ({ ledger }) =>
      Object.entries(ledger.sources).map(([source, counts]) => ({
        value: read(counts),
        attributes: { source },
      })),
  };
}

function ofLanes(
  kind: Observed["kind"],
  name: string,
  description: string,
  read: (lane: LaneLedger, nowUs: number) => number,
): Observed {
  return {
    kind,
    name,
    description,
    points: ({ ledger, nowUs }) =>
      ledger.lanes.map((lane) => ({ value: read(lane, nowUs), attributes: { ...lane.name } })),
  };
}

function sum(counts: { expired: number }[]): number {
  return counts.reduce((total, { expired }) => total + expired, 0);
}
