import type { IPublishPacket, Packet } from "mqtt";
import { quote } from "../../pipeline/judge.ts";
import type { UserProperty } from "../../pipeline/message.ts";
import type { Element, ReadMessage } from "../../pipeline/source/adapter.ts";

const noProperties: readonly UserProperty[] = [];
/** So much of a payload is kept that is too large. */
const beginningBytes = 65_536;

/**
 * The message in a PUBLISH packet. The order of User Properties is known only among those of one name. What expires
 * does so from `takenAtUs` on, however long it then waits to be stored.
 */
export function readPublish(
  { topic, payload, qos, retain, dup, properties }: IPublishPacket,
  { takenAtUs, messageId }: { takenAtUs: number; messageId: string | undefined },
): ReadMessage {
  const expiry = properties?.messageExpiryInterval;
  return {
    topic,
    payload: typeof payload === "string" ? Buffer.from(payload) : payload,
    qos,
    retain,
    dup,
    messageId,
    contentType: properties?.contentType,
    messageExpiryIntervalSeconds: expiry,
    publishedAtUs: expiry === undefined ? undefined : takenAtUs,
    userProperties: properties?.userProperties ? pairsOf(properties.userProperties) : noProperties,
  };
}

/** Of a packet that is too large, why, and the beginning of its payload, copied so that the rest can go. */
export function readBeginning(
  { topic, payload }: IPublishPacket,
  { bytes, packetBytesMax }: { bytes: number; packetBytesMax: number },
): Element {
  const reason = `Cannot take a packet of ${bytes} bytes to topic ${quote(topic)}: limit is ${packetBytesMax}; the payload is cut off`;
  const body = Buffer.from(payload.slice(0, beginningBytes));
  return { kind: "broken", path: "", reason, body };
}

/**
 * What breaks the protocol in a packet that could be parsed, or is of no subscription of ours; undefined: nothing.
 *
 * Source: MQTT 5.0, 2.2.1, 3.3.2.3 and 3.8.4.
 */
export function findFault(packet: Packet): string | undefined {
  // The parser gives -1 for what was cut off.
  if (typeof packet.messageId === "number" && packet.messageId < 1)
    return "a packet without Packet Identifier";
  if (packet.cmd !== "publish") return undefined;
  if (packet.qos === 2) return "a message of QoS 2, which was not subscribed to";
  if (packet.properties && !areReadable(packet.properties)) {
    return "a message with properties that cannot be read";
  }
  return undefined;
}

/** One that comes twice, where once is right, is an array. */
function areReadable(properties: NonNullable<IPublishPacket["properties"]>): boolean {
  const { messageExpiryInterval = 0, contentType = "", userProperties = {} } = properties;
  return (
    Number.isInteger(messageExpiryInterval) &&
    messageExpiryInterval >= 0 &&
    typeof contentType === "string" &&
    Object.values(userProperties).every((values) =>
      [values].flat().every((value) => typeof value === "string"),
    )
  );
}

function pairsOf(properties: Record<string, string | string[]>): UserProperty[] {
  return Object.entries(properties).flatMap(([name, values]) =>
    [values].flat().map((value) => [name, value] as const),
  );
}
