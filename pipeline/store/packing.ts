/**
 * Requests of arrivals as one buffer that is transferred to the writer thread. Cloning them as objects would copy
 * the whole slab behind each payload that is a view on one.
 *
 * ```
 * { rows:u32 { source? topic properties? met? arrivedUs:f64 identity verdict payload } }
 * text and bytes: length:u32 content · with "?": absent, there, or (source, properties) as in the row before:u8 first
 * ```
 */
import type { Arrival, DeadLetterReason, Verdict } from "./batch-store.ts";
import { packMet } from "./sqlite/last-values.ts";
import type { ArrivalRow } from "./sqlite/messages.ts";
import { packProperties } from "./sqlite/properties.ts";

const kinds = ["accepted", "expired", "filtered", "deadLettered"] as const satisfies Verdict["kind"][];

/** Lengths, flags and numbers of one row, rounded up. */
const rowBytesMax = 96;
/** UTF-8 bytes for one UTF-16 code unit, at most. Source: RFC 3629, 3. */
const utf8BytesMax = 3;
const firstBytesMin = 1024;
const firstBytesMax = 1_048_576;
const noIdentity = new Uint8Array(0);
/** Before a text that may be left out. */
const textIs = { absent: 0, there: 1, asBefore: 2 } as const;

/** What of a row the next one mostly has too: the source, and the flags of a message. */
type Repeated = Pick<ArrivalRow, "source" | "properties">;
const nothingBefore: Repeated = { source: "", properties: null };

/** Packs requests as they come, so that nothing else of them is held until they cross. */
export class RequestPacker {
  #writer = new Writer(firstBytesMin);

  /** Errors: nothing of the request is packed then. */
  add(arrivals: readonly Arrival[]): void {
    const start = this.#writer.at;
    try {
      this.#writer.reserve(4);
      this.#writer.u32(arrivals.length);
      let before = nothingBefore;
      for (const arrival of arrivals) before = packRow(this.#writer, arrival, before);
    } catch (error) {
      this.#writer.at = start;
      throw error;
    }
  }

  /** All that were added, to be unpacked by their number; the packer is empty then. */
  take(): ArrayBuffer {
    const { buffer, at } = this.#writer;
    // To grow means to copy: the next ones likely take as much.
    const nextBytes = at > buffer.length / 2 ? buffer.length : buffer.length / 2;
    this.#writer = new Writer(Math.min(Math.max(nextBytes, firstBytesMin), firstBytesMax));
    return buffer.buffer;
  }
}

export function unpackRequests(packed: ArrayBuffer, count: number): ArrivalRow[][] {
  const reader = new Reader(packed);
  return Array.from({ length: count }, () => unpackRequest(reader));
}

function unpackRequest(reader: Reader): ArrivalRow[] {
  const rows: ArrivalRow[] = [];
  let before = nothingBefore;
  for (let left = reader.u32(); left > 0; left--) {
    const row = unpackRow(reader, before);
    before = row;
    rows.push(row);
  }
  return rows;
}

function packRow(writer: Writer, arrival: Arrival, before: Repeated): Repeated {
  const { message, arrivedAtUs, identity, verdict } = arrival;
  const { source, topic, payload } = message;
  const properties = packProperties(message);
  const met = packMet(arrival.met);
  const characters =
    source.length + topic.length + (properties?.length ?? 0) + (met?.length ?? 0) + charactersOf(verdict);
  writer.reserve(rowBytesMax + characters * utf8BytesMax + payload.length);
  writer.optionalText(source, before.source);
  writer.text(topic);
  writer.optionalText(properties, before.properties);
  writer.optionalText(met);
  writer.f64(arrivedAtUs);
  writer.bytes(identity ?? noIdentity);
  packVerdict(writer, verdict);
  writer.bytes(payload);
  return { source, properties };
}

function unpackRow(reader: Reader, before: Repeated): ArrivalRow {
  const source = reader.optionalText(before.source) ?? "";
  const topic = reader.text();
  const properties = reader.optionalText(before.properties);
  const met = reader.optionalText();
  const arrivedAtUs = reader.f64();
  const identity = reader.bytes();
  const verdict = unpackVerdict(reader);
  const payload = reader.bytes();
  return {
    source,
    topic,
    properties,
    arrivedAtUs,
    identity: identity.length === 0 ? undefined : identity,
    verdict,
    met,
    payload,
  };
}

function charactersOf(verdict: Verdict): number {
  if (verdict.kind === "filtered") return verdict.reason.length;
  if (verdict.kind !== "deadLettered") return 0;
  return verdict.reason.length + verdict.path.length + verdict.detail.length;
}

function packVerdict(writer: Writer, verdict: Verdict): void {
  writer.u8(kinds.indexOf(verdict.kind));
  if (verdict.kind === "accepted") {
    writer.f64(verdict.lanes);
    writer.f64(verdict.expiresAtUs ?? Number.NaN);
  } else if (verdict.kind === "filtered") {
    writer.text(verdict.reason);
  } else if (verdict.kind === "deadLettered") {
    writer.text(verdict.reason);
    writer.text(verdict.path);
    writer.text(verdict.detail);
  }
}

function unpackVerdict(reader: Reader): Verdict {
  const kind = kinds[reader.u8()];
  switch (kind) {
    case "accepted": {
      const lanes = reader.f64();
      const expiresAtUs = reader.f64();
      return { kind, lanes, expiresAtUs: Number.isNaN(expiresAtUs) ? undefined : expiresAtUs };
    }
    case "expired":
      return { kind };
    case "filtered":
      return { kind, reason: reader.text() };
    case "deadLettered":
      return {
        kind,
        reason: reader.text() as DeadLetterReason,
        path: reader.text(),
        detail: reader.text(),
      };
    default:
      throw new Error("Cannot unpack arrivals: unknown verdict");
  }
}

class Writer {
  buffer: Buffer<ArrayBuffer>;
  at = 0;
  #numbers: DataView;

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(bytes);
    this.#numbers = new DataView(this.buffer.buffer);
  }

  /** To be called before so much is written. */
  reserve(bytes: number): void {
    const wanted = this.at + bytes;
    if (wanted <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.buffer.length));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
    this.#numbers = new DataView(larger.buffer);
  }

  u8(value: number): void {
    this.#numbers.setUint8(this.at, value);
    this.at += 1;
  }

  u32(value: number): void {
    this.#numbers.setUint32(this.at, value, true);
    this.at += 4;
  }

  f64(value: number): void {
    this.#numbers.setFloat64(this.at, value, true);
    this.at += 8;
  }

  text(value: string): void {
    const length = this.buffer.write(value, this.at + 4);
    this.u32(length);
    this.at += length;
  }

  optionalText(value: string | null, before?: string | null): void {
    if (value === before) {
      this.u8(textIs.asBefore);
    } else if (value === null) {
      this.u8(textIs.absent);
    } else {
      this.u8(textIs.there);
      this.text(value);
    }
  }

  bytes(value: Uint8Array): void {
    this.u32(value.length);
    this.buffer.set(value, this.at);
    this.at += value.length;
  }
}

class Reader {
  readonly #buffer: Buffer;
  readonly #numbers: DataView;
  #at = 0;

  constructor(packed: ArrayBuffer) {
    this.#buffer = Buffer.from(packed);
    this.#numbers = new DataView(packed);
  }

  u8(): number {
    return this.#numbers.getUint8(this.#skip(1));
  }

  u32(): number {
    return this.#numbers.getUint32(this.#skip(4), true);
  }

  f64(): number {
    return this.#numbers.getFloat64(this.#skip(8), true);
  }

  text(): string {
    const length = this.u32();
    const start = this.#skip(length);
    return this.#buffer.toString("utf8", start, start + length);
  }

  optionalText(before: string | null = null): string | null {
    const kind = this.u8();
    if (kind === textIs.there) return this.text();
    return kind === textIs.asBefore ? before : null;
  }

  bytes(): Uint8Array {
    const length = this.u32();
    const start = this.#skip(length);
    return this.#buffer.subarray(start, start + length);
  }

  #skip(bytes: number): number {
    const start = this.#at;
    this.#at += bytes;
    return start;
  }
}
