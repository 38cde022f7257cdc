import type { Items, MetricItem } from "../payload/format.ts";
import type { StateChange, StoredMessage } from "../store/batch-store.ts";
import type { Undo } from "./aggregate.ts";
import { CumulativePoints, type SeriesDirectory } from "./cumulative-points.ts";
import type { Encoder, Encoding } from "./encoder.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { RequestFrame, sortedAttributes } from "./frame.ts";
import { GaugePoints } from "./gauge-points.ts";
import { Histogram } from "./histogram.ts";
import { Metric, type MetricKind, metricKinds, type Points } from "./metric.ts";
import { endedFingerprint, type SeriesRecord, SeriesState } from "./series-state.ts";
import type { EncoderSettings } from "./settings.ts";
import { Sum } from "./sum.ts";
import { tag } from "./wire.ts";

const temporalityTag = tag(2, 0);
const monotonicTag = tag(3, 0);
/** Source: OTLP, metrics.proto, AggregationTemporality. */
const cumulative = 2;

const sumTail = Uint8Array.of(temporalityTag, cumulative);
const monotonicSumTail = Uint8Array.of(temporalityTag, cumulative, monotonicTag, 1);
const histogramTail = Uint8Array.of(temporalityTag, cumulative);

/** An encoder of metrics. Gauges have no state; sums and histograms run on from batch to batch. */
export function createMetricsEncoder(settings: EncoderSettings): Encoder {
  const frame = new RequestFrame(settings.resourceAttributes);
  const state = new SeriesState();
  return {
    load: (chunks) => state.load(chunks),
    begin: () => new MetricsEncoding(settings, frame, state),
    restart(message, items) {
      const unlimited = { ...settings, requestBytesMax: Number.POSITIVE_INFINITY };
      const encoding = new MetricsEncoding(unlimited, frame, state);
      encoding.add(message, items);
      const touched = encoding.changedKeys();
      const names = new Set(items.metrics.map(({ name }) => name));
      return {
        follow(later, { metrics, logs }) {
          encoding.add(later, { metrics: metrics.filter(({ name }) => names.has(name)), logs });
        },
        commit: () => encoding.abandon(touched),
      };
    },
    get series() {
      return state.size;
    },
  };
}

class MetricsEncoding implements Encoding, SeriesDirectory {
  readonly #settings: EncoderSettings;
  readonly #frame: RequestFrame;
  readonly #state: SeriesState;
  readonly #metrics: Metric[] = [];
  readonly #metricsByName = new Map<string, Metric[]>();
  readonly #openedKeys = new Set<string>();
  #contentSize = 0;
  #messages = 0;
  #changes = new Map<string, SeriesRecord>();

  constructor(settings: EncoderSettings, frame: RequestFrame, state: SeriesState) {
    this.#settings = settings;
    this.#frame = frame;
    this.#state = state;
  }

  get messages(): number {
    return this.#messages;
  }

  add(message: StoredMessage, { metrics }: Items): boolean {
    const contentSize = this.#contentSize;
    const arrivalUnixNano = BigInt(Math.max(1, message.arrivedAtUs)) * 1000n;
    const undo: Undo[] = [];
    for (const item of metrics) {
      this.#add(item, arrivalUnixNano, undo);
    }
    if (metrics.length > 0 && this.#frame.requestSize(this.#contentSize) > this.#settings.requestBytesMax) {
      for (const takeBack of undo.reverse()) takeBack();
      this.#contentSize = contentSize;
      return false;
    }
    this.#messages += 1;
    return true;
  }

  finish(): { request: Uint8Array | undefined; items: number } {
    if (this.#metrics.length === 0) return { request: undefined, items: 0 };
    const items = this.#metrics.reduce((sum, { points }) => sum + points.count, 0);
    const { request, changes } = this.#write();
    this.#changes = changes;
    // Only the changes are wanted from here on, and the request may wait for its receiver for days.
    this.#metrics.length = 0;
    this.#metricsByName.clear();
    this.#openedKeys.clear();
    return { request, items };
  }

  commit(): StateChange | undefined {
    const change = this.#state.update(this.#changes);
    // The next batch is encoded while someone may still hold this one.
    this.#changes.clear();
    return change;
  }

  /** Keys of the series that it adds to. */
  changedKeys(): ReadonlySet<string> {
    return new Set(this.#write().changes.keys());
  }

  /** End the sequences of these series, without the values that it adds. Their last points count as sent. */
  abandon(keys: ReadonlySet<string>): StateChange | undefined {
    const ended = [...this.#write().changes]
      .filter(([key]) => keys.has(key))
      .map(([key, record]): [string, SeriesRecord] => [key, { ...record, fingerprint: endedFingerprint }]);
    return this.#state.update(new Map(ended));
  }

  #write(): { request: Uint8Array; changes: Map<string, SeriesRecord> } {
    const changes = new Map<string, SeriesRecord>();
    const writer = this.#frame.open(this.#contentSize);
    for (const metric of this.#metrics) metric.finish(writer, changes);
    return { request: writer.written, changes };
  }

  get(key: string): SeriesRecord | undefined {
    return this.#state.get(key);
  }

  admits(key: string): boolean {
    return this.#state.size + this.#openedKeys.size < this.#settings.seriesMax || this.#state.has(key);
  }

  open(key: string, undo: Undo[]): void {
    this.#openedKeys.add(key);
    undo.push(() => this.#openedKeys.delete(key));
  }

  #add(item: MetricItem, arrivalUnixNano: bigint, undo: Undo[]): void {
    const known = this.#find(item);
    const metric = known ?? this.#create(item, undo);
    const sizeBefore = known?.size ?? 0;
    // No time and the time 0 are the same: OTLP has no points of the time 0.
    metric.add(item, { itemUnixNano: item.timeUnixNano || arrivalUnixNano, arrivalUnixNano }, undo);
    this.#contentSize += metric.size - sizeBefore;
  }

  #find({ name, type, unit = "" }: MetricItem): Metric | undefined {
    const kind = metricKinds[type];
    return this.#metricsByName.get(name)?.find((metric) => metric.kind === kind && metric.unit === unit);
  }

  #create({ name, type, unit = "" }: MetricItem, undo: Undo[]): Metric {
    const kind = metricKinds[type];
    const metric = new Metric({ kind, name, unit, points: this.#createPoints(kind, name, unit) });
    const sameName = this.#metricsByName.get(name);
    if (sameName === undefined) this.#metricsByName.set(name, [metric]);
    else sameName.push(metric);
    this.#metrics.push(metric);
    undo.push(() => {
      this.#metrics.pop();
      this.#metricsByName.get(name)?.pop();
    });
    return metric;
  }

  #createPoints(kind: MetricKind, name: string, unit: string): Points {
    if (kind === "gauge") return new GaugePoints();
    const { histogramBounds, resourceAttributes, temporality, windowMs } = this.#settings;
    const common = {
      directory: this,
      windowNanos: BigInt(windowMs) * 1_000_000n,
      keyPrefix: `${kind} ${name.length},${unit.length},${name}${unit} `.toWellFormed(),
    };
    if (kind === "histogram") {
      const bounds = Object.hasOwn(histogramBounds.byMetricName, name)
        ? (histogramBounds.byMetricName[name] ?? histogramBounds.default)
        : histogramBounds.default;
      return new CumulativePoints<Histogram>({
        ...common,
        fieldNumber: 9,
        tail: histogramTail,
        fingerprint: fingerprintOf([sortedAttributes(resourceAttributes), temporality, bounds]),
        create: () => new Histogram(bounds),
        restore: (record) => Histogram.restore(bounds, record),
      });
    }
    return new CumulativePoints<Sum>({
      ...common,
      fieldNumber: 7,
      tail: kind === "sum" ? sumTail : monotonicSumTail,
      fingerprint: fingerprintOf([sortedAttributes(resourceAttributes), temporality]),
      create: () => new Sum(),
      restore: Sum.restore,
    });
  }
}
