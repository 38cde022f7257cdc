import type { MetricItem } from "../payload/format.ts";
import type { Undo } from "./aggregate.ts";
import { attributesKey } from "./attributes.ts";
import { type MessageContext, plausibleTimeOf } from "./message-context.ts";
import { type MetricIdentity, metricKey } from "./series-key.ts";
import { overflowAttributes } from "./series-max.ts";
import type { SeriesDirectory } from "./series-points.ts";
import { keyRecord, type SeriesRecord } from "./series-record.ts";

const millisecondNanos = 1_000_000n;

/** The newest of the readings that have no series of their own. */
export interface SharedReading {
  item: MetricItem;
  timeUnixNano: bigint;
}

/**
 * The series of a gauge whose attributes a rule makes up: those that one batch adds, and the one that the readings
 * share for which there is no room. Told apart are the first ones that come. They are kept in the state by their keys
 * alone, so that a batch which is encoded again, also after a crash, has the same ones.
 *
 * Of the readings that are shared a batch has one point, the newest, and its time is at least 1 ms behind the point of
 * the batch before. They come from many devices, often with one and the same time, and a receiver that refuses a second
 * value at a time, or an earlier one, would refuse the whole request.
 *
 * Source: OpenTelemetry, "Metrics SDK", Last Value Aggregation.
 */
export class GaugeSeries {
  readonly #keyPrefix: string;
  readonly #directory: SeriesDirectory;
  /** Keys of new series. */
  readonly #opened: string[] = [];
  #shared: SharedReading | undefined;
  /** Time of the last shared point that was settled. */
  #sharedUnixNano = 0n;

  constructor(metric: MetricIdentity, directory: SeriesDirectory) {
    this.#keyPrefix = metricKey(metric);
    this.#directory = directory;
  }

  /** Points of shared readings, 0 or 1. */
  get sharedPoints(): number {
    return this.#shared === undefined ? 0 : 1;
  }

  /** Whether the reading has a series of its own; else it is shared. `undo` receives how to take it back. */
  add(item: MetricItem, context: MessageContext, undo: Undo[]): boolean {
    const directory = this.#directory;
    const key = this.#keyPrefix + attributesKey(item.attributes);
    if (directory.knows(key)) return true;
    if (!directory.admits(key)) {
      directory.passed(item, undo);
      this.#share({ item, timeUnixNano: plausibleTimeOf(item, context) }, undo);
      return false;
    }
    directory.open(key, undo);
    this.#opened.push(key);
    undo.push(() => this.#opened.pop());
    return true;
  }

  /** Give the series to `changes`. Gives the reading that stands for the shared ones. */
  finish(changes: Map<string, SeriesRecord>): SharedReading | undefined {
    for (const key of this.#opened) changes.set(key, keyRecord);
    if (this.#shared === undefined) return undefined;
    const { item, timeUnixNano: newest } = this.#shared;
    const earliest = this.#sharedUnixNano + millisecondNanos;
    const timeUnixNano = newest > earliest ? newest : earliest;
    changes.set(this.#sharedKey, { ...keyRecord, timeUnixNano });
    return { item, timeUnixNano };
  }

  #share(reading: SharedReading, undo: Undo[]): void {
    const before = this.#shared;
    if (before === undefined) {
      this.#sharedUnixNano = this.#directory.open(this.#sharedKey, undo)?.timeUnixNano ?? 0n;
    } else if (reading.timeUnixNano < before.timeUnixNano) {
      return;
    }
    this.#shared = reading;
    undo.push(() => {
      this.#shared = before;
    });
  }

  get #sharedKey(): string {
    return this.#keyPrefix + attributesKey(overflowAttributes);
  }
}
