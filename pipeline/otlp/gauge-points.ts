import type { MetricItem } from "../payload/format.ts";
import type { Undo } from "./aggregate.ts";
import { attributesSize, writeAttributes } from "./attributes.ts";
import { type MessageContext, timeOf } from "./message-context.ts";
import { isFloat, type Points } from "./metric.ts";
import type { SeriesDirectory } from "./series-points.ts";
import { fixed64FieldSize, lengthDelimitedSize, tag, WireWriter } from "./wire.ts";

/** Field numbers of NumberDataPoint. Source: OTLP, metrics.proto. */
const timeTag = tag(3, 1);
const asDoubleTag = tag(4, 1);
const asIntTag = tag(6, 1);
const attributesField = 7;

/** The points of a gauge, encoded as they come: every reading is kept, and none depends on another. */
export class GaugePoints implements Points {
  readonly fieldNumber = 5;
  readonly tail = new Uint8Array();
  readonly #writer = new WireWriter(256);
  readonly #directory: Pick<SeriesDirectory, "teller">;
  #count = 0;

  constructor(directory: Pick<SeriesDirectory, "teller">) {
    this.#directory = directory;
  }

  get count(): number {
    return this.#count;
  }

  get size(): number {
    return this.#writer.length;
  }

  add(item: MetricItem, context: MessageContext, undo: Undo[]): void {
    const { attributes, type, value } = item;
    this.#directory.teller.gauge(item);
    const writer = this.#writer;
    const { length } = writer;
    undo.push(() => {
      writer.truncate(length);
      this.#count -= 1;
    });
    const size = 2 * fixed64FieldSize + attributesSize(attributes);
    writer.reserve(lengthDelimitedSize(size));
    writer.open(1, size);
    writer.byte(timeTag);
    writer.fixed64(timeOf(item, context));
    if (isFloat(type)) {
      writer.byte(asDoubleTag);
      writer.double(Number(value));
    } else {
      writer.byte(asIntTag);
      writer.integer64(value);
    }
    writeAttributes(writer, attributesField, attributes);
    this.#count += 1;
  }

  restate(): false {
    return false;
  }

  finish(writer: WireWriter): void {
    writer.raw(this.#writer.written);
  }
}
