import { BinaryReader } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8Size, varintSize, WireWriter } from "../../pipeline/otlp/wire.ts";

const anyText = fc.string({ unit: "binary", maxLength: 120 });

describe("WireWriter", () => {
  it("writes varints of the size that varintSize() says", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 - 1 }), (value) => {
        const writer = new WireWriter(8);
        writer.varint(value);
        expect(writer.length).toBe(varintSize(value));
        expect(new BinaryReader(writer.written).uint32()).toBe(value);
      }),
    );
  });

  it("writes any text as TextEncoder does, in utf8Size() bytes", () => {
    fc.assert(
      fc.property(
        fc.oneof(anyText, fc.string({ unit: fc.constantFrom("a", "\ud83d", "\ude00", "é", "€") })),
        (text) => {
          const size = utf8Size(text);
          const writer = new WireWriter(size);
          writer.utf8(text, size);
          expect(writer.written).toEqual(new TextEncoder().encode(text));
        },
      ),
    );
  });

  it("writes 64-bit integers the same from a number and from a bigint", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const writer = new WireWriter(16);
        writer.integer64(value);
        writer.integer64(BigInt(value));
        const reader = new BinaryReader(writer.written);
        expect(reader.sfixed64()).toBe(BigInt(value));
        expect(reader.sfixed64()).toBe(BigInt(value));
      }),
    );
  });

  it("reserve() keeps what was written", () => {
    const writer = new WireWriter(2);
    writer.byte(1);
    writer.byte(2);
    writer.reserve(1);
    writer.byte(3);
    expect([...writer.written]).toEqual([1, 2, 3]);
  });
});
