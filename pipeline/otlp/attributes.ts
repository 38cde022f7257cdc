import type { Attribute } from "../payload/format.ts";
import { hashOf } from "./fingerprint.ts";
import { fixed64FieldSize, lengthDelimitedSize, tag, utf8Size, varintSize, type WireWriter } from "./wire.ts";

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);
/** Numbers in the open range of ±2^63 convert to int64 without loss. */
const int64Bound = 2 ** 63;

/** AnyValue fields: 1 string, 2 bool, 3 int64, 4 double. Source: OTLP, common.proto. */
const boolTag = tag(2, 0);
const intTag = tag(3, 0);
const doubleTag = tag(4, 1);

type Value = Attribute["value"];

/** An item's own attributes, and behind them those of others that it has none of the same key as. */
export function withAdded(own: readonly Attribute[], added: readonly Attribute[]): readonly Attribute[] {
  return [...own, ...added.filter(({ key }) => !own.some((attribute) => attribute.key === key))];
}

/** Bytes of the attributes as repeated KeyValue fields with a tag of one byte. */
export function attributesSize(attributes: readonly Attribute[]): number {
  let size = 0;
  for (const attribute of attributes) size += lengthDelimitedSize(keyValueSize(attribute));
  return size;
}

/** Write attributes as repeated KeyValue fields. The writer has room for `attributesSize()` bytes. */
export function writeAttributes(
  writer: WireWriter,
  fieldNumber: number,
  attributes: readonly Attribute[],
): void {
  for (const { key, value } of attributes) {
    const keySize = utf8Size(key);
    const size = valueSize(value);
    writer.open(fieldNumber, lengthDelimitedSize(keySize) + lengthDelimitedSize(size));
    writer.text(1, key, keySize);
    writer.open(2, size);
    writeValue(writer, value);
  }
}

/**
 * Text that is the same for two sets of attributes exactly when the sets are the same, in whatever order: names
 * and values with their lengths, because either may contain any separator. Well formed, as what is sent is.
 */
export function attributesKey(attributes: readonly Attribute[]): string {
  if (attributes.length === 0) return "";
  const sorted = isSorted(attributes)
    ? attributes
    : attributes.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  let text = "";
  for (const { key, value } of sorted) {
    const valueText = typeof value === "string" ? value : String(value);
    text += `${typeCode(value)}${key.length},${valueText.length},${key}${valueText}`;
  }
  return text.toWellFormed();
}

/** 32 bits that are the same for the same attributes in the same order; those of others may be the same too. */
export function attributesHash(attributes: readonly Attribute[]): number {
  let hash = 0;
  for (const { key, value } of attributes) {
    hash = hashOf(typeof value === "string" ? value : String(value), hashOf(key, hash));
  }
  return hash;
}

/** Whether these are the same attributes in the same order. */
export function areSame(a: readonly Attribute[], b: readonly Attribute[]): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at += 1) {
    if (a[at]?.value !== b[at]?.value || a[at]?.key !== b[at]?.key) return false;
  }
  return true;
}

function isSorted(attributes: readonly Attribute[]): boolean {
  let before = "";
  for (const { key } of attributes) {
    if (key < before) return false;
    before = key;
  }
  return true;
}

function typeCode(value: Value): "s" | "b" | "i" | "d" {
  if (typeof value === "string") return "s";
  if (typeof value === "boolean") return "b";
  return isInt64(value) ? "i" : "d";
}

function isInt64(value: number | bigint): boolean {
  if (typeof value === "bigint") return value >= int64Min && value <= int64Max;
  return Number.isInteger(value) && Math.abs(value) < int64Bound;
}

function keyValueSize({ key, value }: Attribute): number {
  return lengthDelimitedSize(utf8Size(key)) + lengthDelimitedSize(valueSize(value));
}

function valueSize(value: Value): number {
  if (typeof value === "string") return lengthDelimitedSize(utf8Size(value));
  if (typeof value === "boolean") return 2;
  return isInt64(value) ? 1 + varint64Size(BigInt(value)) : fixed64FieldSize;
}

function varint64Size(value: bigint): number {
  if (value >= 0n && value < 0x10000000n) return varintSize(Number(value));
  return Math.ceil(BigInt.asUintN(64, value).toString(2).length / 7);
}

function writeValue(writer: WireWriter, value: Value): void {
  if (typeof value === "string") {
    writer.text(1, value, utf8Size(value));
  } else if (typeof value === "boolean") {
    writer.byte(boolTag);
    writer.byte(value ? 1 : 0);
  } else if (isInt64(value)) {
    writer.byte(intTag);
    writer.varint64(BigInt(value));
  } else {
    writer.byte(doubleTag);
    writer.double(Number(value));
  }
}
