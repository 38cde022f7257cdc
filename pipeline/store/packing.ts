/**
 * Requests of arrivals as one buffer that is transferred to the writer thread. Cloning them as objects would copy
 * the whole slab behind each payload that is a view on one.
 *
 * ```
 * requests:u32 { rows:u32 { source topic properties? met? arrivedUs:f64 identity? verdict payload } }
 * text and bytes: length:u32 content · optional ones: present:u8 first
 * ```
 */
import type { DeadLetterReason, Verdict } from "./batch-store.ts";
import type { ArrivalRow } from "./sqlite/messages.ts";

const kinds = ["accepted", "expired", "filtered", "deadLettered"] as const satisfies Verdict["kind"][];

/** Lengths, flags and numbers of one row, rounded up. */
const rowBytesMax = 96;
/** UTF-8 bytes for one UTF-16 code unit, at most. Source: RFC 3629, 3. */
const utf8BytesMax = 3;

export function packRequests(requests: readonly (readonly ArrivalRow[])[]): ArrayBuffer {
  let bytesMax = 4;
  for (const rows of requests) {
    bytesMax += 4;
    for (const row of rows) bytesMax += packedBytesMax(row);
  }
  const writer = new Writer(bytesMax);
  writer.u32(requests.length);
  for (const rows of requests) {
    writer.u32(rows.length);
    for (const row of rows) packRow(writer, row);
  }
  return writer.buffer.buffer;
}

export function unpackRequests(packed: ArrayBuffer): ArrivalRow[][] {
  const reader = new Reader(Buffer.from(packed));
  return Array.from({ length: reader.u32() }, () =>
    Array.from({ length: reader.u32() }, () => unpackRow(reader)),
  );
}

function packedBytesMax({ source, topic, properties, met, payload, verdict }: ArrivalRow): number {
  let characters = source.length + topic.length + (properties?.length ?? 0) + (met?.length ?? 0);
  if (verdict.kind === "filtered") characters += verdict.reason.length;
  if (verdict.kind === "deadLettered") {
    characters += verdict.reason.length + verdict.path.length + verdict.detail.length;
  }
  return rowBytesMax + characters * utf8BytesMax + payload.length;
}

function packRow(writer: Writer, row: ArrivalRow): void {
  writer.text(row.source);
  writer.text(row.topic);
  writer.optionalText(row.properties);
  writer.optionalText(row.met);
  writer.f64(row.arrivedAtUs);
  writer.bytes(row.identity ?? new Uint8Array(0));
  packVerdict(writer, row.verdict);
  writer.bytes(row.payload);
}

function unpackRow(reader: Reader): ArrivalRow {
  const source = reader.text();
  const topic = reader.text();
  const properties = reader.optionalText();
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
  readonly buffer: Buffer<ArrayBuffer>;
  #at = 0;

  constructor(bytes: number) {
    this.buffer = Buffer.from(new ArrayBuffer(bytes));
  }

  u8(value: number): void {
    this.#at = this.buffer.writeUInt8(value, this.#at);
  }

  u32(value: number): void {
    this.#at = this.buffer.writeUInt32LE(value, this.#at);
  }

  f64(value: number): void {
    this.#at = this.buffer.writeDoubleLE(value, this.#at);
  }

  text(value: string): void {
    const length = this.buffer.write(value, this.#at + 4);
    this.u32(length);
    this.#at += length;
  }

  optionalText(value: string | null): void {
    this.u8(value === null ? 0 : 1);
    if (value !== null) this.text(value);
  }

  bytes(value: Uint8Array): void {
    this.u32(value.length);
    this.buffer.set(value, this.#at);
    this.#at += value.length;
  }
}

class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#skip(1));
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#skip(4));
  }

  f64(): number {
    return this.#buffer.readDoubleLE(this.#skip(8));
  }

  text(): string {
    const length = this.u32();
    const start = this.#skip(length);
    return this.#buffer.toString("utf8", start, start + length);
  }

  optionalText(): string | null {
    return this.u8() === 0 ? null : this.text();
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
