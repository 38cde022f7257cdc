import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { identityOf } from "../../pipeline/identity.ts";
import type { MqttMessage } from "../../pipeline/message.ts";

const base: MqttMessage = {
  source: "s",
  topic: "t",
  payload: new Uint8Array([1, 2]),
  clientId: "c",
  messageId: "m",
  userProperties: [],
};

function halves(fields: Partial<MqttMessage>): { sender: string; content: string } {
  const hex = Buffer.from(identityOf({ ...base, ...fields }) ?? []).toString("hex");
  return { sender: hex.slice(0, 16), content: hex.slice(16) };
}

describe("identityOf()", () => {
  it("is 16 bytes, the same for the same message", () => {
    expect(identityOf(base)).toHaveLength(16);
    expect(identityOf(base)).toEqual(
      identityOf({ ...base, payload: base.payload.slice(), dup: true, qos: 1 }),
    );
  });

  it("is the one that stores hold already", () => {
    const { sender, content } = halves({ topic: "plant/größe/温度" });
    expect(sender + content).toBe("a0ea66c456b7e5f912a76f61acec2b3b");
  });

  it.each([0, 65_500, 65_536, 200_000])(
    "digests all of a payload of %i bytes, and nothing else",
    (length) => {
      halves({ payload: new Uint8Array(65_000).fill(1) });
      const payload = new Uint8Array(length).fill(7);
      const digest = createHash("sha256").update("1:t").update(payload).digest("hex");
      expect(halves({ payload }).content).toBe(digest.slice(0, 16));
    },
  );

  it("is undefined without a message id", () => {
    expect(identityOf({ ...base, messageId: undefined })).toBeUndefined();
  });

  it.each([
    ["source", { source: "x" }],
    ["client id", { clientId: "x" }],
    ["missing client id", { clientId: undefined }],
    ["message id", { messageId: "x" }],
  ])("another %s is another sender's message with the same content", (_, fields) => {
    expect(halves(fields).sender).not.toBe(halves({}).sender);
    expect(halves(fields).content).toBe(halves({}).content);
  });

  it.each([
    ["topic", { topic: "x" }],
    ["payload", { payload: new Uint8Array([1, 3]) }],
  ])("another %s is another content under the same id", (_, fields) => {
    expect(halves(fields).sender).toBe(halves({}).sender);
    expect(halves(fields).content).not.toBe(halves({}).content);
  });

  describe("of a message that our own side names", () => {
    const run = "0b7c1a6e-3f52-4d5e-9b0a-5a4f0c1d2e3f";
    const named = (number: number, fields: Partial<MqttMessage> = {}) =>
      halves({ messageId: undefined, repeatId: { run, number }, ...fields });

    it("is the one that stores hold already", () => {
      expect(named(7)).toEqual({ sender: "c18bf629e2440398", content: halves({}).content });
    });

    it("is the same for the same number of the same run alone, whichever came before", () => {
      const first = named(7).sender;
      expect(named(8).sender).not.toBe(first);
      expect(named(7, { repeatId: { run: "another", number: 7 } }).sender).not.toBe(first);
      expect(named(7).sender).toBe(first);
    });

    it("goes by the sender's id where there is one", () => {
      expect(named(7, { messageId: "m" })).toEqual(halves({}));
    });

    it("differs between all numbers, also beyond 32 bits", () => {
      const numbers = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 33, Number.MAX_SAFE_INTEGER];
      for (let number = 2; number <= 65_535; number++) numbers.push(number);
      expect(new Set(numbers.map((number) => named(number).sender)).size).toBe(numbers.length);
    });

    it("spreads numbers that follow one another over the store's table", () => {
      const slotOf = (number: number) => Buffer.from(named(number).sender, "hex").readUInt32LE(0) & 0xff_ff;
      const slots = Array.from({ length: 2_000 }, (_, number) => slotOf(number)).sort((a, b) => a - b);
      const gaps = slots.slice(1).map((slot, index) => slot - (slots[index] ?? 0));
      expect(Math.min(...gaps)).toBeGreaterThan(8);
    });
  });

  it("does not mix up fields that are the same text put together", () => {
    expect(halves({ source: "ab", clientId: "c" })).not.toEqual(halves({ source: "a", clientId: "bc" }));
    expect(halves({ clientId: "ab", messageId: "c" })).not.toEqual(
      halves({ clientId: "a", messageId: "bc" }),
    );
    const bytes = new TextEncoder();
    expect(halves({ topic: "ab", payload: bytes.encode("c") })).not.toEqual(
      halves({ topic: "a", payload: bytes.encode("bc") }),
    );
  });
});
