import type { Attribute, Items, LogItem } from "../payload/format.ts";
import type { StoredMessage } from "../store/batch-store.ts";
import { attributesSize, withAdded, writeAttributes } from "./attributes.ts";
import type { Encoder, Encoding } from "./encoder.ts";
import { RequestFrame } from "./frame.ts";
import type { EncoderSettings } from "./settings.ts";
import { severityNumbers } from "./severity.ts";
import { parseTraceContext } from "./trace-context.ts";
import type { TraceContext } from "./trace-ids.ts";
import { fixed64FieldSize, lengthDelimitedSize, tag, utf8Size, WireWriter } from "./wire.ts";

/** An encoder of log records. They have no state: every record is sent as it came. */
export function createLogsEncoder(
  settings: Pick<EncoderSettings, "requestBytesMax" | "resourceAttributes">,
): Encoder {
  const frame = new RequestFrame(settings.resourceAttributes);
  return {
    load() {},
    begin: () => new LogsEncoding(frame, settings.requestBytesMax),
    restart: () => ({ also() {}, follow() {}, commit: () => undefined }),
    series: 0,
    overflowedReadings: 0,
  };
}

class LogsEncoding implements Encoding {
  readonly #frame: RequestFrame;
  readonly #requestBytesMax: number;
  #records = new WireWriter(4096);
  #messages = 0;
  #items = 0;

  constructor(frame: RequestFrame, requestBytesMax: number) {
    this.#frame = frame;
    this.#requestBytesMax = requestBytesMax;
  }

  get messages(): number {
    return this.#messages;
  }

  add(message: StoredMessage, { logs, added, traceparent }: Items): boolean {
    const { length } = this.#records;
    const trace = parseTraceContext(message.userProperties, traceparent);
    const observedUnixNano = BigInt(message.arrivedAtUs) * 1000n;
    for (const log of logs) {
      const ofOrigin = added === undefined ? log.attributes : withAdded(log.attributes, added);
      const attributes = withMessageAttributes(ofOrigin, message.topic);
      writeLogRecord(this.#records, { log, attributes, trace, observedUnixNano });
      if (this.#frame.requestSize(this.#records.length) > this.#requestBytesMax) {
        this.#records.truncate(length);
        return false;
      }
    }
    this.#messages += 1;
    this.#items += logs.length;
    return true;
  }

  finish(): { request: Uint8Array | undefined; items: number } {
    if (this.#items === 0) return { request: undefined, items: 0 };
    const writer = this.#frame.open(this.#records.length);
    writer.raw(this.#records.written);
    // Only the request is wanted from here on, and it may wait for its receiver for days.
    this.#records = new WireWriter(0);
    return { request: writer.written, items: this.#items };
  }

  commit(): undefined {}
}

/** The attributes of a log record: its own first, then what the message says, unless its own have the same key. */
function withMessageAttributes(own: readonly Attribute[], topic: string): readonly Attribute[] {
  return withAdded(own, [
    { key: "messaging.system", value: "mqtt" },
    { key: "messaging.destination.name", value: topic },
  ]);
}

interface LogRecord {
  log: LogItem;
  attributes: readonly Attribute[];
  trace: TraceContext | undefined;
  observedUnixNano: bigint;
}

/** Bytes of flags, trace id and span id with their tags. */
const traceSize = 5 + lengthDelimitedSize(16) + lengthDelimitedSize(8);

/** Source: OTLP, logs.proto, LogRecord. */
function writeLogRecord(writer: WireWriter, { log, attributes, trace, observedUnixNano }: LogRecord): void {
  const severityTextSize = utf8Size(log.severityText);
  const bodySize = utf8Size(log.body);
  const hasTime = log.timeUnixNano !== undefined && log.timeUnixNano !== 0n;
  const size =
    (hasTime ? fixed64FieldSize : 0) +
    2 +
    (severityTextSize === 0 ? 0 : lengthDelimitedSize(severityTextSize)) +
    lengthDelimitedSize(lengthDelimitedSize(bodySize)) +
    attributesSize(attributes) +
    (trace === undefined ? 0 : traceSize) +
    fixed64FieldSize;

  writer.reserve(lengthDelimitedSize(size));
  writer.open(2, size);
  if (hasTime) {
    writer.byte(tag(1, 1));
    writer.fixed64(log.timeUnixNano ?? 0n);
  }
  writer.byte(tag(2, 0));
  writer.byte(severityNumbers[log.level]);
  if (severityTextSize > 0) writer.text(3, log.severityText, severityTextSize);
  writer.open(5, lengthDelimitedSize(bodySize));
  writer.text(1, log.body, bodySize);
  writeAttributes(writer, 6, attributes);
  if (trace !== undefined) {
    writer.byte(tag(8, 5));
    writer.fixed32(trace.flags);
    writer.open(9, trace.traceId.length);
    writer.raw(trace.traceId);
    writer.open(10, trace.spanId.length);
    writer.raw(trace.spanId);
  }
  writer.byte(tag(11, 1));
  writer.fixed64(observedUnixNano);
}
