/**
 * The gateway's own metrics. What the ledger counts is observed from the ledger at each scrape; what only the
 * process sees is recorded as it happens. The metrics SDK takes a tenth of a second to load, so that it is loaded
 * at the first scrape, or when enough recordings wait for it; until then they wait in a list.
 */
import type { Counter, Histogram } from "@opentelemetry/api";
import { createFilterCounters, type FilterCounters } from "./filtered.ts";
import { createOddityCounters, type OddityCounters } from "./oddities.ts";
import { createRequestCounters, type RequestCounters } from "./refusals.ts";
import type { CommitObserver } from "./store/batch-store.ts";
import { observed, type ProcessCounters, type Scraped } from "./telemetry-observed.ts";

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
  /** What was dropped, by reason; the ledger has their sum. */
  readonly filtered: FilterCounters;
  readonly onCommit: CommitObserver;
  onExport(observation: ExportObservation): void;
  /** All metrics in the text format of Prometheus. */
  scrape(scraped: Scraped): Promise<string>;
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
  scrape(scraped: Scraped): Promise<string>;
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
  const filtered = createFilterCounters();
  let waiting: Recording[] = [];
  let backend: Backend | undefined;
  let loading: Promise<Backend> | undefined;

  function load(): Promise<Backend> {
    loading ??= loadBackend({ requests, oddities, filtered }).then((loaded) => {
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
    filtered,
    onCommit: ({ durationMs, messages }) => record({ kind: "commit", durationMs, messages }),
    onExport: (observation) => record({ kind: "export", ...observation }),
    scrape: async (scraped) => (await load()).scrape(scraped),
  };
}

async function loadBackend(counters: ProcessCounters): Promise<Backend> {
  const [{ MeterProvider }, { PrometheusExporter, PrometheusSerializer }] = await Promise.all([
    import("@opentelemetry/sdk-metrics"),
    import("@opentelemetry/exporter-prometheus"),
  ]);
  const reader = new PrometheusExporter({ preventServerStart: true });
  const meter = new MeterProvider({ readers: [reader] }).getMeter("mqtt-otlp-gateway");
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  let scraped: Scraped | undefined;

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

  for (const { kind, name, description, points } of observed(counters)) {
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
    async scrape(now) {
      scraped = now;
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
