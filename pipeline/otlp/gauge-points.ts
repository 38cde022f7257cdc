import type { Attribute, MetricItem } from "../payload/format.ts";
import type { Undo } from "./aggregate.ts";
import { attributesSize, writeAttributes } from "./attributes.ts";
import { GaugeSeries } from "./gauge-series.ts";
import { type MessageContext, timeOf } from "./message-context.ts";
import { isFloat, type Points } from "./metric.ts";
import { writeNumber } from "./number-value.ts";
import type { MetricIdentity } from "./series-key.ts";
import { overflowAttributes } from "./series-max.ts";
import type { SeriesDirectory } from "./series-points.ts";
import type { SeriesRecord } from "./series-record.ts";
import { fixed64FieldSize, lengthDelimitedSize, tag, WireWriter } from "./wire.ts";

/** Field numbers of NumberDataPoint. Source: OTLP, metrics.proto. */
const timeTag = tag(3, 1);
const attributesField = 7;

const sharedPointSize = lengthDelimitedSize(contentSize(overflowAttributes));

/**
 * The points of a gauge, encoded as they come: every reading is kept, and none depends on another. Only what a rule
 * makes beyond the limit of series is put together.
 */
export class GaugePoints implements Points {
  readonly fieldNumber = 5;
  readonly tail = new Uint8Array();
  readonly #writer = new WireWriter(256);
  readonly #metric: MetricIdentity;
  readonly #directory: SeriesDirectory;
  /** Of a rule's readings; undefined: there were none. */
  #series: GaugeSeries | undefined;
  #count = 0;

  constructor(metric: MetricIdentity, directory: SeriesDirectory) {
    this.#metric = metric;
    this.#directory = directory;
  }

  get count(): number {
    return this.#count + this.#sharedPoints;
  }

  get size(): number {
    return this.#writer.length + this.#sharedPoints * sharedPointSize;
  }

  add(item: MetricItem, context: MessageContext, undo: Undo[]): void {
    if (item.madeBy !== undefined) {
      this.#series ??= new GaugeSeries(this.#metric, this.#directory);
      if (!this.#series.add(item, context, undo)) return;
    }
    const writer = this.#writer;
    const { length } = writer;
    undo.push(() => {
      writer.truncate(length);
      this.#count -= 1;
    });
    writePoint(writer, item, timeOf(item, context), item.attributes);
    this.#count += 1;
  }

  restate(): false {
    return false;
  }

  finish(writer: WireWriter, changes: Map<string, SeriesRecord>): void {
    writer.raw(this.#writer.written);
    const shared = this.#series?.finish(changes);
    if (shared !== undefined) writePoint(writer, shared.item, shared.timeUnixNano, overflowAttributes);
  }

  get #sharedPoints(): number {
    return this.#series === undefined ? 0 : this.#series.sharedPoints;
  }
}

function contentSize(attributes: readonly Attribute[]): number {
  return 2 * fixed64FieldSize + attributesSize(attributes);
}

function writePoint(
  writer: WireWriter,
  { type, value }: MetricItem,
  timeUnixNano: bigint,
  attributes: readonly Attribute[],
): void {
  const size = contentSize(attributes);
  writer.reserve(lengthDelimitedSize(size));
  writer.open(1, size);
  writer.byte(timeTag);
  writer.fixed64(timeUnixNano);
  writeNumber(writer, value, isFloat(type));
  writeAttributes(writer, attributesField, attributes);
}
