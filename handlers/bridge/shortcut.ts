/**
 * The way of messages past MQTT.js, for which it takes most of its time: plain PUBLISH packets are taken from what the
 * connection brings, and all else goes on to it, in order.
 *
 *   stream ──▶ plain PUBLISH ──▶ take
 *          └─▶ all else, and large packets that come in pieces ──▶ MQTT.js
 */
import type { MqttClient } from "mqtt";
import type { Publish } from "./message.ts";
import { packetAt, parsePublish } from "./publish-packet.ts";

export interface ShortcutOptions {
  protocolVersion: 4 | 5;
  /** Until the broker has accepted the connection, everything is for MQTT.js. */
  isOpen(): boolean;
  take(publish: Publish): void;
  /** Undefined: there is room for another packet. Else resolves when there is, and nothing is read until then. */
  room(): Promise<void> | undefined;
}

const nothing = Buffer.alloc(0);
/** A packet of less waits until it is whole; of a larger one MQTT.js gets no smaller pieces, for each of which it takes time. */
const pieceBytesMin = 16_384;
/** So much is read in a turn. Where more waits, Node reads 32 times as much, and nothing is stored or acknowledged meanwhile. */
const turnBytesMax = 65_536;
/** Of what comes next, this is put behind the beginning of a packet first: most packets end in it. */
const jointBytes = 4_096;

/** Called when MQTT.js has begun to read the stream. */
export function openShortcut(
  stream: MqttClient["stream"],
  { protocolVersion, isOpen, take, room }: ShortcutOptions,
): void {
  const readers = stream.listeners("data") as ((bytes: Buffer) => void)[];
  let unread: Buffer = nothing;
  /** Of a packet whose beginning MQTT.js has. */
  let missingBytes = 0;
  let isHeld = false;
  let turnBytes = 0;

  function read(bytes: Buffer) {
    // It still gives what it had.
    if (stream.destroyed) return;
    if (isHeld) return giveBack(bytes);
    unread = joined(bytes);
    readOn();
    turnBytes += bytes.length;
    if (turnBytes < turnBytesMax || isHeld) return;
    turnBytes = 0;
    holdUntil(nextTurn());
  }

  /** What is to be read next: `bytes`, and before them what is left of those before. */
  function joined(bytes: Buffer): Buffer {
    const leftBytes = unread.length;
    if (leftBytes === 0) return bytes;
    if (bytes.length <= jointBytes) return Buffer.concat([unread, bytes]);
    unread = Buffer.concat([unread, bytes.subarray(0, jointBytes)]);
    const end = readPacket(0);
    if (end === 0) return Buffer.concat([unread, bytes.subarray(jointBytes)]);
    holdUntil(room());
    return bytes.subarray(end - leftBytes);
  }

  function readOn() {
    let at = 0;
    while (at < unread.length && !isHeld && !stream.destroyed) {
      const end = readPacket(at);
      if (end === at) break;
      at = end;
      holdUntil(room());
    }
    unread = unread.subarray(at);
    if (!isHeld) return;
    giveBack(unread);
    unread = nothing;
  }

  /** To the stream, so that its end waits until it is read. MQTT.js lets it flow again when it can go on itself. */
  function giveBack(bytes: Buffer) {
    stream.pause();
    if (bytes.length > 0 && !stream.destroyed) stream.unshift(bytes);
  }

  /** Gives the end of what has been read; where it begins: more must come first. */
  function readPacket(at: number): number {
    if (missingBytes > 0) {
      if (unread.length - at < Math.min(missingBytes, pieceBytesMin)) return at;
    } else {
      const packet = packetAt(unread, at);
      if (!packet) return at;
      const isWhole = packet.end <= unread.length;
      // The same message is read the same way wherever it is cut: only here are its User Properties in order.
      if (!isWhole && isOpen() && packet.bodyBytes < pieceBytesMin) return at;
      const publish = isWhole && isOpen() ? parsePublish(packet, protocolVersion) : undefined;
      if (publish) {
        take(publish);
        return packet.end;
      }
      missingBytes = packet.end - at;
    }
    const end = Math.min(at + missingBytes, unread.length);
    missingBytes -= end - at;
    for (const reader of readers) reader(unread.subarray(at, end));
    return end;
  }

  function holdUntil(hasRoom: Promise<void> | undefined) {
    if (!hasRoom) return;
    isHeld = true;
    stream.pause();
    void hasRoom.then(() => {
      isHeld = false;
      stream.resume();
    });
  }

  stream.on("data", read);
  for (const reader of readers) stream.off("data", reader);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
