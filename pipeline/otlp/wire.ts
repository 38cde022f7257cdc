/**
 * Protocol Buffers wire format, as far as OTLP requests need it, with the size of everything known before it is
 * written. That is what makes an exact limit on the size of a request cheap: nothing is encoded to be measured.
 *
 * Source: Protocol Buffers documentation, "Encoding".
 */

const utf8 = new TextEncoder();

/** Texts up to this length are written by a loop; beyond it the runtime's encoder is faster. */
const loopLengthMax = 48;

/** Bytes of an unsigned varint. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  return 5;
}

/** Bytes of a length-delimited field with a tag of one byte, that is a field number up to 15. */
export function lengthDelimitedSize(contentSize: number): number {
  return 1 + varintSize(contentSize) + contentSize;
}

/** Bytes of a 64-bit field with a tag of one byte: fixed64, sfixed64 and double alike. */
export const fixed64FieldSize = 9;

/** Bytes of a text in UTF-8. A lone surrogate counts as the replacement character that is written for it. */
export function utf8Size(text: string): number {
  const { length } = text;
  let size = length;
  for (let i = 0; i < length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) size += 1;
    else if (isSurrogatePair(unit, text.charCodeAt(i + 1))) {
      size += 2;
      i += 1;
    } else size += 2;
  }
  return size;
}

function isSurrogatePair(first: number, second: number): boolean {
  return (first & 0xfc00) === 0xd800 && (second & 0xfc00) === 0xdc00;
}

/** Tag of a field: its number and its wire type. */
export function tag(fieldNumber: number, wireType: 0 | 1 | 2 | 5): number {
  return (fieldNumber << 3) | wireType;
}

/**
 * Writes protobuf fields into a buffer that grows only in `reserve()`: whoever knows a size reserves it once, and
 * the single writes check nothing.
 */
export class WireWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written, without a copy: valid until the next `reserve()`. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  reserve(size: number): void {
    const wanted = this.#length + size;
    if (wanted <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(wanted, 2 * this.#bytes.length));
    grown.set(this.written);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  /** Forget what was written behind `length`. */
  truncate(length: number): void {
    this.#length = length;
  }

  byte(value: number): void {
    this.#bytes[this.#length++] = value;
  }

  varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** A varint of 64 bits; a negative value is written as its two's complement. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  fixed32(value: number): void {
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  fixed64(value: bigint): void {
    this.#view.setBigUint64(this.#length, value, true);
    this.#length += 8;
  }

  /** An integer, exact as a number or as a bigint, in 64 bits. */
  integer64(value: number | bigint): void {
    if (typeof value === "bigint") {
      this.fixed64(value);
    } else {
      this.#view.setUint32(this.#length, value >>> 0, true);
      this.#view.setInt32(this.#length + 4, Math.floor(value / 0x1_0000_0000), true);
      this.#length += 8;
    }
  }

  double(value: number): void {
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Tag and length of a length-delimited field, whose content is written next. */
  open(fieldNumber: number, contentSize: number): void {
    this.#bytes[this.#length++] = tag(fieldNumber, 2);
    this.varint(contentSize);
  }

  /** A string field. `size` is its `utf8Size()`. */
  text(fieldNumber: number, text: string, size: number): void {
    this.open(fieldNumber, size);
    this.utf8(text, size);
  }

  /** A text without tag and length. `size` is its `utf8Size()`. */
  utf8(text: string, size: number): void {
    if (size === text.length && size <= loopLengthMax) {
      for (let i = 0; i < size; i += 1) this.#bytes[this.#length + i] = text.charCodeAt(i);
    } else {
      utf8.encodeInto(text, this.#bytes.subarray(this.#length));
    }
    this.#length += size;
  }
}
