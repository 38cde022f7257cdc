import fc from "fast-check";
import type { IPublishPacket } from "mqtt";
import mqttPacket from "mqtt-packet";
import { describe, expect, it } from "vitest";
import { readPublish } from "../../handlers/bridge/message.ts";
import { packetAt, parsePublish } from "../../handlers/bridge/publish-packet.ts";
import { publish } from "./bridge-peer.ts";

const versions = [4, 5] as const;

function parse(bytes: Buffer, protocolVersion: 4 | 5 = 5, start = 0) {
  const packet = packetAt(bytes, start);
  return packet && parsePublish(packet, protocolVersion);
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

/** As MQTT.js reads it. */
function readByMqttJs(bytes: Buffer, protocolVersion: 4 | 5) {
  const parser = mqttPacket.parser({ protocolVersion });
  const packets: IPublishPacket[] = [];
  parser.on("packet", (packet) => packets.push(packet as IPublishPacket));
  parser.parse(bytes);
  return packets.map(readPublish);
}

const text = fc.string({ unit: "grapheme", maxLength: 200 });
const name = text.filter((value) => value !== "");
const fields = fc.record({
  topic: name,
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  qos: fc.constantFrom(0, 1),
  retain: fc.boolean(),
  messageId: fc.integer({ min: 1, max: 65_535 }),
  properties: fc.record(
    {
      payloadFormatIndicator: fc.boolean(),
      messageExpiryInterval: fc.nat({ max: 0xffff_ffff }),
      contentType: text,
      responseTopic: name,
      correlationData: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      subscriptionIdentifier: fc.integer({ min: 1, max: 268_435_455 }),
      // One value each: where names are mixed, MQTT.js forgets the order.
      userProperties: fc.dictionary(name, text, { minKeys: 1, maxKeys: 3 }),
    },
    { requiredKeys: [] },
  ),
});

describe("parsePublish", () => {
  it.each(versions)("reads messages of version %i as MQTT.js does", (protocolVersion) => {
    fc.assert(
      fc.property(fc.array(fields, { minLength: 1, maxLength: 3 }), (messages) => {
        const generated = messages.map(({ properties, ...message }) => {
          const packet = publish(message.messageId, { ...message, qos: message.qos === 0 ? 0 : 1 });
          return mqttPacket.generate(protocolVersion === 5 ? { ...packet, properties } : packet, {
            protocolVersion,
          });
        });
        const bytes = Buffer.concat(generated);
        let start = 0;
        const read = generated.map(({ length }) => {
          start += length;
          return parse(bytes, protocolVersion, start - length);
        });
        expect(read).toEqual(readByMqttJs(bytes, protocolVersion));
      }),
    );
  });

  it("keeps the order of User Properties, and those that are empty", () => {
    const read = parse(
      bytesOf("32 1c 0001 61 0001 14 26 0001 62 0000 26 0001 61 0001 31 26 0001 62 0001 32 7b7d"),
    );
    expect(read?.message).toMatchObject({
      userProperties: [
        ["b", ""],
        ["a", "1"],
        ["b", "2"],
      ],
      payload: Buffer.from("{}"),
    });
  });

  it("reads the flags of a repeat of QoS 1", () => {
    expect(parse(bytesOf("3b 06 0001 61 0102 00"))).toMatchObject({
      message: { qos: 1, dup: true, retain: true },
      delivery: { packetId: 258, isSettled: false },
      bytes: 6,
    });
  });

  it.each([
    ["another packet", "40 06 0001 61 0001 00"],
    ["QoS 2", "34 06 0001 61 0001 00"],
    ["QoS 3", "36 06 0001 61 0001 00"],
    ["no topic", "32 05 0000 0001 00"],
    ["a topic that is cut off", "32 06 0009 61 0001 00"],
    ["nothing at all", "32 00"],
    ["no Packet Identifier", "32 03 0001 61"],
    ["Packet Identifier 0", "32 06 0001 61 0000 00"],
    ["no properties", "32 05 0001 61 0001"],
    ["properties that are cut off", "32 08 0001 61 0001 05 0101"],
    ["properties that end within one", "32 09 0001 61 0001 01 0101 7b"],
    ["a length of properties that is none", "32 09 0001 61 0001 ffffffff"],
    ["a User Property that is cut off", "32 0c 0001 61 0001 06 26 0001 61 00ff"],
    ["a Topic Alias", "32 09 0001 61 0001 03 23 0001"],
    ["a property of no message", "32 08 0001 61 0001 02 24 01"],
    ["two Content Types", "32 0e 0001 61 0001 08 03 0001 61 03 0001 62"],
    ["two Message Expiry Intervals", "32 10 0001 61 0001 0a 02 00000001 02 00000002"],
  ])("leaves %s to MQTT.js, whatever comes behind it", (_, hex) => {
    const plain = bytesOf("32 08 0001 62 0002 00 7b7d");
    expect(parse(Buffer.concat([bytesOf(hex), plain]))).toBeUndefined();
  });
});

describe("packetAt", () => {
  it("waits for the whole length", () => {
    for (const hex of ["32", "32 80", "32 808080"]) expect(packetAt(bytesOf(hex), 0)).toBeUndefined();
    expect(packetAt(bytesOf("00 32 8001"), 1)).toMatchObject({ at: 4, end: 132 });
  });

  it("gives a packet without a length no end", () => {
    expect(packetAt(bytesOf("32 ffffffff 01"), 0)?.end).toBe(Number.POSITIVE_INFINITY);
  });
});
