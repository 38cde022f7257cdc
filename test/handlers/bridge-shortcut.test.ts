import { once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import fc from "fast-check";
import mqttPacket, { type Packet } from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { openShortcut, type ShortcutOptions } from "../../handlers/bridge/shortcut.ts";
import { publish } from "./bridge-peer.ts";
import { turn } from "./bridge-setup.ts";

const protocolVersion = 5;

function bytesOf(...packets: Packet[]): Buffer {
  return Buffer.concat(packets.map((packet) => mqttPacket.generate(packet, { protocolVersion })));
}

/** A stream that something reads as MQTT.js does, and what came where. */
function open(options: Partial<ShortcutOptions> = {}) {
  const stream = new PassThrough();
  const arrived: string[] = [];
  let pieces = 0;
  const parser = mqttPacket.parser({ protocolVersion });
  parser.on("packet", (packet) =>
    arrived.push(packet.cmd === "publish" ? `passed ${packet.payload}` : packet.cmd),
  );
  const reader = new Writable({
    write(bytes, _, done) {
      pieces++;
      parser.parse(bytes);
      done();
    },
  });
  stream.pipe(reader);
  openShortcut(stream, {
    protocolVersion,
    isOpen: () => true,
    take: ({ message }) => arrived.push(`taken ${message.payload}`),
    room: () => undefined,
    ...options,
  });
  return { stream, arrived, pieces: () => pieces };
}

describe("openShortcut", () => {
  it("takes messages and passes all else on, in order", async () => {
    const { stream, arrived } = open();
    stream.write(bytesOf(publish(1), { cmd: "pingresp" }, publish(2), { cmd: "puback", messageId: 9 }));
    await turn();
    expect(arrived).toEqual(["taken 1", "pingresp", "taken 2", "puback"]);
  });

  it("loses nothing, keeps the order and takes what is short, wherever the bytes are cut", async () => {
    const kind = fc.constantFrom("publish", "long publish", "pingresp");
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.array(kind, { minLength: 1, maxLength: 20 }), sizes, async (kinds, lengths) => {
        const { stream, arrived } = open();
        const payloads = kinds.map(
          (each, index) => `${index}${each === "publish" ? "" : "x".repeat(20_000)}`,
        );
        const bytes = bytesOf(
          ...kinds.map((each, index) =>
            each === "pingresp"
              ? ({ cmd: "pingresp" } as const)
              : publish(index + 1, { payload: payloads[index] ?? "" }),
          ),
        );
        for (let at = 0, turns = 0; at < bytes.length; turns++) {
          const length = lengths[turns % (lengths.length + 1)] ?? 9_000;
          stream.write(bytes.subarray(at, at + length));
          at += length;
        }
        stream.end();
        await once(stream, "end");
        expect(arrived.map((each) => each.replace(/^(taken|passed) (?=\d+x)/, ""))).toEqual(
          kinds.map((each, index) => {
            if (each === "pingresp") return each;
            return each === "publish" ? `taken ${payloads[index]}` : payloads[index];
          }),
        );
      }),
    );
  });

  it("passes messages on too while it is not open", async () => {
    let isOpen = false;
    const { stream, arrived } = open({ isOpen: () => isOpen });
    stream.write(bytesOf(publish(1)));
    await turn();
    isOpen = true;
    stream.write(bytesOf(publish(2)));
    await turn();
    expect(arrived).toEqual(["passed 1", "taken 2"]);
  });

  it("reads nothing while there is no room, whoever lets the stream flow again, and then all that came", async () => {
    const room = Promise.withResolvers<void>();
    let isFull = false;
    const { stream, arrived } = open({ room: () => (isFull ? room.promise : undefined) });
    isFull = true;
    stream.write(bytesOf(publish(1), { cmd: "pingresp" }));
    await turn();
    for (const packetId of [2, 3]) {
      stream.write(bytesOf(publish(packetId)));
      stream.resume();
      await turn();
      expect(stream.isPaused()).toBe(true);
    }
    expect(arrived).toEqual(["taken 1"]);
    isFull = false;
    room.resolve();
    await turn();
    expect(arrived).toEqual(["taken 1", "pingresp", "taken 2", "taken 3"]);
    stream.write(bytesOf(publish(4)));
    await turn();
    expect(arrived.at(-1)).toBe("taken 4");
  });

  it("reads 64 KiB in a turn, so that what it took is stored and acknowledged before it reads on", async () => {
    const { stream, arrived } = open();
    const payload = "x".repeat(1_000);
    const packet = bytesOf(publish(1, { payload }));
    const perRead = Math.ceil(65_536 / packet.length);
    const bytes = Buffer.concat(Array.from({ length: perRead }, () => packet));
    for (let read = 0; read < 4; read++) stream.write(bytes);
    const taken = [arrived.length];
    for (let turns = 0; turns < 12; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (arrived.length !== taken.at(-1)) taken.push(arrived.length);
    }
    expect(taken).toEqual([1, 2, 3, 4].map((reads) => reads * perRead));
  });

  it("looks for room behind a packet that came in two pieces", async () => {
    const room = Promise.withResolvers<void>();
    let isFull = false;
    const { stream, arrived } = open({ room: () => (isFull ? room.promise : undefined) });
    const bytes = bytesOf(publish(1), publish(2, { payload: "2".repeat(3_000) }), publish(3));
    stream.write(bytes.subarray(0, 5));
    await turn();
    isFull = true;
    stream.write(Buffer.concat([bytes.subarray(5), Buffer.alloc(2_000, bytesOf({ cmd: "pingresp" }))]));
    await turn();
    expect(arrived).toEqual(["taken 1"]);
    isFull = false;
    room.resolve();
    await turn();
    expect(arrived.slice(0, 4)).toEqual(["taken 1", `taken ${"2".repeat(3_000)}`, "taken 3", "pingresp"]);
    expect(arrived).toHaveLength(3 + 1_000);
  });

  it("takes nothing more of what came once the stream is destroyed", async () => {
    const { stream, arrived } = open({
      take({ message }) {
        arrived.push(`taken ${message.payload}`);
        stream.destroy();
      },
    });
    stream.write(bytesOf(publish(1), publish(2), { cmd: "pingresp" }));
    await turn();
    expect(arrived).toEqual(["taken 1"]);
  });

  it("takes nothing of what a destroyed stream still gives, be it inside of another payload", async () => {
    const { stream, arrived } = open({
      take({ message }) {
        arrived.push(`taken ${message.payload}`);
        if (`${message.payload}` === "1") stream.destroy();
      },
    });
    const inner = bytesOf(publish(3, { payload: "forged" }));
    const first = bytesOf(publish(1), publish(2));
    stream.emit("data", first);
    stream.emit("data", Buffer.concat([bytesOf(publish(4, { payload: "x".repeat(5_000) })), inner]));
    await turn();
    expect(arrived).toEqual(["taken 1"]);
  });

  it("reads what came before the end also when that comes while there is no room", async () => {
    const room = Promise.withResolvers<void>();
    let isFull = true;
    const { stream, arrived } = open({ room: () => (isFull ? room.promise : undefined) });
    const ended = once(stream, "end");
    stream.write(bytesOf(publish(1), publish(2)));
    stream.end(bytesOf(publish(3), { cmd: "disconnect", reasonCode: 0x8b }));
    await turn();
    stream.read(0);
    await turn();
    expect(arrived).toEqual(["taken 1"]);
    isFull = false;
    room.resolve();
    await ended;
    expect(arrived).toEqual(["taken 1", "taken 2", "taken 3", "disconnect"]);
  });

  it("passes what is left of a long message on in a few large pieces, however small it comes", async () => {
    const { stream, arrived, pieces } = open();
    const payload = "x".repeat(100_000);
    const bytes = bytesOf(publish(1, { payload }), { cmd: "pingresp" });
    for (let at = 0; at < bytes.length; at += 500) stream.write(bytes.subarray(at, at + 500));
    stream.end();
    await once(stream, "end");
    expect(arrived).toEqual([`passed ${payload}`, "pingresp"]);
    expect(pieces()).toBeLessThan(10);
  });
});
